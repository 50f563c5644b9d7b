#pragma once
/*
 * A guest's processor that spins on PAUSE waits for another. If that one does not run because the
 * host has fewer CPUs, the time is lost for both: here it goes to the other one.
 *
 * A processor that can tell loops of PAUSE from single ones exits in loops alone, and may always do
 * so. One that cannot exits at each PAUSE, at a price that is only worth paying while some sibling
 * is ready to run and has no CPU. So there the exits are switched on when the vCPU gets the CPU and
 * such a sibling exists, or when it wakes one itself, and off when it finds none.
 */
#include "vmm/vcpu.h"

/* While the vCPU is made, with its state loaded. */
void pause_init(struct vcpu *v);
/* PAUSE has exited: another vCPU of the partition may have the CPU. In the vCPU's thread. */
void pause_yield(struct vcpu *v);
/* This vCPU has just been woken, by whoever calls. Any context. */
void pause_woken(const struct vcpu *sibling);

/* VCPU_REQ_PAUSE: switches the exits on or off. In the vCPU's thread. */
void pause_decide(struct vcpu *v);

void pause_look(struct vcpu *v);
/* The thread is entered. Interrupts off. */
static inline void pause_switch_in(struct vcpu *v)
{
	if (unlikely(v->pause.each))
		pause_look(v);
}
