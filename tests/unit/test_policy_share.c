// SOURCES: kernel/policy_share.c lib/prioq.c
/*
 * kernel/policy_share.c in virtual time: shares, sleepers, newcomers, moves, and what a pick costs.
 */
#include "tests/unit/stubs/polrig.h"

#define TASKS 4096

static struct sim sim, other;
static struct task task[TASKS];
static u64 last_vtime;

static int setup(void **state)
{
	(void)state;
	memset(task, 0, sizeof(task));
	sim_init(&sim, &policy_share);
	sim_init(&other, &policy_share);
	last_vtime = 0;
	return 0;
}

static struct task *add(struct sim *s, unsigned n, u32 weight)
{
	struct sched_params params = { .weight = weight, .cpus = CPUS_ANY };

	sim_add(s, &task[n], &params);
	return &task[n];
}

static void forget(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		task[i].got_ns = task[i].wait_max = task[i].latency_max = 0;
}

/* The queue's time never goes back, and nobody is behind it by more than the credit of 2 ms. */
static void check_vtime(struct sim *s)
{
	struct thread *t;

	assert_true(s->rq.vtime >= last_vtime);
	last_vtime = s->rq.vtime;
	list_for_each(t, &s->rq.guests, guest_node)
		assert_true(t->sched.vtime + 2 * NS_PER_MS >= s->rq.vtime);
}

/* Everybody has got its part of all that was given out, within so many thousandths of it. */
static void assert_shares(unsigned count, unsigned thousandths)
{
	u64 all = 0, weights = 0;

	for (unsigned i = 0; i < count; i++) {
		all += task[i].got_ns;
		weights += task[i].t.sched.params.weight;
	}
	for (unsigned i = 0; i < count; i++) {
		double want = (double)all * task[i].t.sched.params.weight / weights;
		double off = (task[i].got_ns - want) / want * 1000;

		if (off > thousandths || off < -(double)thousandths)
			fail_msg("weight %u of %lu: %f ms instead of %f",
				 task[i].t.sched.params.weight, (unsigned long)weights,
				 task[i].got_ns / 1e6, want / 1e6);
	}
}

static void busy(const u32 *weight, unsigned count, u64 ns, unsigned thousandths)
{
	setup(NULL);
	sim.check = check_vtime;
	for (unsigned i = 0; i < count; i++)
		add(&sim, i, weight[i]);
	sim_run(&sim, 100 * NS_PER_MS);
	forget(count);
	sim_run(&sim, ns);
	assert_shares(count, thousandths);
}

static void test_shares(void **state)
{
	(void)state;
	busy((u32[]){ 100, 200, 300 }, 3, NS_PER_SEC, 10);
	busy((u32[]){ 100, 100 }, 2, NS_PER_SEC, 10);
	busy((u32[]){ 1, 100 }, 2, NS_PER_SEC, 20);
	busy((u32[]){ 100, 10000 }, 2, NS_PER_SEC, 20);
	busy((u32[]){ 1, 10000 }, 2, 20 * NS_PER_SEC, 60); /* 2 ms in all: some turns */
	busy((u32[]){ 7, 7, 7, 7, 7, 7, 7 }, 7, NS_PER_SEC, 10);
	busy((u32[]){ 1, 10, 100, 1000 }, 4, NS_PER_SEC, 70); /* 0.9 ms for the first */
}

/* Random sets, a timer that is late, kernel threads in between: 2 % over ten rounds and more. */
static void test_random_shares(void **state)
{
	u32 weight[8];
	u64 seed = 5;

	(void)state;
	for (unsigned round = 0; round < 200; round++) {
		unsigned count = 2 + unit_random(&seed) % 7;

		setup(NULL);
		sim.check = check_vtime;
		sim.seed = round;
		sim.late_max = round % 2 ? 20 * NS_PER_US : 0;
		sim.noise_ns = round % 3 ? 3 * NS_PER_MS : 0;
		sim.noise_length = 200 * NS_PER_US;
		for (unsigned i = 0; i < count; i++) {
			weight[i] = 50 + unit_random(&seed) % 400;
			add(&sim, i, weight[i]);
		}
		sim_run(&sim, 100 * NS_PER_MS);
		forget(count);
		sim_run(&sim, NS_PER_SEC);
		assert_shares(count, 20);
	}
}

static void test_nobody_starves(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 64; i++)
		add(&sim, i, 100);
	sim_run(&sim, NS_PER_SEC);
	assert_shares(64, 65); /* 31 turns, two more or less */
	for (unsigned i = 0; i < 64; i++)
		assert_true(task[i].wait_max <= 33 * NS_PER_MS);
	/* Not even the lightest among the heaviest. */
	setup(NULL);
	for (unsigned i = 0; i < 64; i++)
		add(&sim, i, i ? 10000 : 1);
	sim_run(&sim, 100 * NS_PER_SEC);
	assert_true(task[0].got_ns >= 100 * NS_PER_US);
}

/* Who slept for long has no claim to that time. */
static void test_sleeping_saves_nothing(void **state)
{
	(void)state;
	add(&sim, 0, 100);
	add(&sim, 1, 100);
	sim_run(&sim, 5 * NS_PER_MS);
	task[1].work_ns = 1; /* about to sleep */
	task[1].sleep_ns = 3600 * NS_PER_SEC;
	task[1].work_left = 1;
	sim_run(&sim, 3600 * NS_PER_SEC);
	assert_int_equal(task[1].t.state, THREAD_BLOCKED);
	task[1].work_ns = 0;
	forget(2);
	sim_run(&sim, NS_PER_SEC);
	assert_true(task[1].got_ns > 100 * NS_PER_MS);
	forget(2);
	sim_run(&sim, NS_PER_SEC);
	assert_shares(2, 10);
}

static void test_who_wakes_runs_soon(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 10; i++)
		add(&sim, i, 100);
	task[10].work_ns = 200 * NS_PER_US;
	task[10].sleep_ns = 20 * NS_PER_MS;
	add(&sim, 10, 100);
	sim_run(&sim, 100 * NS_PER_MS);
	forget(11);
	sim_run(&sim, 2 * NS_PER_SEC);
	assert_true(task[10].bursts >= 98);
	assert_int_equal(task[10].latency_max, 0); /* interrupts whoever runs */
}

/* Neither short nor long sleeps, of any length of work, get more than the share. */
static void test_sleepers_get_no_more_than_their_share(void **state)
{
	u64 seed = 7;

	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		setup(NULL);
		sim.check = check_vtime;
		add(&sim, 0, 100);
		add(&sim, 1, 100);
		task[2].work_ns = 1 + unit_random(&seed) % (round % 2 ? 12000000 : 100000);
		task[2].sleep_ns = 1 + unit_random(&seed) % (round % 3 ? 3000000 : 10000);
		add(&sim, 2, 100);
		sim_run(&sim, 2 * NS_PER_SEC);
		assert_true(task[2].got_ns <= 2 * NS_PER_SEC / 3 * 102 / 100);
		/* What it leaves is shared evenly. */
		assert_true(task[0].got_ns * 102 >= task[1].got_ns * 100);
		assert_true(task[1].got_ns * 102 >= task[0].got_ns * 100);
	}
}

/* Ending and starting again brings nothing. */
static void test_newcomers_wait(void **state)
{
	u64 got = 0;

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		add(&sim, i, 100);
	for (unsigned round = 0; round < 1000; round++) {
		memset(&task[4], 0, sizeof(task[4]));
		add(&sim, 4, 100);
		while (!task[4].got_ns)
			sim_step(&sim, sim.now + NS_PER_MS);
		sim_run(&sim, NS_PER_MS);
		got += task[4].got_ns;
		sim_end(&sim, &task[4]);
	}
	assert_true(got * 5 <= (sim.now - 1000 * NS_PER_MS) * 102 / 100);
}

/* From a queue that is hours ahead to one that is not, and back. */
static void test_moves(void **state)
{
	u64 got;

	(void)state;
	add(&sim, 0, 100);
	sim_run(&sim, 10000 * NS_PER_SEC);
	add(&other, 1, 100);
	other.now = sim.now;
	other.running->t.last_in_ns = sim.now;
	add(&sim, 2, 100);
	for (unsigned i = 0; i < 1000; i++) {
		struct sim *from = i % 2 ? &other : &sim, *to = i % 2 ? &sim : &other;

		while (from->running == &task[2]) {
			u64 now = MIN(from->now, to->now);

			sim_step(from->now == now ? from : to, now + NS_PER_MS);
		}
		while (sim.now != other.now) /* in step again */
			sim_run(sim.now < other.now ? &sim : &other,
				MAX(sim.now, other.now) - MIN(sim.now, other.now));
		if (task[2].t.state == THREAD_READY && from->running != &task[2])
			sim_move(from, to, &task[2]);
		got = task[2].got_ns;
		sim_run(&sim, 20 * NS_PER_MS);
		sim_run(&other, 20 * NS_PER_MS);
		/* Half of a CPU, more or less, wherever it is: neither shut out nor alone. */
		assert_true(task[2].got_ns - got >= 5 * NS_PER_MS);
		assert_true(task[2].got_ns - got <= 15 * NS_PER_MS);
	}
}

/* Who is ahead remains so on every CPU: fleeing from one to the other does not pay. */
static void test_moving_brings_nothing(void **state)
{
	struct sim *from = &sim, *to = &other, *last;

	(void)state;
	add(&sim, 0, 100);
	add(&other, 1, 100);
	add(&sim, 2, 100);
	for (unsigned i = 0; i < 2000; i++) {
		if (task[2].t.state == THREAD_READY) {
			sim_move(from, to, &task[2]);
			last = from;
			from = to;
			to = last;
		}
		sim_run(&sim, NS_PER_MS);
		sim_run(&other, NS_PER_MS);
	}
	assert_true(task[2].got_ns <= 1050 * NS_PER_MS);
	assert_true(task[2].got_ns >= 500 * NS_PER_MS);
}

/* However short and many the times are that it is charged. */
static void test_nothing_is_lost_in_division(void **state)
{
	struct thread *t = &task[0].t;
	u64 before;

	(void)state;
	add(&sim, 0, 10000);
	before = t->sched.vtime;
	for (unsigned i = 0; i < 1000; i++)
		policy_share.charge(&sim.rq, t, 7);
	assert_int_equal(t->sched.vtime - before, 70);
}

/* Not each who is a little behind interrupts. */
static void test_advantage(void **state)
{
	(void)state;
	add(&sim, 0, 100);
	add(&sim, 1, 100);
	task[1].t.sched.vtime = 10 * NS_PER_MS;
	task[0].t.sched.vtime = 11 * NS_PER_MS - 1;
	assert_false(policy_share.preempts(&task[1].t, &task[0].t));
	task[0].t.sched.vtime++;
	assert_true(policy_share.preempts(&task[1].t, &task[0].t));
}

/* Turns of many are half a millisecond on the average, and nobody's is less than a tenth. */
static void test_turns_are_not_too_short(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 512; i++)
		add(&sim, i, 100);
	sim.picks = 0;
	sim_run(&sim, NS_PER_SEC);
	assert_in_range(sim.picks, 1900, 2100);
	setup(NULL);
	add(&sim, 0, 1);
	add(&sim, 1, 10000);
	sim.picks = 0;
	sim_run(&sim, 20 * NS_PER_SEC); /* 2 ms for the first */
	assert_in_range(sim.picks, 2000, 2000 + 2 * 20 + 10);
}

static void test_yield(void **state)
{
	struct task *before;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		add(&sim, i, 100);
	sim_run(&sim, 100 * NS_PER_MS);
	for (unsigned i = 0; i < 100; i++) {
		before = sim.running;
		sim_yield(&sim);
		assert_ptr_not_equal(sim.running, before);
		sim_run(&sim, 100 * NS_PER_US);
	}
	/* Alone it goes on. */
	setup(NULL);
	add(&sim, 0, 100);
	sim_yield(&sim);
	assert_ptr_equal(sim.running, &task[0]);
}

/* Alone, nothing is to be asked for; with company the end of the turn. */
static void test_no_tick_when_alone(void **state)
{
	(void)state;
	add(&sim, 0, 100);
	assert_int_equal(sim_timer(&sim), NEVER);
	add(&sim, 1, 100);
	assert_true(sim_timer(&sim) <= sim.now + 10 * NS_PER_MS);
}

/* A pick takes logarithmic time. */
static void test_cost(void **state)
{
	(void)state;
	for (unsigned count = 16; count <= TASKS; count *= 4) {
		setup(NULL);
		for (unsigned i = 0; i < count; i++)
			add(&sim, i, 100);
		sim.picks = sim.steps = sim.steps_max = 0;
		sim_run(&sim, 2 * count * NS_PER_MS);
		print_message("%u ready: %.1f steps a pick, at most %lu\n", count,
			      (double)sim.steps / sim.picks, (unsigned long)sim.steps_max);
		assert_true(sim.steps_max <= 4 * (64 - (unsigned)__builtin_clzll(count)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_shares, setup),
		cmocka_unit_test_setup(test_random_shares, setup),
		cmocka_unit_test_setup(test_nobody_starves, setup),
		cmocka_unit_test_setup(test_sleeping_saves_nothing, setup),
		cmocka_unit_test_setup(test_who_wakes_runs_soon, setup),
		cmocka_unit_test_setup(test_sleepers_get_no_more_than_their_share, setup),
		cmocka_unit_test_setup(test_newcomers_wait, setup),
		cmocka_unit_test_setup(test_moves, setup),
		cmocka_unit_test_setup(test_moving_brings_nothing, setup),
		cmocka_unit_test_setup(test_nothing_is_lost_in_division, setup),
		cmocka_unit_test_setup(test_advantage, setup),
		cmocka_unit_test_setup(test_turns_are_not_too_short, setup),
		cmocka_unit_test_setup(test_yield, setup),
		cmocka_unit_test_setup(test_no_tick_when_alone, setup),
		cmocka_unit_test_setup(test_cost, setup),
	};

	return cmocka_run_group_tests_name("policy_share", tests, NULL, NULL);
}
