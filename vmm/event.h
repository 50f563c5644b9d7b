#pragma once
/*
 * What waits to be delivered to a vCPU, and in which order: an event whose delivery was
 * interrupted, then exceptions, NMI, and external interrupts (SDM 3A 6.9, APM 2 8.5).
 */
#include "compiler.h"
#include "types.h"
#include "vmm/exit.h"

struct vcpu;

struct vevents {
	struct event again;	/* delivery was cut short by an exit */
	bool again_late;	/* an exception has been delivered before it since */
	struct event exception; /* raised by our emulation */
	bool nmi_pending;
	bool injected;		      /* the back end holds one for the next entry */
	bool intr_window, nmi_window; /* what has been asked of the back end */
};

/*
 * All in the vCPU's own thread. A second fault while one is pending becomes #DF or a triple fault.
 */
void event_raise(struct vcpu *v, u8 vector, bool has_error, u32 error);
void event_raise_ud(struct vcpu *v);
void event_raise_gp(struct vcpu *v, u32 error);
void event_raise_pf(struct vcpu *v, gva_t address, u32 error); /* also sets CR2 */
void event_raise_nmi(struct vcpu *v);			       /* any context, with a kick */
/* Forgets all that waits or is blocked: INIT. */
void event_discard(struct vcpu *v);
/* Gives the back end at most one event and asks for the windows that the rest need. */
void event_prepare(struct vcpu *v);
/* True when a halted vCPU must go on: NMI, or an interrupt that IF lets through. */
bool event_wakes(struct vcpu *v);
