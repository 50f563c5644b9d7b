/*
 * STI, HLT: the interrupt that was to wake the processor must not come between the two, or the
 * HLT sleeps for ever. The saved RIP tells: it is always behind the HLT.
 */
#include "tests.h"

#define ROUNDS 2000

static u32 wrong_rip;

static void on_timer(struct trap_frame *frame)
{
	irq_log_add(frame);
	lapic_eoi();
}

static void one_round(u32 ticks)
{
	u64 here;

	irq_log_clear();
	lapic_write(LAPIC_TIMER_INITIAL, ticks);
	asm volatile("sti\n\thlt\n1:\tcli\n\tleaq 1b(%%rip), %0" : "=r"(here) : : "memory");
	if (irq_count != 1 || irq_rip != here)
		wrong_rip++;
}

void irq_test_shadow(void)
{
	trap_set_handler(VECTOR_TIMER, on_timer);
	lapic_write(LAPIC_TIMER_DIVIDE, TIMER_DIVIDE_1);
	lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER);
	wrong_rip = 0;
	for (u32 i = 0; i < ROUNDS; i++)
		one_round(i * 7 % 3000 + 1);
	check_eq(wrong_rip, 0, "STI, HLT, %u times: the timer always wakes it", ROUNDS);
	wrong_rip = 0;
	lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
	for (u32 i = 0; i < ROUNDS / 2; i++) {
		u64 here;

		irq_log_clear();
		lapic_self_ipi(VECTOR_TIMER); /* is pending for certain when STI comes */
		asm volatile("sti\n\thlt\n1:\tcli\n\tleaq 1b(%%rip), %0" : "=r"(here) : : "memory");
		if (irq_count != 1 || irq_rip != here)
			wrong_rip++;
	}
	check_eq(wrong_rip, 0, "STI, HLT, with an interrupt already pending");
	lapic_write(LAPIC_TIMER_INITIAL, 0);
}
