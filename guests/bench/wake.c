/*
 * How late a halted processor is: from the deadline of its timer to the first instruction of the
 * handler (in C; the stub before it is some twenty instructions). The processor has halted long
 * before, so nothing but the wake-up is in the figure.
 */
#include "bench.h"

#define VECTOR 0x52
#define AHEAD 200000 /* instructions from arming to the deadline */

static volatile u64 woken_at;

static void on_timer(struct trap_frame *frame)
{
	woken_at = rdtsc();
	(void)frame;
	lapic_eoi();
}

static u64 wake_once(void)
{
	u64 deadline = rdtsc() + AHEAD;

	woken_at = 0;
	wrmsr(MSR_TSC_DEADLINE, deadline);
	while (!woken_at) {
		irq_on_and_halt();
		irq_off();
	}
	return woken_at - deadline;
}

void measure_wake(void)
{
	struct series s = { 0, 0, 0 };
	bool early = false;

	if (!(cpuid(1, 0).ecx & CPUID1_ECX_TSC_DEADLINE)) {
		print("bench: no TSC deadline here\n");
		return;
	}
	trap_set_handler(VECTOR, on_timer);
	lapic_write(LAPIC_LVT_TIMER, LVT_TIMER_DEADLINE | VECTOR);
	asm volatile("mfence" : : : "memory");
	for (u64 i = 0; i < rounds; i++) {
		u64 late = wake_once();

		early |= late >> 63;
		series_add(&s, late);
	}
	lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
	series_print(&s, "halt-wake");
	check(!early, "no timer came early");
}
