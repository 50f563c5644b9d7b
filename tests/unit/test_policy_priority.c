// SOURCES: kernel/policy_priority.c lib/prioq.c
/* kernel/policy_priority.c in virtual time: who runs, turns among equals, and wake-ups. */
#include "tests/unit/stubs/polrig.h"

#define TASKS 64

static struct sim sim;
static struct task task[TASKS];

static int setup(void **state)
{
	(void)state;
	memset(task, 0, sizeof(task));
	sim_init(&sim, &policy_priority);
	return 0;
}

static struct task *add(unsigned n, u8 priority)
{
	struct sched_params params = { .priority = priority, .cpus = CPUS_ANY };

	sim_add(&sim, &task[n], &params);
	return &task[n];
}

/* Nobody waits while somebody of a lower priority runs. */
static void check_order(struct sim *s)
{
	struct thread *t;

	list_for_each(t, &s->rq.guests, guest_node)
		assert_true(s->running &&
			    s->running->t.sched.params.priority >= t->sched.params.priority);
}

static void test_the_highest_runs(void **state)
{
	(void)state;
	sim.check = check_order;
	add(0, 1);
	add(1, 2);
	assert_ptr_equal(sim.running, &task[1]);
	task[2].work_ns = 1 * NS_PER_MS;
	task[2].sleep_ns = 9 * NS_PER_MS;
	add(2, 4);
	assert_ptr_equal(sim.running, &task[2]);
	sim_run(&sim, NS_PER_SEC);
	assert_int_equal(task[0].got_ns, 0);
	assert_int_equal(task[2].got_ns, 100 * NS_PER_MS);
	assert_int_equal(task[2].latency_max, 0);
	assert_int_equal(task[1].got_ns, 900 * NS_PER_MS);
}

static void test_equals_take_turns(void **state)
{
	(void)state;
	for (unsigned i = 0; i < TASKS; i++)
		add(i, 2);
	sim_run(&sim, 10 * TASKS * 10 * NS_PER_MS);
	for (unsigned i = 0; i < TASKS; i++) {
		assert_int_equal(task[i].got_ns, 100 * NS_PER_MS);
		assert_true(task[i].wait_max <= (TASKS - 1) * 10 * NS_PER_MS);
	}
	assert_int_equal(sim.steps, 0); /* lists alone: nothing depends on their length */
}

/* Who is interrupted by a higher one goes on with his turn, and one who yields does not. */
static void test_interrupted_turns_go_on(void **state)
{
	(void)state;
	add(0, 2);
	add(1, 2);
	task[2].work_ns = 100 * NS_PER_US;
	task[2].sleep_ns = 3 * NS_PER_MS;
	add(2, 3);
	for (unsigned i = 0; i < 2; i++) { /* interrupted at 0, 3.1 and 6.2 ms */
		sim_run(&sim, 4 * NS_PER_MS);
		assert_ptr_equal(sim.running, &task[0]);
	}
	sim_yield(&sim);
	assert_ptr_equal(sim.running, &task[1]);
	/* Also when the higher one comes as often as turns end. */
	for (unsigned ms = 1; ms <= 10; ms++) {
		setup(NULL);
		add(0, 2);
		add(1, 2);
		task[2].work_ns = NS_PER_MS;
		task[2].sleep_ns = ms * NS_PER_MS;
		add(2, 3);
		sim_run(&sim, 20 * NS_PER_SEC);
		assert_in_range(task[0].got_ns, task[1].got_ns - 11 * NS_PER_MS,
				task[1].got_ns + 11 * NS_PER_MS);
	}
}

/* One that wakes interrupts lower ones alone, not its equals. */
static void test_equals_do_not_interrupt(void **state)
{
	(void)state;
	task[0].work_ns = 1 * NS_PER_MS;
	task[0].sleep_ns = 2 * NS_PER_MS;
	add(0, 2);
	add(1, 2);
	add(2, 1);
	sim_run(&sim, 5 * NS_PER_MS);
	assert_int_equal(task[0].t.state, THREAD_READY);
	assert_ptr_equal(sim.running, &task[1]);
	sim_run(&sim, 95 * NS_PER_MS);
	assert_int_equal(task[0].bursts, 10); /* 1 ms of each 11 */
	assert_int_equal(task[2].got_ns, 0);
}

static void test_no_tick_when_alone(void **state)
{
	(void)state;
	add(0, 2);
	assert_int_equal(sim_timer(&sim), NEVER);
	add(1, 1); /* waits, but not for the end of a turn */
	assert_int_equal(sim_timer(&sim), NEVER);
	add(2, 2);
	assert_int_equal(sim_timer(&sim), sim.now + 10 * NS_PER_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_the_highest_runs, setup),
		cmocka_unit_test_setup(test_equals_take_turns, setup),
		cmocka_unit_test_setup(test_interrupted_turns_go_on, setup),
		cmocka_unit_test_setup(test_equals_do_not_interrupt, setup),
		cmocka_unit_test_setup(test_no_tick_when_alone, setup),
	};

	return cmocka_run_group_tests_name("policy_priority", tests, NULL, NULL);
}
