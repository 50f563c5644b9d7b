/* Task and processor priority of one processor hold back what another sends (SDM 3A 11.8.3). */
#include "tests.h"

static volatile u32 first, high_inside, step;
static volatile bool in_mid, leave_mid;

/* Waits inside, with interrupts on: only a higher class may come. */
static void on_mid(struct trap_frame *frame)
{
	in_mid = true;
	irq_on();
	while (!leave_mid)
		cpu_pause();
	irq_off();
	high_inside = got[cpu_index()][VECTOR_HIGH];
	on_interrupt(frame);
}

static void on_any(struct trap_frame *frame)
{
	if (!first)
		first = (u32)frame->vector;
	on_interrupt(frame);
}

/* With TPR at the class of VECTOR_MID, then, when it is told, with 0. */
static void receive_behind_tpr(void *by_cr8)
{
	if (by_cr8)
		write_cr8(VECTOR_MID >> 4);
	else
		lapic_write(LAPIC_TPR, VECTOR_MID & 0xf0);
	irq_on();
	step = 1;
	while (step < 2)
		cpu_pause();
	if (by_cr8)
		write_cr8(0);
	else
		lapic_write(LAPIC_TPR, 0);
	while (step < 3)
		cpu_pause();
	irq_off();
}

static void check_tpr(bool by_cr8)
{
	const char *how = by_cr8 ? "CR8" : "TPR";
	u32 early;

	got_clear();
	first = step = 0;
	cpu_call(1, receive_behind_tpr, (void *)(ulong)by_cr8);
	WAIT_FOR(step == 1, WAIT_MS);
	lapic_ipi(cpus[1].apic_id, VECTOR_LOW);
	lapic_ipi(cpus[1].apic_id, VECTOR_MID);
	lapic_ipi(cpus[1].apic_id, VECTOR_HIGH);
	check(wait_got(2, VECTOR_HIGH, 1) && first == VECTOR_HIGH,
	      "%s of another: a higher class gets through", how);
	settle();
	early = got[1][VECTOR_LOW] + got[1][VECTOR_MID];
	check_eq(early, 0, "%s of another: its own and lower ones do not", how);
	step = 2;
	check(wait_got(2, VECTOR_LOW, 1) && wait_got(2, VECTOR_MID, 1),
	      "%s of another: they come when it falls", how);
	step = 3;
	check(cpu_wait(1, WAIT_MS), "%s of another: it goes on", how);
}

static void check_ppr(void)
{
	got_clear();
	in_mid = leave_mid = false;
	trap_set_handler(VECTOR_MID, on_mid);
	others_take(SPINNING);
	lapic_ipi(cpus[1].apic_id, VECTOR_MID);
	check(WAIT_FOR(in_mid, WAIT_MS), "a handler begins on another");
	lapic_ipi(cpus[1].apic_id, VECTOR_LOW);
	settle();
	check_eq(got[1][VECTOR_LOW], 0, "a lower one waits");
	lapic_ipi(cpus[1].apic_id, VECTOR_HIGH);
	check(wait_got(2, VECTOR_HIGH, 1), "a higher one interrupts it");
	settle();
	check_eq(got[1][VECTOR_LOW], 0, "and lets no lower one in behind it");
	leave_mid = true;
	check(wait_got(2, VECTOR_LOW, 1), "until its EOI");
	check_eq(high_inside, 1, "and the higher one was inside");
	check(others_resume(), "all go on");
	trap_set_handler(VECTOR_MID, on_interrupt);
}

void smp_test_priority(void)
{
	if (cpu_count < 2) {
		check_skip("one processor", "priorities across processors");
		return;
	}
	trap_set_handler(VECTOR_LOW, on_any);
	trap_set_handler(VECTOR_MID, on_any);
	trap_set_handler(VECTOR_HIGH, on_any);
	check_tpr(false);
	check_tpr(true);
	check_ppr();
	trap_set_handler(VECTOR_LOW, on_interrupt);
	trap_set_handler(VECTOR_HIGH, on_interrupt);
}
