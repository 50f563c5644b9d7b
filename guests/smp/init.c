/*
 * INIT and SIPI (SDM 3A 9.4, 11.6.1): an INIT stops a processor whatever it does; then it waits for
 * a SIPI, and for nothing else. A SIPI to one that does not wait has no effect.
 */
#include "tests.h"

#define ROUNDS 20

static volatile bool in_handler;

/* Never returns: an INIT ends it. */
static void on_trap_for_ever(struct trap_frame *frame)
{
	(void)frame;
	in_handler = true;
	for (;;)
		beat[cpu_index()]++;
}

/* It may take its last step a while after the INIT was sent, should the host hold it up. */
static bool stands_still(u32 n)
{
	u64 deadline = deadline_in_ms(WAIT_MS);
	u32 before;

	do {
		before = beat[n];
		settle();
	} while (beat[n] != before && rdtsc() < deadline);
	return beat[n] == before;
}

/* It is alive, and sleeps until it is called. */
static void nothing(void *arg)
{
	(void)arg;
}

static bool answers(u32 n)
{
	cpu_call(n, nothing, NULL);
	return cpu_wait(n, WAIT_MS);
}

/* After an INIT: the SIPI starts it, a second one does nothing more. */
static bool comes_up(u32 n)
{
	u32 starts = cpus[n].starts;
	bool ok;

	cpu_startup(n, AP_PAGE);
	ok = cpu_came_up(n, starts + 1);
	cpu_startup(n, AP_PAGE);
	settle();
	return ok && cpus[n].starts == starts + 1 && answers(n);
}

static void check_init(const char *what)
{
	u32 starts = cpus[1].starts;

	cpu_init(1);
	check(stands_still(1) && cpus[1].starts == starts, "INIT while %s: it stops", what);
	check(comes_up(1), "INIT while %s: SIPI starts it, a second one does nothing", what);
}

static void check_postures(void)
{
	check_init("asleep until it is called");
	for (enum posture p = SPINNING; p < POSTURES; p++) {
		one_takes(1, take_posture, p);
		check_init(posture_name[p]);
	}
}

/* In the middle of a handler, and then it comes again, for nothing is in service any more. */
static void check_handler(u8 vector, u32 message, const char *what)
{
	in_handler = false;
	trap_set_handler(vector, on_trap_for_ever);
	one_takes(1, take_posture, SPINNING);
	lapic_ipi(cpus[1].apic_id, message);
	WAIT_FOR(in_handler, WAIT_MS);
	check_init(what);
	trap_set_handler(vector, on_interrupt);
	got_clear();
	one_takes(1, take_posture, SPINNING);
	lapic_ipi(cpus[1].apic_id, message);
	check(wait_got(2, vector, 1), "INIT while %s: another is handled after it", what);
	others_resume();
}

/* What waits in IRR when the INIT comes is gone. */
static void check_pending(void)
{
	one_takes(1, take_posture, SPINNING_DEAF);
	got_clear();
	lapic_ipi(cpus[1].apic_id, VECTOR_MID);
	settle();
	check_init("holding an interrupt back");
	settle();
	check_eq(got_sum(VECTOR_MID), 0, "and that interrupt is lost");
}

/* Only a SIPI ends the waiting. */
static void check_waiting(void)
{
	u32 starts = cpus[1].starts;

	cpu_init(1);
	settle();
	got_clear();
	lapic_ipi(cpus[1].apic_id, VECTOR_MID);
	lapic_ipi(0, ICR_OTHERS | VECTOR_MID);
	settle();
	check(cpus[1].starts == starts && got[1][VECTOR_MID] == 0,
	      "waiting for SIPI: an interrupt does not wake it");
	check_init("waiting for SIPI");
	settle();
	check_eq_or_lax(got[1][VECTOR_MID], 0, "and what was sent to it meanwhile is lost");
	starts = cpus[1].starts;
	cpu_init(1);
	settle();
	lapic_ipi(cpus[1].apic_id, ICR_NMI);
	settle();
	check_eq(cpus[1].starts, starts, "waiting for SIPI: an NMI does not start it");
	check_init("waiting for SIPI and sent an NMI");
}

static void check_ignored(void)
{
	u32 starts = cpus[1].starts;

	for (enum posture p = SPINNING; p < POSTURES; p++) {
		one_takes(1, take_posture, p);
		cpu_startup(1, AP_PAGE);
		settle();
		check_eq(cpus[1].starts, starts, "SIPI while %s: ignored", posture_name[p]);
		check(others_resume() && answers(1), "and it goes on");
	}
	one_takes(1, take_posture, SPINNING);
	lapic_ipi(cpus[1].apic_id, ICR_INIT | ICR_TRIGGER_LEVEL); /* level, not assert */
	settle();
	check(beats(1), "INIT level de-assert: ignored");
	check(others_resume() && answers(1) && cpus[1].starts == starts, "and it goes on");
}

/* All but the first at once, in the middle of what they do. */
static void check_all(void)
{
	u32 up = 0;

	others_take(SPINNING);
	lapic_ipi(0, ICR_OTHERS | ICR_INIT | ICR_ASSERT);
	settle();
	for (u32 n = 1; n < cpu_count; n++)
		cpus[n].starts = 0;
	lapic_ipi(0, ICR_OTHERS | ICR_STARTUP | ICR_ASSERT | AP_PAGE);
	for (u32 n = 1; n < cpu_count; n++)
		up += cpu_came_up(n, 1) && answers(n);
	check_eq(up, cpu_count - 1, "INIT and SIPI to all others at once");
}

static void check_rounds(void)
{
	u32 up = 0, count = rounds(ROUNDS);

	for (u32 i = 0; i < count; i++) {
		u32 n = 1 + i % (cpu_count - 1);
		u32 starts = cpus[n].starts;

		cpu_call(n, take_posture, (void *)(ulong)(i % 2 ? SPINNING : HALTED_DEAF));
		spin_us(i * 7 % 100); /* sometimes it has not begun */
		cpu_init(n);
		spin_us(i * 13 % 300);
		cpu_startup(n, AP_PAGE);
		up += cpu_came_up(n, starts + 1) && answers(n);
	}
	check_eq(up, count, "INIT and SIPI, %u times in turn", count);
}

void smp_test_init(void)
{
	if (cpu_count < 2) {
		check_skip("one processor", "INIT and SIPI");
		return;
	}
	trap_set_handler(VECTOR_MID, on_interrupt);
	check_ignored();
	check_postures();
	check_handler(VECTOR_MID, VECTOR_MID, "handling an interrupt");
	check_handler(VEC_NMI, ICR_NMI, "handling an NMI");
	check_pending();
	check_waiting();
	check_all();
	check_rounds();
}
