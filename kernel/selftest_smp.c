/* Self-tests of several processors at work: calls, shoot-downs, idling, one time for all. */
#include "kernel/cpu.h"
#include "kernel/irq.h"
#include "kernel/selftest.h"
#include "kernel/smp.h"
#include "kernel/thread.h"
#include "kernel/timer.h"
#include "mm/frame.h"
#include "mm/kspace.h"
#include "x86/insn.h"

#define CALL_ROUNDS 25
#define WINDOW_ROUNDS 10
#define PATTERN 0x5a
#define SETTLE_NS (50 * NS_PER_MS)
#define QUIET_NS (200 * NS_PER_MS)
#define IDLE_LIMIT_NS (5 * NS_PER_SEC) /* the host of an emulator may be busy */
#define CLOCK_ERROR_NS NS_PER_US       /* how exactly TSCs can be compared at most */

static void note_cpu(void *arg)
{
	__atomic_or_fetch((u64 *)arg, BIT(this_cpu()->id), __ATOMIC_SEQ_CST);
}

static int test_call_all(struct selftest *t)
{
	u64 answered = 0;

	smp_call_all(note_cpu, &answered);
	SELFTEST_EXPECT(t, answered == cpus_online);
	for (unsigned i = 0; i < cpu_count; i++) {
		answered = 0;
		smp_call(cpus[i], note_cpu, &answered);
		SELFTEST_EXPECT(t, answered == BIT(i));
	}
	return SELFTEST_OK;
}

/* --- concurrent calls --- */

static void count_call(void *arg)
{
	__atomic_add_fetch((u64 *)arg, 1, __ATOMIC_RELAXED);
}

static void call_often(void *arg)
{
	for (unsigned i = 0; i < CALL_ROUNDS; i++)
		smp_call_all(count_call, arg);
}

/* Everybody calls everybody, also on the same CPU. */
static int test_concurrent_calls(struct selftest *t)
{
	struct sched_params params = SCHED_PARAMS_DEFAULT;
	struct thread *caller[2 * CPUS_MAX];
	unsigned n = 2 * cpu_count;
	u64 calls = 0;

	for (unsigned i = 0; i < n; i++) {
		params.cpus = BIT(i / 2);
		caller[i] = thread_create_guest("caller", call_often, &calls, &params);
		SELFTEST_EXPECT(t, caller[i]);
	}
	for (unsigned i = 0; i < n; i++)
		thread_start(caller[i]);
	for (unsigned i = 0; i < n; i++)
		thread_join(caller[i]);
	SELFTEST_EXPECT(t, calls == (u64)n * CALL_ROUNDS * cpu_count);
	return SELFTEST_OK;
}

/* --- TLB shoot-down --- */

struct look {
	const void *window;
	u64 seen, faulted; /* atomic; masks of CPUs */
};

static void look_through(void *arg)
{
	struct look *l = arg;
	u8 value = 0;

	if (x86_read_safe(l->window, &value) != 0)
		note_cpu(&l->faulted);
	else if (value == PATTERN)
		note_cpu(&l->seen);
}

static int open_and_close(struct selftest *t, hpa_t pa)
{
	struct look open = { .window = kspace_map_device(pa, FRAME_SIZE) }, closed = open;

	SELFTEST_EXPECT(t, open.window);
	smp_call_all(look_through, &open);
	kspace_unmap(open.window, FRAME_SIZE);
	smp_call_all(look_through, &closed);
	SELFTEST_EXPECT(t, open.seen == cpus_online && !open.faulted);
	SELFTEST_EXPECT(t, closed.faulted == cpus_online);
	return SELFTEST_OK;
}

static int test_shootdown(struct selftest *t)
{
	hpa_t pa = frame_alloc(FRAME_ORDER_4K, OWNER_KERNEL);
	u64 free_before = frame_count(OWNER_FREE);
	int result = SELFTEST_OK;

	SELFTEST_EXPECT(t, pa != HPA_NONE);
	*(u8 *)phys_to_virt(pa) = PATTERN;
	for (unsigned i = 0; i < WINDOW_ROUNDS && result == SELFTEST_OK; i++)
		result = open_and_close(t, pa);
	if (result == SELFTEST_OK && frame_count(OWNER_FREE) < free_before) {
		selftest_reason(t, "page tables were lost");
		result = SELFTEST_FAILED;
	}
	frame_free(pa, FRAME_ORDER_4K);
	return result;
}

/* --- idling --- */

/* No tick where nobody wants one: at most a timer from before that was not worth cancelling. */
static int test_no_tick(struct selftest *t)
{
	u64 before[CPUS_MAX] = { 0 };

	thread_sleep_ns(SETTLE_NS);
	for (unsigned i = 0; i < cpu_count; i++)
		before[i] = READ_ONCE(cpus[i]->timer_interrupts);
	thread_sleep_ns(QUIET_NS);
	for (unsigned i = 0; i < cpu_count; i++) {
		u64 n = READ_ONCE(cpus[i]->timer_interrupts) - before[i];

		/* This CPU, 0, has the timer of our own sleep. */
		if (n > 1 + (i == 0)) {
			selftest_reason(t, "CPU %u: %lu timer interrupts in 200 ms", i, n);
			return SELFTEST_FAILED;
		}
	}
	return SELFTEST_OK;
}

static bool wait_until_idle(const struct cpu *cpu)
{
	for (u64 end = clock_now_ns() + IDLE_LIMIT_NS; clock_now_ns() < end;) {
		if (READ_ONCE(cpus_idle) & BIT(cpu->id))
			return true;
		thread_sleep_ns(NS_PER_MS);
	}
	return false;
}

static void note_where(void *arg)
{
	u64 flags = x86_irq_save();

	note_cpu(arg);
	x86_irq_restore(flags);
}

/* A thread that may run there alone gets an idle CPU out of its HLT. */
static int test_wake_idle(struct selftest *t)
{
	struct sched_params params = SCHED_PARAMS_DEFAULT;

	if (cpu_count == 1)
		SELFTEST_SKIP(t, "there is but one");
	for (unsigned i = 1; i < cpu_count; i++) {
		u64 where = 0, ipis;
		struct thread *sleeper;

		params.cpus = BIT(i);
		sleeper = thread_create_guest("sleeper", note_where, &where, &params);
		SELFTEST_EXPECT(t, sleeper);
		SELFTEST_EXPECT(t, wait_until_idle(cpus[i]));
		ipis = READ_ONCE(cpus[i]->ipis);
		thread_start(sleeper);
		thread_join(sleeper);
		SELFTEST_EXPECT(t, where == BIT(i));
		SELFTEST_EXPECT(t, READ_ONCE(cpus[i]->ipis) > ipis);
	}
	return SELFTEST_OK;
}

/* --- one time --- */

static void note_time(void *arg)
{
	*(u64 *)arg = clock_now_ns();
}

static int test_one_clock(struct selftest *t)
{
	for (unsigned i = 0; i < 100 * cpu_count; i++) {
		u64 before = clock_now_ns(), there = 0, after;

		smp_call(cpus[i % cpu_count], note_time, &there);
		after = clock_now_ns();
		if (there + CLOCK_ERROR_NS >= before && there <= after + CLOCK_ERROR_NS)
			continue;
		selftest_reason(t, "CPU %u: %lu ns, asked between %lu and %lu", i % cpu_count,
				there, before, after);
		return SELFTEST_FAILED;
	}
	return SELFTEST_OK;
}

const struct selftest_case selftest_smp_cases[] = {
	{ "smp: every CPU answers a call", test_call_all },
	{ "smp: concurrent calls", test_concurrent_calls },
	{ "smp: after a shoot-down no CPU sees what was unmapped", test_shootdown },
	{ "smp: no tick on an idle CPU", test_no_tick },
	{ "smp: an idle CPU wakes up", test_wake_idle },
	{ "smp: one time on all CPUs", test_one_clock },
};
const unsigned selftest_smp_count = ARRAY_SIZE(selftest_smp_cases);
