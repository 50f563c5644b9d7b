#pragma once
/*
 * The clock of a vCPU's own timer, that of its local APIC. It shows the partition's time, has a
 * host timer of its own, and belongs to the vCPU's thread: no lock, and no other vCPU has a part in
 * it.
 */
#include "kernel/cpu.h"
#include "vmm/vcpu.h"

/* When the vCPU is made. */
void vcpu_clock_init(struct vcpu *v);
/* When its thread has ended. */
void vcpu_clock_stop(struct vcpu *v);
/* Takes the host timer along. Interrupts off. */
void vcpu_clock_moved(struct vcpu *v);

/*
 * The thread is entered on this CPU. A timer that has stayed behind would still find the vCPU, by
 * an interrupt from CPU to CPU; this is cheaper. One that fires meanwhile fires twice, which does
 * no harm.
 */
static inline void vcpu_clock_switch_in(struct vcpu *v, const struct cpu *cpu)
{
	if (unlikely(READ_ONCE(v->clock_timer.armed) && v->clock_timer.cpu != cpu))
		vcpu_clock_moved(v);
}
