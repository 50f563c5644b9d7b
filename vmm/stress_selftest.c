/*
 * 200 threads that sleep, wake each other, lock, yield, change their CPUs and end, as random
 * numbers say, while a partition is started and stopped. Afterwards every thread and frame must be
 * where it was.
 *
 * They stand in a ring. In each round a thread gives one token to the next and waits for one of its
 * own; nobody ever wakes it a second time, so that a lost wake-up stops the ring, and the test
 * fails. It cannot stop otherwise: who waits for his n-th token has given n, so in a ring where
 * everybody waited each would have to be a round ahead of the one before.
 */
#include "kernel/cpu.h"
#include "kernel/selftest.h"
#include "kernel/smp.h"
#include "lib/format.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "vmm/partition.h"
#include "vmm/vmm_selftest.h"
#include "x86/insn.h"

#define ROUNDS_MAX 8
#define THREADS 200
#define ROUNDS 8
#define SLEEP_MAX_NS (200 * NS_PER_US)
#define SEED 0x2545f491u

struct worker {
	struct stress *stress;
	struct thread *thread;
	struct waitq queue;
	u32 tokens; /* atomic */
	u32 random;
	unsigned round;
};

static struct stress {
	struct mutex mutex;
	unsigned inside;  /* the mutex */
	unsigned wrong;	  /* atomic: what must not be was seen so often */
	unsigned running; /* atomic: threads that have not come to their end */
	unsigned locked;  /* how often somebody had the mutex */
	struct worker worker[THREADS];
} stress;

/* xorshift: Marsaglia, "Xorshift RNGs" */
static u32 random(struct worker *w, u32 below)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 17;
	w->random ^= w->random << 5;
	return w->random % below;
}

static void lock_for_a_while(struct stress *s)
{
	mutex_lock(&s->mutex);
	if (s->inside++ != 0)
		__atomic_add_fetch(&s->wrong, 1, __ATOMIC_RELAXED);
	thread_yield();
	s->inside--;
	s->locked++;
	mutex_unlock(&s->mutex);
}

static u64 random_cpus(struct worker *w)
{
	u64 mask = random(w, UINT32_MAX) & READ_ONCE(cpus_online);

	return mask ? mask : BIT(0);
}

static void move_elsewhere(struct worker *w)
{
	u64 mask = random_cpus(w), flags;

	thread_set_cpus(mask);
	flags = x86_irq_save();
	if (!(mask & BIT(this_cpu()->id)))
		__atomic_add_fetch(&w->stress->wrong, 1, __ATOMIC_RELAXED);
	x86_irq_restore(flags);
}

static void do_something(struct worker *w)
{
	switch (random(w, 4)) {
	case 0: thread_sleep_ns(random(w, SLEEP_MAX_NS)); break;
	case 1: thread_yield(); break;
	case 2: lock_for_a_while(w->stress); break;
	default: move_elsewhere(w);
	}
}

static void work(void *arg)
{
	struct worker *w = arg, *first = w->stress->worker;
	struct worker *next = &first[(w - first + 1) % THREADS];

	thread_set_cpus(CPUS_ANY);
	for (w->round = 0; w->round < ROUNDS; w->round++) {
		__atomic_add_fetch(&next->tokens, 1, __ATOMIC_SEQ_CST);
		waitq_wake_one(&next->queue);
		do_something(w);
		wait_event(&w->queue, READ_ONCE(w->tokens));
		__atomic_sub_fetch(&w->tokens, 1, __ATOMIC_SEQ_CST);
	}
	__atomic_sub_fetch(&w->stress->running, 1, __ATOMIC_SEQ_CST);
}

/* Every fourth behaves like a vCPU's; half of them are joined, the other half nobody waits for. */
static bool start_worker(unsigned i)
{
	struct worker *w = &stress.worker[i];
	struct sched_params params = SCHED_PARAMS_DEFAULT;
	char name[16];

	w->random = SEED + i;
	snprintf(name, sizeof(name), "stress.%u", i);
	if (i % 4 == 3) {
		params.cpus = random_cpus(w);
		params.priority = (u8)(1 + i % GUEST_PRIORITIES);
		w->thread = thread_create_guest(name, work, w, &params);
	} else {
		w->thread = thread_create_blocked(name, work, w, i % 2 ? PRIO_HIGH : PRIO_KERNEL);
	}
	return w->thread;
}

static bool start_all(void)
{
	unsigned made = 0;

	mutex_init(&stress.mutex, LOCK_TEST);
	stress.locked = stress.wrong = 0;
	for (unsigned i = 0; i < THREADS; i++) {
		waitq_init(&stress.worker[i].queue);
		stress.worker[i].stress = &stress;
		stress.worker[i].tokens = 0;
	}
	while (made < THREADS && start_worker(made))
		made++;
	stress.running = made;
	for (unsigned i = 0; i < made; i++) {
		if (i % 2)
			thread_detach(stress.worker[i].thread);
		thread_start(stress.worker[i].thread);
	}
	return made == THREADS;
}

/* Starts and stops the partition until the threads have ended. False: they do not. */
static bool run_partitions_meanwhile(struct partition *p)
{
	for (unsigned times = 0; times == 0 || READ_ONCE(stress.running); times++) {
		if (times == LONG_MS || (p && partition_start(p) != 0))
			return false;
		thread_sleep_ns(NS_PER_MS);
		if (p)
			partition_stop(p, STOP_KILLED);
	}
	return true;
}

static void count_thread(const struct thread *t, void *ctx)
{
	(void)t;
	++*(unsigned *)ctx;
}

static unsigned count_threads(void)
{
	unsigned count = 0;

	thread_for_each(count_thread, &count);
	return count;
}

static u64 partitions_frames(void)
{
	return frame_count_total() - frame_count(OWNER_FREE) - frame_count(OWNER_KERNEL);
}

static int run_once(struct selftest *t, struct partition *p)
{
	unsigned threads = count_threads();

	SELFTEST_EXPECT(t, start_all());
	if (!run_partitions_meanwhile(p)) {
		selftest_reason(t, "%u threads do not end", READ_ONCE(stress.running));
		return SELFTEST_FAILED;
	}
	for (unsigned i = 0; i < THREADS; i += 2)
		thread_join(stress.worker[i].thread);
	for (unsigned ms = 0; ms < LONG_MS && count_threads() != threads; ms++)
		thread_sleep_ns(NS_PER_MS);
	SELFTEST_EXPECT(t, count_threads() == threads);
	SELFTEST_EXPECT(t, stress.wrong == 0 && stress.locked > 0);
	return SELFTEST_OK;
}

/*
 * Stacks and pages of the heap are kept for the next use, and how many are needed at once depends
 * on who happens to run when: a round may need a few more than the last. What leaks grows in every
 * round; bytes in use must be the same after each.
 */
static int run_until_at_rest(struct selftest *t, struct partition *p)
{
	u64 frames = 0, bytes = 0;

	for (unsigned round = 0; round < ROUNDS_MAX; round++) {
		u64 frames_before = frames, bytes_before = bytes;
		int result = run_once(t, p);

		if (result != SELFTEST_OK)
			return result;
		thread_sleep_ns(NS_PER_MS); /* an idle CPU frees threads that nobody joins */
		frames = frame_count(OWNER_KERNEL);
		bytes = heap_used();
		if (round > 0 && bytes == bytes_before && frames <= frames_before)
			return SELFTEST_OK;
	}
	selftest_reason(t, "the kernel's memory grows: %llu frames, %llu bytes of heap",
			(unsigned long long)frames, (unsigned long long)bytes);
	return SELFTEST_FAILED;
}

static int test_stress(struct selftest *t)
{
	static const u8 busy[] = { 0xeb, 0xfe };
	struct partition *p = NULL;
	u64 of_partitions;
	int result;

	if (backend) {
		p = selftest_partition("selftest-stress", busy, sizeof(busy), 2);
		SELFTEST_EXPECT(t, p);
	}
	of_partitions = partitions_frames();
	result = run_until_at_rest(t, p);
	if (result != SELFTEST_OK)
		return result;
	SELFTEST_EXPECT(t, partitions_frames() == of_partitions);
#ifndef DEBUG /* it holds the allocator's lock for longer than the checks of locks allow */
	SELFTEST_EXPECT(t, frame_check() == NULL);
#endif
	return SELFTEST_OK;
}

static const struct selftest_case cases[] = {
	{ "stress: 200 threads and a partition, all accounted for", test_stress },
};

void stress_selftest_register(void)
{
	selftest_add(cases, ARRAY_SIZE(cases));
}
