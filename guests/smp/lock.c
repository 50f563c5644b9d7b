/*
 * Locks that all processors fight for, with and without an order, and counters without a lock. In
 * a partition with more processors than the machine has, the one that holds a lock is often not
 * running while others spin with PAUSE: it has to finish all the same.
 */
#include "tests.h"

#define TAKES 1000
#define ADDS 20000
#define BARRIERS 20

static struct spinlock lock;
static struct ticketlock tickets;
static struct barrier barrier;
static volatile u32 counter, atomic_counter, inside, overlaps, missed;
static volatile u32 taken[CPUS_MAX];

/* Not atomic, on purpose: the lock has to make it so. */
static void critical(void)
{
	if (inside++)
		overlaps++;
	counter++;
	for (volatile u32 i = 0; i < 10; i++)
		;
	inside--;
	taken[cpu_index()]++;
}

static void take_lock(void *arg)
{
	u32 count = *(const u32 *)arg;

	for (u32 i = 0; i < count; i++) {
		spin_lock(&lock);
		critical();
		spin_unlock(&lock);
	}
}

static void take_ticket(void *arg)
{
	u32 count = *(const u32 *)arg;

	for (u32 i = 0; i < count; i++) {
		ticket_lock(&tickets);
		critical();
		ticket_unlock(&tickets);
	}
}

static void check_lock(const char *name, cpu_function *take, u32 count)
{
	u32 complete = 0;

	counter = inside = overlaps = 0;
	for (u32 n = 0; n < cpu_count; n++)
		taken[n] = 0;
	check(cpus_run(take, &count, 6 * WAIT_MS), "%s: all get through", name);
	for (u32 n = 0; n < cpu_count; n++)
		complete += taken[n] == count;
	check_eq(complete, cpu_count, "%s: each had it %u times", name, count);
	check_eq(counter, count * cpu_count, "%s: nothing is lost", name);
	check_eq(overlaps, 0, "%s: one at a time", name);
}

static void add(void *arg)
{
	u32 count = *(const u32 *)arg;

	for (u32 i = 0; i < count; i++) {
		u32 seen = counter;

		__atomic_fetch_add(&atomic_counter, 1, __ATOMIC_SEQ_CST);
		while (!__atomic_compare_exchange_n(&counter, &seen, seen + 1, false,
						    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			cpu_pause();
	}
}

static void meet(void *arg)
{
	(void)arg;
	for (u32 i = 0; i < BARRIERS; i++) {
		__atomic_fetch_add(&counter, 1, __ATOMIC_SEQ_CST);
		missed += !barrier_wait(&barrier, cpu_count);
		if (counter != (i + 1) * cpu_count)
			overlaps++;
		missed += !barrier_wait(&barrier, cpu_count);
	}
}

void smp_test_lock(void)
{
	u32 adds = rounds(ADDS);

	check_lock("spinlock", take_lock, rounds(TAKES));
	check_lock("ticket lock", take_ticket, rounds(TAKES) / 4);
	counter = atomic_counter = 0;
	check(cpus_run(add, &adds, 3 * WAIT_MS), "atomic additions on all");
	check_eq(atomic_counter, adds * cpu_count, "LOCK XADD loses none");
	check_eq(counter, adds * cpu_count, "LOCK CMPXCHG loses none");
	counter = overlaps = missed = 0;
	check(cpus_run(meet, NULL, 3 * WAIT_MS) && !missed, "%u barriers", 2 * BARRIERS);
	check_eq(overlaps, 0, "nobody passes a barrier early");
}
