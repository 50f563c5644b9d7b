/* Provokes each report of kernel/lockdep.c; then there must have been no others. */
#include "kernel/selftest.h"

#ifdef DEBUG
#include "kernel/cpu.h"
#include "kernel/lockdep_report.h"
#include "kernel/log.h"
#include "kernel/thread.h"
#include "kernel/timer.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "x86/insn.h"

static struct spinlock a = SPINLOCK_INIT(LOCK_TEST_A), b = SPINLOCK_INIT(LOCK_TEST_B);
static struct mutex mutex_a, mutex_b;

/* --- what reports say --- */

struct search {
	const char *wanted[3];
	unsigned found; /* of these, in this order */
};

static bool contains(const char *text, const char *word)
{
	size_t length = strlen(word);

	for (; *text; text++)
		if (strncmp(text, word, length) == 0)
			return true;
	return false;
}

static void look_for(u64 time_ns, enum log_level level, const char *text, void *ctx)
{
	struct search *s = ctx;

	(void)time_ns;
	(void)level;
	if (s->found < ARRAY_SIZE(s->wanted) && contains(text, s->wanted[s->found]))
		s->found++;
}

/* Functions that call chains must name. */
static NOINLINE u64 take_b_first(void)
{
	return spin_lock_irq(&b);
}

static NOINLINE void take_a_inside(void)
{
	spin_lock_raw(&a);
	barrier(); /* no tail call: the chain is to show this function */
}

static void take_in_wrong_order(void)
{
	u64 flags = take_b_first();

	take_a_inside();
	spin_unlock_raw(&a);
	spin_unlock_irq(&b, flags);
}

static int test_order(struct selftest *t)
{
	struct search s = { .wanted = { "lock order: LOCK_TEST_A taken while LOCK_TEST_B is held",
					"take_a_inside+", "take_b_first+" } };

	take_in_wrong_order();
	SELFTEST_EXPECT(t, lock_reported(LOCK_REPORT_ORDER, LOCK_TEST_A, LOCK_TEST_B));
	log_for_each(look_for, &s);
	SELFTEST_EXPECT(t, s.found == ARRAY_SIZE(s.wanted));
	s.found = 0;
	s.wanted[1] = s.wanted[2] = s.wanted[0];
	take_in_wrong_order();
	log_for_each(look_for, &s);
	SELFTEST_EXPECT(t, s.found == 1); /* the same pair is not reported again */
	return SELFTEST_OK;
}

static int test_good_order(struct selftest *t)
{
	u64 flags = spin_lock_irq(&a);

	spin_lock_raw(&b);
	spin_unlock_raw(&a); /* in whatever order they are released */
	spin_unlock_irq(&b, flags);
	SELFTEST_EXPECT(t, !lock_reported(LOCK_REPORT_ORDER, LOCK_TEST_B, LOCK_TEST_A));
	SELFTEST_EXPECT(t, !lock_reported(LOCK_REPORT_STRANGER, LOCK_TEST_B, LOCK_UNKNOWN));
	return SELFTEST_OK;
}

/* --- one of each kind --- */

static int test_same_class(struct selftest *t)
{
	struct spinlock other = SPINLOCK_INIT(LOCK_TEST_B);
	u64 flags = spin_lock_irq(&b);

	spin_lock_raw(&other);
	spin_unlock_raw(&other);
	spin_unlock_irq(&b, flags);
	SELFTEST_EXPECT(t, lock_reported(LOCK_REPORT_ORDER, LOCK_TEST_B, LOCK_TEST_B));
	return SELFTEST_OK;
}

/* The check alone: the lock itself would never be had. */
static int test_twice(struct selftest *t)
{
	u64 flags = spin_lock_irq(&a);
	bool good = lockdep_check_spin(&a);

	spin_unlock_irq(&a, flags);
	SELFTEST_EXPECT(t, !good);
	SELFTEST_EXPECT(t, lock_reported(LOCK_REPORT_TWICE, LOCK_TEST_A, LOCK_TEST_A));
	return SELFTEST_OK;
}

static int test_mutex_order(struct selftest *t)
{
	mutex_init(&mutex_a, LOCK_TEST_A);
	mutex_init(&mutex_b, LOCK_TEST_B);
	mutex_lock(&mutex_b);
	mutex_lock(&mutex_a);
	mutex_unlock(&mutex_a);
	mutex_unlock(&mutex_b);
	/* The same pair of classes as the spinlocks above: told apart by nobody. */
	SELFTEST_EXPECT(t, lock_reported(LOCK_REPORT_ORDER, LOCK_TEST_A, LOCK_TEST_B));
	return SELFTEST_OK;
}

static int test_mutex_under_spinlock(struct selftest *t)
{
	u64 flags = spin_lock_irq(&a);

	mutex_lock(&mutex_b);
	mutex_unlock(&mutex_b);
	spin_unlock_irq(&a, flags);
	SELFTEST_EXPECT(t, lock_reported(LOCK_REPORT_SLEEP, LOCK_TEST_B, LOCK_TEST_A));
	return SELFTEST_OK;
}

static int test_mutex_without_preemption(struct selftest *t)
{
	preempt_disable();
	mutex_lock(&mutex_b);
	mutex_unlock(&mutex_b);
	preempt_enable();
	SELFTEST_EXPECT(t, lock_reported(LOCK_REPORT_SLEEP, LOCK_TEST_B, LOCK_UNKNOWN));
	return SELFTEST_OK;
}

static int test_sleep_with_spinlock(struct selftest *t)
{
	u64 flags = spin_lock_irq(&a);

	lockdep_sleep(); /* what wait_event() calls first */
	spin_unlock_irq(&a, flags);
	SELFTEST_EXPECT(t, lock_reported(LOCK_REPORT_HELD_ASLEEP, LOCK_UNKNOWN, LOCK_TEST_A));
	return SELFTEST_OK;
}

static int test_preemptible(struct selftest *t)
{
	spin_lock_raw(&b);
	spin_unlock_raw(&b);
	SELFTEST_EXPECT(t, lock_reported(LOCK_REPORT_PREEMPTIBLE, LOCK_TEST_B, LOCK_UNKNOWN));
	return SELFTEST_OK;
}

static void take_in_interrupt(struct timer *timer)
{
	u64 flags = spin_lock_irq(&a);

	spin_unlock_irq(&a, flags);
	WRITE_ONCE(*(bool *)timer->ctx, true);
}

static int test_interrupt(struct selftest *t)
{
	struct timer timer;
	bool fired = false;

	preempt_disable();
	spin_lock_raw(&a);
	spin_unlock_raw(&a);
	preempt_enable();
	timer_init(&timer, take_in_interrupt, &fired);
	timer_arm(&timer, 0);
	while (!READ_ONCE(fired))
		x86_pause();
	timer_cancel(&timer);
	SELFTEST_EXPECT(t, lock_reported(LOCK_REPORT_INTERRUPT, LOCK_TEST_A, LOCK_TEST_A));
	return SELFTEST_OK;
}

static int test_long(struct selftest *t)
{
	u64 flags = spin_lock_irq(&a), end = clock_now_ns() + lock_hold_max_ns();

	while (clock_now_ns() <= end)
		x86_pause();
	spin_unlock_irq(&a, flags);
	SELFTEST_EXPECT(t, lock_reported(LOCK_REPORT_LONG, LOCK_TEST_A, LOCK_TEST_A));
	return SELFTEST_OK;
}

static int test_stranger(struct selftest *t)
{
	u64 flags = x86_irq_save();

	spin_unlock_raw(&a);
	x86_irq_restore(flags);
	spin_init(&a, LOCK_TEST_A);
	SELFTEST_EXPECT(t, lock_reported(LOCK_REPORT_STRANGER, LOCK_TEST_A, LOCK_UNKNOWN));
	return SELFTEST_OK;
}

static int test_names(struct selftest *t)
{
	for (unsigned class = LOCK_UNKNOWN; class < LOCK_CLASSES; class ++)
		SELFTEST_EXPECT(t, strncmp(lock_class_name(class), "LOCK_", 5) == 0);
	return SELFTEST_OK;
}

/* The last of all: what anybody did up to here. */
static int test_no_reports(struct selftest *t)
{
	selftest_reason(t, "%u reports in the log", lock_report_count());
	return lock_report_count() ? SELFTEST_FAILED : SELFTEST_OK;
}

const struct selftest_case selftest_lockdep_cases[] = {
	{ "lockdep_order", test_order },
	{ "lockdep_good_order", test_good_order },
	{ "lockdep_same_class", test_same_class },
	{ "lockdep_twice", test_twice },
	{ "lockdep_mutex_order", test_mutex_order },
	{ "lockdep_mutex_under_spinlock", test_mutex_under_spinlock },
	{ "lockdep_mutex_without_preemption", test_mutex_without_preemption },
	{ "lockdep_sleep_with_spinlock", test_sleep_with_spinlock },
	{ "lockdep_preemptible", test_preemptible },
	{ "lockdep_interrupt", test_interrupt },
	{ "lockdep_long", test_long },
	{ "lockdep_stranger", test_stranger },
	{ "lockdep_names", test_names },
	{ "lockdep_no_reports", test_no_reports },
};

#else

static int test_nothing(struct selftest *t)
{
	SELFTEST_SKIP(t, "locks are checked by a kernel built with make DEBUG=1 alone");
}

const struct selftest_case selftest_lockdep_cases[] = {
	{ "lockdep", test_nothing },
};

#endif

const unsigned selftest_lockdep_count = ARRAY_SIZE(selftest_lockdep_cases);
