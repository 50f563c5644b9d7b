/* Processors that receive, in one posture or another, and what they got. */
#include "tests.h"

const char *const posture_name[POSTURES] = { "spinning", "halted", "spinning with interrupts off",
					     "halted with interrupts off" };

volatile u32 got[CPUS_MAX][256];
volatile u32 beat[CPUS_MAX];

static volatile bool stop;
static volatile u32 ready;

void got_clear(void)
{
	for (u32 n = 0; n < CPUS_MAX; n++)
		for (u32 v = 0; v < 256; v++)
			got[n][v] = 0;
}

void on_interrupt(struct trap_frame *frame)
{
	got[cpu_index()][(u8)frame->vector]++;
	if (frame->vector != VEC_NMI)
		lapic_eoi();
}

u32 all_cpus(void)
{
	return (1u << cpu_count) - 1;
}

bool got_is(u32 mask, u8 vector, u32 times)
{
	for (u32 n = 0; n < cpu_count; n++)
		if (got[n][vector] != (mask >> n & 1 ? times : 0))
			return false;
	return true;
}

u32 got_sum(u8 vector)
{
	u32 sum = 0;

	for (u32 n = 0; n < cpu_count; n++)
		sum += got[n][vector];
	return sum;
}

/* All in the mask have at least so many. */
static bool has_got(u32 mask, u8 vector, u32 times)
{
	for (u32 n = 0; n < cpu_count; n++)
		if ((mask >> n & 1) && got[n][vector] < times)
			return false;
	return true;
}

static bool wait_for(u32 mask, u8 vector, u32 times, u64 ms)
{
	bool ok;

	irq_on();
	ok = WAIT_FOR(has_got(mask, vector, times), ms);
	irq_off();
	return ok;
}

bool wait_got(u32 mask, u8 vector, u32 times)
{
	return wait_for(mask, vector, times, WAIT_MS);
}

bool wait_got_or_lax(u32 mask, u8 vector, u32 times)
{
	return wait_for(mask, vector, times, in_partition() ? WAIT_MS : LAX_MS);
}

void settle(void)
{
	irq_on();
	spin_ms(SETTLE_MS);
	irq_off();
}

static void take_turn(enum posture posture)
{
	switch (posture) {
	case HALTED:
		irq_on_and_halt();
		irq_off();
		break;
	case HALTED_DEAF: cpu_halt(); break;
	default: cpu_pause();
	}
}

void take_posture(void *arg)
{
	enum posture posture = (enum posture)(ulong)arg;
	u32 n = cpu_index();

	if (posture == SPINNING)
		irq_on();
	__atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
	while (!stop) {
		take_turn(posture);
		beat[n]++;
	}
	irq_off();
}

void others_take(enum posture posture)
{
	stop = false;
	ready = 0;
	cpus_call_others(take_posture, (void *)(ulong)posture);
	WAIT_FOR(ready == cpu_count - 1, WAIT_MS);
	if (posture == HALTED || posture == HALTED_DEAF)
		spin_us(200); /* from there it is a step to the HLT */
}

void one_takes(u32 n, cpu_function *function, enum posture posture)
{
	stop = false;
	ready = 0;
	cpu_call(n, function, (void *)(ulong)posture);
	WAIT_FOR(ready == 1, WAIT_MS);
	if (posture == HALTED || posture == HALTED_DEAF)
		spin_us(200);
}

/* An NMI wakes also who is deaf. */
static void on_wake(struct trap_frame *frame)
{
	(void)frame;
}

/* More than one, as the first may come just before the HLT. */
static bool wake_up(u32 n)
{
	u64 deadline = deadline_in_ms(WAIT_MS);

	do
		lapic_ipi(cpus[n].apic_id, ICR_NMI);
	while (!cpu_wait(n, 2) && rdtsc() < deadline);
	return cpu_wait(n, 0);
}

bool others_resume(void)
{
	bool all = true;

	stop = true;
	trap_set_handler(VEC_NMI, on_wake);
	for (u32 n = 1; n < cpu_count; n++)
		all = wake_up(n) && all;
	trap_set_handler(VEC_NMI, on_interrupt);
	return all;
}

/* Does it run? */
bool beats(u32 n)
{
	u32 before = beat[n];

	return WAIT_FOR(beat[n] != before, WAIT_MS);
}
