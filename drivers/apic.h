#pragma once
/* The physical local APIC (xAPIC or x2APIC) and IOAPICs. SDM 3A chapter 10. */
#include "compiler.h"
#include "types.h"

/* Bit of the logical destination that all processors have which run the kernel. */
#define APIC_LOGICAL_OURS 1u

/*
 * Maps and enables it on the boot CPU and masks its LVTs. xAPIC, unless the firmware left x2APIC
 * on. The timer counts with this vector; uses TSC deadline when asked to.
 */
void lapic_init(u64 base, u8 timer_vector, u8 spurious_vector, bool tsc_deadline);
/* The same on another processor. False: its APIC cannot be put into the mode of the boot CPU's. */
MUST_CHECK bool lapic_init_other(void);
u32 lapic_id(void);
void lapic_eoi(void);
void lapic_send_ipi(u32 apic_id, u8 vector);
void lapic_self_ipi(u8 vector);
void lapic_send_nmi(u32 apic_id);
/* SDM 3A 8.4.3: INIT makes a processor wait for its start at a page below 1 MiB. */
void lapic_send_init(u32 apic_id);
void lapic_send_startup(u32 apic_id, hpa_t page);
/* Timer: count ticks of the (divided) bus clock, or an absolute TSC where TSC deadline is used. */
void lapic_timer_oneshot(u32 ticks);
void lapic_timer_deadline(u64 tsc);
void lapic_timer_stop(void);
u32 lapic_timer_current(void); /* ticks left */

void ioapic_init(void); /* maps those of struct machine, masks every pin */
/* -EINVAL when no IOAPIC has this GSI. */
MUST_CHECK int ioapic_route(u32 gsi, u8 vector, u32 apic_id, bool active_low, bool level);
/*
 * As an NMI, which is edge-triggered, to every processor that lapic_init() or lapic_init_other()
 * has seen (in x2APIC mode to the first alone). Not by a broadcast: those that firmware has left
 * waiting somewhere, or that wait for their start, must not run.
 */
MUST_CHECK int ioapic_route_nmi(u32 gsi, bool active_low);
void ioapic_mask(u32 gsi, bool masked);
