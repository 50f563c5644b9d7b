// SOURCES: vmm/vclock.c vmm/iobus.c
/* The partition's clock: time, timers, their order, and what a timer's function may do. */
#include "tests/unit/stubs/devrig.h"

#define WALL (1577836800 * NS_PER_SEC) /* 2020-01-01 */
#define TIMERS 8

static struct devrig rig;
static struct vtimer timer[TIMERS];
static char fired[256];		   /* letters, in order */
static void (*action)(unsigned n); /* what the timers do beyond noting that they fired */

static void fire(void *arg)
{
	unsigned n = (unsigned)((struct vtimer *)arg - timer);
	size_t len = strlen(fired);

	assert_false(timer[n].armed);
	assert_true(vclock_now(&rig.clock) >= timer[n].deadline_ns);
	fired[len] = (char)('a' + n);
	fired[len + 1] = '\0';
	if (action)
		action(n);
}

static int setup(void **state)
{
	(void)state;
	devrig_init(&rig, WALL);
	for (unsigned i = 0; i < TIMERS; i++)
		vtimer_init(&timer[i], &rig.clock, fire, &timer[i]);
	fired[0] = '\0';
	action = NULL;
	return 0;
}

static void test_time(void **state)
{
	(void)state;
	assert_int_equal(vclock_now(&rig.clock), 0);
	assert_int_equal(vclock_wall(&rig.clock), WALL);
	devrig_advance(&rig, 12345);
	assert_int_equal(vclock_now(&rig.clock), 12345);
	assert_int_equal(vclock_wall(&rig.clock), WALL + 12345);
}

static void test_order(void **state)
{
	(void)state;
	vtimer_arm(&timer[0], 300);
	vtimer_arm(&timer[1], 100);
	vtimer_arm(&timer[2], 200);
	vtimer_arm(&timer[3], 100); /* after b, which was armed before */
	vtimer_arm(&timer[4], 999);
	rig.now += 300;
	vclock_run(&rig.clock);
	assert_string_equal(fired, "bdca");
	assert_true(timer[4].armed);
	vclock_run(&rig.clock);
	assert_string_equal(fired, "bdca");
}

static void test_rearm_calls(void **state)
{
	(void)state;
	vtimer_arm(&timer[0], 300);
	assert_int_equal(rig.rearms, 1);
	assert_int_equal(rig.deadline, 300);
	vtimer_arm(&timer[1], 400); /* not sooner: nothing to tell */
	assert_int_equal(rig.rearms, 1);
	vtimer_arm(&timer[2], 100);
	assert_int_equal(rig.deadline, 100);
	vtimer_arm(&timer[2], 350); /* later again */
	assert_int_equal(rig.deadline, 300);
	vtimer_cancel(&timer[0]);
	assert_int_equal(rig.deadline, 350);
	vtimer_cancel(&timer[0]); /* twice is harmless */
	vtimer_cancel(&timer[1]);
	vtimer_cancel(&timer[2]);
	assert_int_equal(rig.deadline, VCLOCK_NEVER);
	vtimer_arm(&timer[0], VCLOCK_NEVER);
	assert_int_equal(rig.deadline, VCLOCK_NEVER);
}

/* The host's timer has fired by then: the owner must hear again when to come back. */
static void test_early_run(void **state)
{
	unsigned rearms;

	(void)state;
	vtimer_arm(&timer[0], 300);
	rearms = rig.rearms;
	rig.now += 299;
	vclock_run(&rig.clock);
	assert_string_equal(fired, "");
	assert_int_equal(rig.rearms, rearms + 1);
	assert_int_equal(rig.deadline, 300);
}

static void again_at_once(unsigned n)
{
	vtimer_arm(&timer[n], 0);
}

static void test_rearm_inside(void **state)
{
	(void)state;
	action = again_at_once;
	vtimer_arm(&timer[0], 100);
	vtimer_arm(&timer[1], 100);
	rig.now += 100;
	rig.rearms = 0;
	vclock_run(&rig.clock); /* must end */
	assert_string_equal(fired, "ab");
	assert_int_equal(rig.rearms, 1); /* told once, at the end */
	assert_int_equal(rig.deadline, 0);
	vclock_run(&rig.clock);
	assert_string_equal(fired, "abab");
}

static void cancel_next(unsigned n)
{
	if (n + 1 < TIMERS)
		vtimer_cancel(&timer[n + 1]);
}

static void test_cancel_inside(void **state)
{
	(void)state;
	action = cancel_next;
	for (unsigned i = 0; i < 4; i++)
		vtimer_arm(&timer[i], 100 + i);
	rig.now += 200;
	vclock_run(&rig.clock);
	assert_string_equal(fired, "ac");
	assert_false(timer[1].armed);
	assert_int_equal(rig.deadline, VCLOCK_NEVER);
}

static void postpone_next(unsigned n)
{
	if (n + 1 < TIMERS && timer[n + 1].armed)
		vtimer_arm(&timer[n + 1], 1000);
}

static void test_postpone_inside(void **state)
{
	(void)state;
	action = postpone_next;
	vtimer_arm(&timer[0], 100);
	vtimer_arm(&timer[1], 110);
	rig.now += 200;
	vclock_run(&rig.clock);
	assert_string_equal(fired, "a");
	assert_int_equal(rig.deadline, 1000);
	devrig_advance(&rig, 2000);
	assert_string_equal(fired, "ab");
}

static void test_conversion(void **state)
{
	static const u64 hz[] = { 1193182, 3579545, 32768, NS_PER_SEC, 1, 1ull << 34 };
	u64 seed = 5;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		u64 f = hz[i % ARRAY_SIZE(hz)], ns = unit_random(&seed) >> (12 + i % 40);
		u64 ticks = vclock_ns_to_ticks(ns, f), back = vclock_ticks_to_ns(ticks, f);

		assert_int_equal(ticks, (u64)((unsigned __int128)ns * f / NS_PER_SEC));
		assert_true(back <= ns);
		assert_true(f > NS_PER_SEC || vclock_ns_to_ticks(back, f) == ticks);
		assert_true(ticks == 0 || f > NS_PER_SEC ||
			    vclock_ns_to_ticks(back - 1, f) < ticks);
	}
}

static void random_action(unsigned n)
{
	static u64 seed = 9;
	u64 r = unit_random(&seed);

	fired[0] = '\0';
	(void)n;
	if (r & 1)
		vtimer_arm(&timer[r >> 8 & (TIMERS - 1)],
			   vclock_now(&rig.clock) + (r >> 16 & 0xff));
	if (r & 2)
		vtimer_cancel(&timer[r >> 12 & (TIMERS - 1)]);
}

static void test_random(void **state)
{
	u64 seed = 8;

	(void)state;
	action = random_action;
	for (unsigned i = 0; i < 20000; i++) {
		u64 r = unit_random(&seed), soonest = VCLOCK_NEVER;

		vtimer_arm(&timer[r & 7], vclock_now(&rig.clock) + (r >> 8 & 0xff));
		devrig_advance(&rig, r >> 20 & 0xff);
		for (unsigned n = 0; n < TIMERS; n++)
			if (timer[n].armed)
				soonest = MIN(soonest, timer[n].deadline_ns);
		assert_int_equal(rig.deadline, soonest);
	}
}

static void note_deadline(void *ctx, u64 deadline)
{
	*(u64 *)ctx = deadline;
}

/* Another clock of the same partition: the same time, and nothing else in common. */
static void test_follow(void **state)
{
	u64 told = 0;
	struct vclock own;
	struct vtimer t;

	(void)state;
	devrig_advance(&rig, 500);
	vtimer_arm(&timer[0], 700);
	vclock_follow(&own, &rig.clock, note_deadline, &told);
	vtimer_init(&t, &own, fire, &timer[1]);
	vtimer_arm(&t, 600);
	assert_int_equal(told, 600);
	assert_int_equal(rig.deadline, 700);
	rig.now += 200;
	assert_int_equal(vclock_now(&own), 700);
	assert_int_equal(vclock_wall(&own), vclock_wall(&rig.clock));
	vclock_run(&own);
	assert_string_equal(fired, "b");
	assert_int_equal(told, VCLOCK_NEVER);
	vclock_run(&rig.clock);
	assert_string_equal(fired, "ba");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_time, setup),
		cmocka_unit_test_setup(test_order, setup),
		cmocka_unit_test_setup(test_rearm_calls, setup),
		cmocka_unit_test_setup(test_early_run, setup),
		cmocka_unit_test_setup(test_rearm_inside, setup),
		cmocka_unit_test_setup(test_cancel_inside, setup),
		cmocka_unit_test_setup(test_postpone_inside, setup),
		cmocka_unit_test_setup(test_follow, setup),
		cmocka_unit_test_setup(test_conversion, setup),
		cmocka_unit_test_setup(test_random, setup),
	};

	return cmocka_run_group_tests_name("vclock", tests, NULL, NULL);
}
