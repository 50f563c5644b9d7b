/*
 * Interrupts that cross the way to sleep: processors that send to each other and halt until the
 * answer comes. One that is lost is a processor that sleeps for ever.
 */
#include "tests.h"

#define TURNS 200
#define STORM 100

static volatile u32 turn_of; /* whose turn it is, in the order of the numbers */
static volatile u32 turns, last_turn;
static volatile bool give_up;

static void sleep_until_turn(u32 n)
{
	irq_off();
	while (turn_of != n && !give_up) {
		irq_on_and_halt();
		irq_off();
	}
}

/* Once round all of them, and again: each wakes the next from its HLT. */
static void pass_on(void *arg)
{
	u32 n = cpu_index(), next = (n + 1) % cpu_count;

	(void)arg;
	for (;;) {
		sleep_until_turn(n);
		if (give_up || turns >= last_turn)
			break;
		turns++;
		turn_of = next;
		lapic_ipi(cpus[next].apic_id, VECTOR_MID);
	}
	/* and so the others see that it is over */
	give_up = true;
	turn_of = next;
	lapic_ipi(cpus[next].apic_id, VECTOR_MID);
}

/* The first plays itself, so a timer of its own has to get it out if a wake-up is lost. */
static void check_ring(void)
{
	last_turn = rounds(TURNS) * cpu_count;
	turns = turn_of = 0;
	give_up = false;
	got_clear();
	trap_set_handler(VECTOR_TIMER, on_interrupt);
	cpus_call_others(pass_on, NULL);
	pass_on(NULL);
	cpus_wake_others();
	check(cpus_wait_others(WAIT_MS), "a ring of processors in HLT, each waking the next");
	check_eq(turns, last_turn, "every turn of the ring is taken");
}

/* `answer` counts what has come; the sender goes on when it has: no two are ever one. */
static volatile u32 answers[CPUS_MAX][CPUS_MAX];
static volatile u32 failed;

static void storm(void *arg)
{
	u32 n = cpu_index(), count = *(const u32 *)arg;

	irq_on();
	for (u32 i = 0; i < count && !failed; i++) {
		u32 to = (n + 1 + i % (cpu_count - 1)) % cpu_count;
		u32 want = answers[n][to] + 1;

		lapic_ipi(cpus[to].apic_id, 0x40 + n);
		if (!WAIT_FOR(answers[n][to] == want, WAIT_MS))
			failed++;
	}
	irq_off();
}

static void on_storm(struct trap_frame *frame)
{
	u32 from = (u32)frame->vector - 0x40;

	answers[from][cpu_index()]++;
	lapic_eoi();
}

/* Those that are done must go on listening: the call returns to HLT with interrupts on. */
static void check_storm(void)
{
	u32 count = rounds(STORM), sum = 0;

	failed = 0;
	for (u32 a = 0; a < CPUS_MAX; a++)
		for (u32 b = 0; b < CPUS_MAX; b++)
			answers[a][b] = 0;
	for (u32 n = 0; n < cpu_count; n++)
		trap_set_handler((u8)(0x40 + n), on_storm);
	cpus_call_others(storm, &count);
	storm(&count);
	irq_on();
	check(cpus_wait_others(2 * WAIT_MS), "each sends to each other at once");
	irq_off();
	for (u32 a = 0; a < cpu_count; a++)
		for (u32 b = 0; b < cpu_count; b++)
			sum += answers[a][b];
	check_eq(sum, count * cpu_count, "none of %u is lost or doubled", count * cpu_count);
}

void smp_test_race(void)
{
	if (cpu_count < 2) {
		check_skip("one processor", "races");
		return;
	}
	trap_set_handler(VECTOR_MID, on_interrupt);
	check_ring();
	check_storm();
}
