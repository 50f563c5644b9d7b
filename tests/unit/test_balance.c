// SOURCES: kernel/balance.c
/* kernel/balance.c: which CPU a thread goes to, which one is taken, and who must not be moved. */
#include "tests/unit/stubs/unit.h"

#include <string.h>

#include "kernel/balance.h"
#include "kernel/smp.h"
#include "kernel/thread_internal.h"
#include "kernel/timer.h"

#define CPUS 4
#define THREADS 8
#define HERE BIT(0)

static struct cpu cpu[CPUS];
static struct thread idle[CPUS], busy, thread[THREADS];
static u64 kicked;

struct cpu *cpus[CPUS_MAX] = { &cpu[0], &cpu[1], &cpu[2], &cpu[3] };
unsigned cpu_count = CPUS;
u64 cpus_online, cpus_idle;

static bool may_run = true;

static bool policy_may_run(const struct run_queue *rq, const struct thread *t)
{
	(void)rq;
	(void)t;
	return may_run;
}

static struct sched_policy policy = { .name = "fake", .may_run = policy_may_run };
const struct sched_policy *sched_policy = &policy;

u64 clock_now_ns(void)
{
	return 0;
}

void cpu_kick(struct cpu *c)
{
	kicked |= BIT(c->id);
}

void sched_account(struct cpu *c, u64 now)
{
	(void)c;
	(void)now;
}

void sched_dequeue_guest(struct run_queue *rq, struct thread *t)
{
	list_remove(&t->guest_node);
	rq->guest_count--;
	rq->load -= balance_weight(t);
}

bool sched_add(struct cpu *c, struct thread *t, enum sched_why why, u64 now)
{
	(void)why;
	(void)now;
	t->state = THREAD_READY;
	list_push_back(&c->run_queue.guests, &t->guest_node);
	c->run_queue.guest_count++;
	c->run_queue.load += balance_weight(t);
	return c->current == c->idle;
}

/* All CPUs are busy with something that is not in their loads. */
static int setup(void **state)
{
	(void)state;
	memset(cpu, 0, sizeof(cpu));
	memset(thread, 0, sizeof(thread));
	for (unsigned i = 0; i < CPUS; i++) {
		cpu[i].id = i;
		cpu[i].idle = &idle[i];
		cpu[i].current = &busy;
		list_init(&cpu[i].run_queue.guests);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		thread[i] = (struct thread){
			.state = THREAD_BLOCKED, .home = &cpu[0], .guest = true, .wakeups = 1
		};
		thread[i].sched.params = SCHED_PARAMS_DEFAULT;
		list_init(&thread[i].guest_node);
	}
	cpus_online = MASK(CPUS - 1, 0);
	cpus_idle = kicked = 0;
	policy.weighted = false;
	may_run = true;
	return 0;
}

/* It has nothing to do, and says so. */
static void rest(unsigned n)
{
	cpu[n].current = &idle[n];
	cpus_idle |= BIT(n);
}

static void ready(unsigned n, unsigned on)
{
	thread[n].home = &cpu[on];
	sched_add(&cpu[on], &thread[n], SCHED_NEW, 0);
}

static void test_who_wakes_stays_or_finds_an_idle_cpu(void **state)
{
	(void)state;
	assert_ptr_equal(balance_place(&thread[0]), &cpu[0]); /* nobody is idle */
	rest(2);
	rest(3);
	assert_ptr_equal(balance_place(&thread[0]), &cpu[2]);
	assert_ptr_equal(balance_place(&thread[1]), &cpu[3]); /* not the same one twice */
	assert_ptr_equal(balance_place(&thread[2]), &cpu[0]);
	assert_int_equal(cpus_idle, 0);
	rest(0);
	rest(1);
	thread[0].home = &cpu[1];
	assert_ptr_equal(balance_place(&thread[0]), &cpu[1]); /* at home there is room */
	cpu[1].current = &busy;
	thread[0].on_cpu = true;
	assert_ptr_equal(balance_place(&thread[0]), &cpu[1]); /* its stack is in use there */
	thread[0].on_cpu = false;
	assert_ptr_equal(balance_place(&thread[0]), &cpu[0]);
}

static void test_newcomers_go_where_least_is_done(void **state)
{
	(void)state;
	thread[0].wakeups = 0;
	cpu[0].run_queue.load = 3;
	cpu[1].run_queue.load = 2;
	cpu[2].run_queue.load = 1;
	cpu[3].run_queue.load = 1;
	assert_ptr_equal(balance_place(&thread[0]), &cpu[2]);
	rest(3);
	assert_ptr_equal(balance_place(&thread[0]), &cpu[3]);
	/* A kernel thread has its home from the start. */
	thread[0].guest = false;
	assert_ptr_equal(balance_place(&thread[0]), &cpu[0]);
}

static void test_only_to_cpus_that_it_may_use(void **state)
{
	(void)state;
	thread[0].sched.params.cpus = BIT(1) | BIT(3);
	cpu[1].run_queue.load = 5;
	assert_ptr_equal(balance_place(&thread[0]), &cpu[3]); /* not home */
	rest(0);
	rest(2);
	assert_ptr_equal(balance_place(&thread[0]), &cpu[3]);
	rest(1);
	assert_ptr_equal(balance_place(&thread[0]), &cpu[1]);
	assert_int_equal(cpus_idle, BIT(0) | BIT(2));
	balance_offer(&thread[0]);
	assert_int_equal(kicked, 0);
	rest(3);
	balance_offer(&thread[0]);
	assert_int_equal(kicked, BIT(3));
}

static void test_pull(void **state)
{
	(void)state;
	rest(1);
	assert_false(balance_pull(&cpu[1]));
	ready(0, 0);
	thread[0].on_cpu = true; /* its CPU has not left its stack yet */
	assert_false(balance_pull(&cpu[1]));
	thread[0].on_cpu = false;
	thread[0].sched.params.cpus = ~BIT(1);
	assert_false(balance_pull(&cpu[1]));
	thread[0].sched.params.cpus = CPUS_ANY;
	cpu[0].current = &idle[0]; /* will run it in a moment */
	assert_false(balance_pull(&cpu[1]));
	cpu[0].current = &busy;
	assert_true(balance_pull(&cpu[1]));
	assert_ptr_equal(thread[0].home, &cpu[1]);
	assert_int_equal(thread[0].migrations, 1);
	assert_int_equal(cpu[0].run_queue.guest_count, 0);
	assert_int_equal(cpu[1].run_queue.guest_count, 1);
	assert_false(balance_pull(&cpu[1])); /* not its own */
}

static void test_push_evens_out(void **state)
{
	(void)state;
	cpu[0].run_queue.balance = true;
	for (unsigned i = 0; i < 3; i++) {
		cpu[i].run_queue.load = 1; /* who runs there */
		ready(i, 0);
	}
	cpu[3].run_queue.load = 2;
	balance_push(&cpu[0]);
	assert_false(cpu[0].run_queue.balance);
	assert_ptr_equal(thread[2].home, &cpu[1]); /* the last of the queue */
	assert_int_equal(kicked, BIT(1));
	balance_push(&cpu[0]); /* 3 here, 2 there: three on two CPUs take turns on both */
	assert_ptr_equal(thread[1].home, &cpu[2]);
	balance_push(&cpu[0]);
	assert_ptr_equal(thread[0].home, &cpu[0]); /* 2 everywhere */
	assert_int_equal(kicked, BIT(1) | BIT(2));
}

static void test_push_to_the_next_best(void **state)
{
	(void)state;
	cpu[0].run_queue.load = 1;
	cpu[1].run_queue.load = 1;
	cpu[2].run_queue.load = 1;
	thread[0].sched.params.cpus = HERE | BIT(2);
	ready(0, 0);
	balance_push(&cpu[0]); /* CPU 3 has nothing to do, but is not allowed, and 1 not either */
	assert_ptr_equal(thread[0].home, &cpu[2]);
	setup(NULL);
	thread[0].sched.params.cpus = HERE;
	cpu[0].run_queue.load = 1;
	ready(0, 0);
	balance_push(&cpu[0]);
	assert_ptr_equal(thread[0].home, &cpu[0]);
	assert_int_equal(kicked, 0);
}

/* The other CPU must not have more afterwards than this one had before. */
static void test_push_by_weight(void **state)
{
	(void)state;
	policy.weighted = true;
	cpus_online = BIT(0) | BIT(1);
	thread[0].sched.params.weight = 300;
	thread[1].sched.params.weight = 100;
	cpu[0].run_queue.load = 100;
	cpu[1].run_queue.load = 301;
	ready(1, 0);
	ready(0, 0);
	balance_push(&cpu[0]); /* 500 and 301 */
	assert_ptr_equal(thread[0].home, &cpu[0]);
	assert_ptr_equal(thread[1].home, &cpu[1]);
	assert_int_equal(cpu[0].run_queue.load, 400);
	assert_int_equal(cpu[1].run_queue.load, 401);
}

static void test_fetch(void **state)
{
	(void)state;
	assert_false(balance_fetch(&cpu[1], &thread[0])); /* asleep */
	ready(0, 0);
	thread[0].sched.params.cpus = ~BIT(1);
	assert_false(balance_fetch(&cpu[1], &thread[0]));
	thread[0].sched.params.cpus = CPUS_ANY;
	thread[0].on_cpu = true;
	assert_false(balance_fetch(&cpu[1], &thread[0]));
	thread[0].on_cpu = false;
	may_run = false;
	assert_false(balance_fetch(&cpu[1], &thread[0]));
	assert_ptr_equal(thread[0].home, &cpu[0]);
	assert_null(cpu[1].run_queue.hint);
	may_run = true;
	assert_true(balance_fetch(&cpu[1], &thread[0]));
	assert_ptr_equal(thread[0].home, &cpu[1]);
	assert_ptr_equal(cpu[1].run_queue.hint, &thread[0]);
	ready(1, 2);
	assert_true(balance_fetch(&cpu[2], &thread[1])); /* it waits here already */
	assert_ptr_equal(cpu[2].run_queue.hint, &thread[1]);
	assert_int_equal(thread[1].migrations, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_who_wakes_stays_or_finds_an_idle_cpu, setup),
		cmocka_unit_test_setup(test_newcomers_go_where_least_is_done, setup),
		cmocka_unit_test_setup(test_only_to_cpus_that_it_may_use, setup),
		cmocka_unit_test_setup(test_pull, setup),
		cmocka_unit_test_setup(test_push_evens_out, setup),
		cmocka_unit_test_setup(test_push_to_the_next_best, setup),
		cmocka_unit_test_setup(test_push_by_weight, setup),
		cmocka_unit_test_setup(test_fetch, setup),
	};

	return cmocka_run_group_tests_name("balance", tests, NULL, NULL);
}
