// SOURCES: kernel/policy_budget.c kernel/budget_admit.c lib/prioq.c tests/unit/stubs/heap.c
/* kernel/policy_budget.c in virtual time, and the arithmetic of kernel/budget_admit.c. */
#include "tests/unit/stubs/polrig.h"

#include <errno.h>

#include "kernel/policy_budget.h"
#include "kernel/smp.h"
#include "mm/heap.h"
#include "tests/unit/stubs/heap.h"

#define MS NS_PER_MS
#define US NS_PER_US
#define TASKS 4096

u64 cpus_online = 1;

static struct sim sim;
static struct task task[TASKS];

static int setup(void **state)
{
	(void)state;
	memset(task, 0, sizeof(task));
	sim_init(&sim, &policy_budget);
	cpus_online = 1;
	return 0;
}

static struct task *add(unsigned n, u64 budget, u64 period)
{
	struct sched_params params = { .budget_ns = budget, .period_ns = period, .cpus = CPUS_ANY };

	sim_add(&sim, &task[n], &params);
	return &task[n];
}

static void forget(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		task[i].got_ns = task[i].wait_max = task[i].latency_max = 0;
		task[i].t.sched.overrun_ns = 0;
	}
}

/* Whoever has budget left and wants to run gets it before the deadline. */
static void check_deadlines(struct sim *s)
{
	for (unsigned i = 0; i < s->count; i++) {
		const struct sched_entity *e = &s->task[i]->t.sched;

		if (!e->params.budget_ns || s->task[i]->t.state == THREAD_BLOCKED)
			continue;
		assert_true(e->budget_left_ns <= 0 || s->now <= e->deadline_ns);
	}
}

/* A busy one gets its budget, not more and not less, and the background the rest. */
static void test_budget_is_exact(void **state)
{
	(void)state;
	sim.check = check_deadlines;
	add(0, 20 * MS, 100 * MS);
	add(1, 0, 0);
	sim_run(&sim, 10 * NS_PER_SEC);
	assert_int_equal(task[0].got_ns, 2 * NS_PER_SEC);
	assert_int_equal(task[1].got_ns, 8 * NS_PER_SEC);
	assert_int_equal(task[0].t.sched.overrun_ns, 0);
}

/* The same when nobody else wants the CPU. */
static void test_budget_is_hard(void **state)
{
	(void)state;
	add(0, 30 * MS, 100 * MS);
	sim_run(&sim, 10 * NS_PER_SEC);
	assert_int_equal(task[0].got_ns, 3 * NS_PER_SEC);
	sim_run(&sim, 50 * MS);
	assert_null(sim.running);
}

/* A late timer lets it overrun by as much; the next period pays for it. */
static void test_overrun_is_paid_back(void **state)
{
	(void)state;
	sim.late_max = 100 * US;
	add(0, 5 * MS, 20 * MS);
	add(1, 0, 0);
	sim_run(&sim, 10 * NS_PER_SEC);
	assert_true(task[0].t.sched.overrun_ns > 0);
	assert_true(task[0].t.sched.overrun_ns <= (s64)(100 * US));
	assert_true(task[0].got_ns <= 2500 * MS + 100 * US);
	assert_true(task[0].got_ns >= 2500 * MS - 100 * US);
}

/* Sets that were admitted: up to eight, up to 95 % in all, every length of period. */
static unsigned add_random_set(u64 *seed, u8 *cpu_of)
{
	unsigned count = 0;
	char why[200];

	for (unsigned tries = 0; tries < 12 && count < 8; tries++) {
		u64 period = (1 + unit_random(seed) % 100) * MS;
		u64 budget = (1 + unit_random(seed) % (period / US / 2)) * US;
		struct sched_params params = { .budget_ns = budget,
					       .period_ns = period,
					       .cpus = CPUS_ANY };
		int r = budget_admit(&params, 1, &cpu_of[count], why, sizeof(why));

		if (r == 0)
			add(count++, budget, period);
		else
			assert_int_equal(r, -EDQUOT);
	}
	return count;
}

static void release_all(unsigned count, const u8 *cpu_of)
{
	for (unsigned i = 0; i < count; i++)
		budget_release(&task[i].t.sched.params, 1, &cpu_of[i]);
	assert_int_equal(heap_used(), 0);
}

/* All of them busy: nobody misses a deadline, and all get all of their budget. */
static void test_admitted_sets_meet_their_deadlines(void **state)
{
	u8 cpu_of[8];
	u64 seed = 11;

	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		unsigned count;

		setup(NULL);
		sim.check = check_deadlines;
		count = add_random_set(&seed, cpu_of);
		add(count, 0, 0);
		sim_run(&sim, 2 * NS_PER_SEC);
		for (unsigned i = 0; i < count; i++) {
			const struct sched_params *p = &task[i].t.sched.params;
			u64 periods = 2 * NS_PER_SEC / p->period_ns;

			assert_true(task[i].got_ns >= periods * p->budget_ns);
			assert_true(task[i].got_ns <= (periods + 1) * p->budget_ns);
		}
		assert_true(task[count].got_ns >= 2 * NS_PER_SEC / 100 * 4);
		release_all(count, cpu_of);
	}
}

/* The same when they sleep and wake as they like, so that periods begin at any time. */
static void test_sleepers_disturb_nobody(void **state)
{
	u8 cpu_of[8];
	u64 seed = 13;

	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		unsigned count, slept;

		setup(NULL);
		sim.check = check_deadlines;
		count = add_random_set(&seed, cpu_of);
		for (unsigned i = slept = 0; i < count; i++) {
			u64 r = unit_random(&seed);
			u64 budget = task[i].t.sched.params.budget_ns;

			if (r & 1 || i == 0)
				continue;
			task[i].work_ns = task[i].work_left = 1 + (r >> 8) % (2 * budget);
			task[i].sleep_ns = 1 + (r >> 40) % task[i].t.sched.params.period_ns;
			slept++;
		}
		sim_run(&sim, 2 * NS_PER_SEC);
		for (unsigned i = 0; i < count; i++) {
			const struct sched_params *p = &task[i].t.sched.params;
			u64 periods = 2 * NS_PER_SEC / p->period_ns;

			if (!task[i].work_ns)
				assert_true(task[i].got_ns >= periods * p->budget_ns);
			/* Never more than its bandwidth and one budget. */
			assert_true(task[i].got_ns <= (periods + 2) * p->budget_ns);
		}
		release_all(count, cpu_of);
	}
}

/*
 * Who slept through many periods gets one budget, not many; nor a full one shortly before the end.
 */
static void test_sleeping_saves_nothing(void **state)
{
	(void)state;
	add(0, 50 * MS, 100 * MS);
	add(1, 40 * MS, 100 * MS);
	task[0].work_ns = 1 * MS;
	task[0].work_left = 1 * MS;
	task[0].sleep_ns = 89 * MS;
	sim_run(&sim, 60 * MS);
	assert_int_equal(task[0].t.state, THREAD_BLOCKED);
	assert_int_equal(task[0].got_ns, 1 * MS);
	/*
	 * At 90 ms 49 ms would be left for 10: a new period begins, which leaves the other one its
	 * 40 ms of the next 100.
	 */
	task[0].work_ns = 0;
	sim_run(&sim, 31 * MS);
	assert_ptr_equal(sim.running, &task[0]);
	assert_int_equal(task[0].t.sched.deadline_ns, 1000 * MS + 190 * MS);
	forget(2);
	sim_run(&sim, 99 * MS);
	assert_int_equal(task[0].got_ns, 49 * MS);
	assert_int_equal(task[1].got_ns, 40 * MS);
}

/* Sleeping while the budget is used up does not bring a new one. */
static void test_sleep_does_not_refill(void **state)
{
	(void)state;
	add(0, 10 * MS, 100 * MS);
	task[0].work_ns = task[0].work_left = 2 * MS;
	task[0].sleep_ns = 1;
	sim_run(&sim, 10 * NS_PER_SEC);
	assert_true(task[0].got_ns <= 1010 * MS);
	assert_true(task[0].got_ns >= 990 * MS);
}

static void test_who_wakes_interrupts(void **state)
{
	(void)state;
	add(0, 0, 0);
	add(1, 400 * MS, 1000 * MS);
	task[2].work_ns = 1 * MS;
	task[2].sleep_ns = 19 * MS;
	add(2, 2 * MS, 20 * MS); /* the earliest deadline of all */
	sim_run(&sim, NS_PER_SEC);
	assert_int_equal(task[2].latency_max, 0);
	assert_true(task[2].bursts >= 49);
}

/* Round robin with whole turns, also when budgets interrupt. */
static void test_background(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++)
		add(i, 0, 0);
	add(4, 1 * MS, 7 * MS);
	sim_run(&sim, 8 * MS + 1);
	assert_ptr_equal(sim.running, &task[0]); /* interrupted twice, and not yet over */
	sim_run(&sim, 7 * NS_PER_SEC - 8 * MS - 1);
	for (unsigned i = 0; i < 4; i++) {
		assert_true(task[i].got_ns >= 1480 * MS && task[i].got_ns <= 1520 * MS);
		assert_true(task[i].wait_max <= 60 * MS);
	}
	assert_int_equal(task[4].got_ns, NS_PER_SEC);
	/* And when one comes as often as turns end. */
	setup(NULL);
	add(0, 0, 0);
	add(1, 0, 0);
	add(2, 1 * MS, 10 * MS);
	sim_run(&sim, 10 * NS_PER_SEC);
	assert_in_range(task[0].got_ns, 4490 * MS, 4510 * MS);
	assert_in_range(task[1].got_ns, 4490 * MS, 4510 * MS);
}

/* Kernel threads take more than the 5 %: nobody runs away with what he missed. */
static void test_overload(void **state)
{
	(void)state;
	add(0, 90 * MS, 100 * MS);
	sim.noise_ns = 10 * MS;
	sim.noise_length = 200 * MS;
	sim_run(&sim, 10 * NS_PER_SEC);
	sim.noise_ns = 0;
	sim.noise_at = NEVER;
	forget(1);
	sim_run(&sim, 10 * NS_PER_SEC);
	assert_true(task[0].got_ns <= 9100 * MS);
	assert_true(task[0].got_ns >= 9000 * MS);
}

static void test_out_of_turn(void **state)
{
	(void)state;
	add(0, 10 * MS, 100 * MS); /* runs */
	add(1, 10 * MS, 200 * MS);
	add(2, 10 * MS, 300 * MS);
	add(3, 0, 0);
	assert_true(policy_budget.may_run(&sim.rq, &task[1].t));
	assert_false(policy_budget.may_run(&sim.rq, &task[2].t));
	assert_false(policy_budget.may_run(&sim.rq, &task[3].t));
	sim_run(&sim, 35 * MS);
	assert_ptr_equal(sim.running, &task[3]);
	assert_false(policy_budget.may_run(&sim.rq, &task[1].t)); /* used up */
}

/* Throttled ones are taken out as well when their partition ends. */
static void test_remove(void **state)
{
	(void)state;
	add(0, 10 * MS, 100 * MS);
	add(1, 20 * MS, 100 * MS);
	sim_run(&sim, 15 * MS);
	sim_end(&sim, &task[0]);
	assert_int_equal(sim.rq.throttled.count, 0);
	sim_end(&sim, &task[1]);
	assert_int_equal(sim.rq.tree.count + sim.rq.throttled.count, 0);
	assert_int_equal(sim_timer(&sim), NEVER);
}

static void test_cost(void **state)
{
	(void)state;
	for (unsigned count = 16; count <= TASKS; count *= 4) {
		setup(NULL);
		for (unsigned i = 0; i < count; i++)
			add(i, 10 * US * (1 + i % 3), NS_PER_SEC);
		sim.picks = sim.steps = sim.steps_max = 0;
		sim_run(&sim, NS_PER_SEC);
		print_message("%u with a budget: %.1f steps a pick\n", count,
			      (double)sim.steps / sim.picks);
		assert_true(sim.steps <= sim.picks * 4 * (64 - (unsigned)__builtin_clzll(count)));
	}
}

static struct sched_params want(u64 budget, u64 period, u64 cpus)
{
	return (struct sched_params){ .budget_ns = budget, .period_ns = period, .cpus = cpus };
}

static void assert_refused(struct sched_params params, unsigned count, const char *reason)
{
	u8 cpu_of[16];
	char why[300] = "";

	assert_int_equal(budget_admit(&params, count, cpu_of, why, sizeof(why)), -EDQUOT);
	assert_string_equal(why, reason);
}

static void test_admission(void **state)
{
	struct sched_params fifty = want(50 * MS, 100 * MS, CPUS_ANY),
			    forty = want(40 * MS, 100 * MS, CPUS_ANY),
			    full = want(95 * MS, 100 * MS, CPUS_ANY);
	u8 cpu_of[2];
	char why[300] = "", text[60];

	(void)state;
	assert_refused(want(96 * MS, 100 * MS, CPUS_ANY), 1,
		       "CPU 0: with 96ms/100ms 96 %, at most 95 %");
	/* Two times 47.50005 %; and no more than 95 % is 95 %, too. */
	assert_refused(want(950001 * US, 2 * NS_PER_SEC, CPUS_ANY), 2,
		       "vCPU 1 of 2: CPU 0: 950001us/2s = 47.6 %, with 950001us/2s more 95.1 %, "
		       "at most 95 %");
	assert_int_equal(budget_admit(&full, 1, cpu_of, why, sizeof(why)), 0);
	budget_release(&full, 1, cpu_of);
	assert_int_equal(budget_admit(&fifty, 1, cpu_of, why, sizeof(why)), 0);
	assert_int_equal(budget_admit(&forty, 1, cpu_of + 1, why, sizeof(why)), 0);
	assert_string_equal(why, "");
	assert_refused(want(20 * MS, 100 * MS, CPUS_ANY), 1,
		       "CPU 0: 50ms/100ms + 40ms/100ms = 90 %, with 20ms/100ms more 110 %, "
		       "at most 95 %");
	assert_refused(want(2505 * US, 100 * MS, CPUS_ANY), 2,
		       "vCPU 1 of 2: CPU 0: 50ms/100ms + 40ms/100ms + 2505us/100ms = 92.6 %, "
		       "with 2505us/100ms more 95.1 %, at most 95 %");
	budget_describe_cpu(0, text, sizeof(text));
	assert_string_equal(text, "promised 90 % of at most 95 %");
	budget_release(&fifty, 1, cpu_of);
	budget_release(&forty, 1, cpu_of + 1);
	assert_int_equal(heap_used(), 0);
	budget_describe_cpu(0, text, sizeof(text));
	assert_string_equal(text, "promised 0 % of at most 95 %");
	/* Nothing to promise to the others. */
	fifty.budget_ns = 0;
	assert_int_equal(budget_admit(&fifty, 2, cpu_of, why, sizeof(why)), 0);
}

static void test_admission_on_several_cpus(void **state)
{
	struct sched_params thirty = want(300 * MS, NS_PER_SEC, CPUS_ANY),
			    pinned = want(36 * MS, 100 * MS, BIT(1));
	u8 cpu_of[6], pinned_of[2];
	char why[300] = "", small[20];

	(void)state;
	cpus_online = 3;
	assert_int_equal(budget_admit(&pinned, 1, pinned_of, why, sizeof(why)), 0);
	assert_int_equal(pinned_of[0], 1);
	/* Each goes where most is left. */
	assert_int_equal(budget_admit(&thirty, 4, cpu_of, why, sizeof(why)), 0);
	assert_memory_equal(cpu_of, ((u8[]){ 0, 0, 1, 0 }), 4);
	assert_refused(
	    thirty, 1,
	    "CPU 0: 300ms/1s (3 times) = 90 %, with 300ms/1s more 120 %; "
	    "CPU 1: 36ms/100ms + 300ms/1s = 66 %, with 300ms/1s more 96 %, at most 95 %");
	/* Taken back where it was promised. */
	budget_release(&thirty, 1, cpu_of + 2);
	budget_describe_cpu(1, why, sizeof(why));
	assert_string_equal(why, "promised 36 % of at most 95 %");
	cpu_of[2] = cpu_of[3];
	budget_release(&thirty, 3, cpu_of);
	budget_release(&pinned, 1, pinned_of);
	/* A reason that does not fit is cut. */
	pinned = want(99 * MS, 100 * MS, CPUS_ANY);
	assert_int_equal(budget_admit(&pinned, 1, pinned_of, small, sizeof(small)), -EDQUOT);
	assert_string_equal(small, "CPU 0: with 99ms/10");
	heap_fail_after(1);
	pinned = want(1 * MS, 100 * MS, CPUS_ANY);
	assert_int_equal(budget_admit(&pinned, 2, pinned_of, why, sizeof(why)), -ENOMEM);
	heap_fail_after(-1);
	assert_int_equal(heap_used(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_budget_is_exact, setup),
		cmocka_unit_test_setup(test_budget_is_hard, setup),
		cmocka_unit_test_setup(test_overrun_is_paid_back, setup),
		cmocka_unit_test_setup(test_admitted_sets_meet_their_deadlines, setup),
		cmocka_unit_test_setup(test_sleepers_disturb_nobody, setup),
		cmocka_unit_test_setup(test_sleeping_saves_nothing, setup),
		cmocka_unit_test_setup(test_sleep_does_not_refill, setup),
		cmocka_unit_test_setup(test_who_wakes_interrupts, setup),
		cmocka_unit_test_setup(test_background, setup),
		cmocka_unit_test_setup(test_overload, setup),
		cmocka_unit_test_setup(test_out_of_turn, setup),
		cmocka_unit_test_setup(test_remove, setup),
		cmocka_unit_test_setup(test_cost, setup),
		cmocka_unit_test_setup(test_admission, setup),
		cmocka_unit_test_setup(test_admission_on_several_cpus, setup),
	};

	return cmocka_run_group_tests_name("policy_budget", tests, NULL, NULL);
}
