/*
 * What a scheduling policy costs as its queue grows: to pick a thread and to put it back, in a
 * queue that no CPU has. By the TSC, which counts instructions in Bochs and with QEMU's -icount.
 */
#include "kernel/policy.h"
#include "kernel/selftest.h"
#include "kernel/thread.h"
#include "lib/format.h"
#include "mm/heap.h"
#include "x86/insn.h"

#define THREADS_MAX 512
#define ROUNDS 256
#define RUN_NS (1 * NS_PER_US)
#define NAME_SIZE 32

static void fill(struct run_queue *rq, const struct sched_policy *policy, struct thread *threads,
		 unsigned count)
{
	policy->init(rq);
	for (unsigned i = 0; i < count; i++) {
		struct thread *t = &threads[i];

		*t = (struct thread){ .guest = true };
		t->sched.params = (struct sched_params){ .priority = GUEST_PRIORITY_DEFAULT,
							 .weight = 1 + i % SCHED_WEIGHT_DEFAULT,
							 .budget_ns = NS_PER_MS,
							 .period_ns = (100 + i) * NS_PER_MS,
							 .cpus = CPUS_ANY };
		list_init(&t->sched.node);
		policy->enqueue(rq, t, SCHED_NEW, 0);
	}
}

/* One turn: picked, charged, put back. Interrupts off. */
static u64 turn(struct run_queue *rq, const struct sched_policy *policy, u64 now)
{
	u64 begin = x86_rdtsc();
	struct thread *t = policy->pick(rq, now);

	if (!t)
		return 0;
	if (policy->charge)
		policy->charge(rq, t, RUN_NS);
	policy->enqueue(rq, t, SCHED_YIELDED, now + RUN_NS);
	return x86_rdtsc() - begin;
}

static void bench_policy(const struct sched_policy *policy, struct run_queue *rq,
			 struct thread *threads, unsigned count)
{
	char name[NAME_SIZE];
	u64 min = UINT64_MAX, sum = 0, flags;

	fill(rq, policy, threads, count);
	flags = x86_irq_save();
	for (unsigned i = 0; i < ROUNDS; i++) {
		u64 cost = turn(rq, policy, i * RUN_NS);

		min = MIN(min, cost);
		sum += cost;
	}
	x86_irq_restore(flags);
	snprintf(name, sizeof(name), "pick-%s-%u", policy->name, count);
	selftest_bench_line(name, min, sum / ROUNDS);
}

void selftest_bench_sched(void)
{
	static const struct sched_policy *const policies[] = { &policy_priority, &policy_share,
							       &policy_budget };
	static const unsigned counts[] = { 1, 8, 64, THREADS_MAX };
	struct run_queue *rq = heap_alloc(sizeof(*rq));
	struct thread *threads = heap_alloc(THREADS_MAX * sizeof(*threads));

	for (unsigned p = 0; rq && threads && p < ARRAY_SIZE(policies); p++)
		for (unsigned c = 0; c < ARRAY_SIZE(counts); c++)
			bench_policy(policies[p], rq, threads, counts[c]);
	heap_free(threads);
	heap_free(rq);
}
