#pragma once
/* The physical local APIC (xAPIC or x2APIC) and IOAPICs. SDM 3A chapter 11. */
#include "compiler.h"
#include "types.h"

void lapic_init(void);      /* maps and enables it on this CPU, masks LVTs; PIC off */
u32 lapic_id(void);
void lapic_eoi(void);
void lapic_send_ipi(u32 apic_id, u8 vector);
void lapic_self_ipi(u8 vector);
/* Timer: count ticks of the (divided) bus clock, or an absolute TSC where TSC deadline is used. */
void lapic_timer_oneshot(u32 ticks);
void lapic_timer_deadline(u64 tsc);
void lapic_timer_stop(void);
u32 lapic_timer_current(void);

void ioapic_init(void);     /* masks every pin */
/* -EINVAL when no IOAPIC has this GSI. */
MUST_CHECK int ioapic_route(u32 gsi, u8 vector, u32 apic_id, bool active_low, bool level);
void ioapic_mask(u32 gsi, bool masked);
