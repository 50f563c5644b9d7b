#pragma once
/*
 * A CPU that runs a scheduling policy in virtual time: tasks work and sleep as their fields say,
 * and everything is done in the order of kernel/sched.c. Tests may make the timer late, and let
 * kernel threads interrupt.
 */
#include "tests/unit/stubs/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/policy.h"
#include "kernel/thread.h"

#define NEVER UINT64_MAX

struct task {
	struct thread t;
	u64 work_ns, sleep_ns; /* turns of both; work 0: works for ever */
	u64 work_left, wake_ns;
	u64 got_ns;		   /* CPU time */
	u64 woken_ns, latency_max; /* from being woken to running */
	u64 waits_since, wait_max; /* ready, but not running */
	u64 bursts;		   /* works that were completed */
};

struct sim {
	const struct sched_policy *policy;
	struct run_queue rq;
	u64 now, seed;
	struct task *running;
	struct task *task[4096];
	unsigned count;
	u64 late_max;		    /* the timer's interrupt comes so much too late, at random */
	u64 noise_ns, noise_length; /* about how often a kernel thread runs, and how long */
	u64 noise_at;
	u64 picks, steps, steps_max;  /* of pick() */
	void (*check)(struct sim *s); /* after every step */
};

static struct task *sim_task(const struct thread *t)
{
	return t ? container_of(t, struct task, t) : NULL;
}

static inline void sim_init(struct sim *s, const struct sched_policy *policy)
{
	memset(s, 0, sizeof(*s));
	s->policy = policy;
	s->seed = 1;
	s->now = 1000 * NS_PER_MS;
	s->noise_at = NEVER;
	spin_init(&s->rq.lock, LOCK_RUN_QUEUE);
	list_init(&s->rq.guests);
	policy->init(&s->rq);
}

static inline u64 sim_weight(const struct sim *s, const struct task *k)
{
	return s->policy->weighted ? k->t.sched.params.weight : 1;
}

static inline void sim_account(struct sim *s)
{
	struct task *k = s->running;
	u64 ran;

	if (!k)
		return;
	ran = s->now - k->t.last_in_ns;
	k->t.last_in_ns = s->now;
	if (s->policy->charge)
		s->policy->charge(&s->rq, &k->t, ran);
}

static inline void sim_enqueue(struct sim *s, struct task *k, enum sched_why why)
{
	k->t.state = THREAD_READY;
	k->waits_since = s->now;
	list_push_back(&s->rq.guests, &k->t.guest_node);
	s->rq.guest_count++;
	s->rq.load += sim_weight(s, k);
	s->policy->enqueue(&s->rq, &k->t, why, s->now);
}

static inline void sim_leave(struct sim *s, struct task *k)
{
	list_remove(&k->t.guest_node);
	s->rq.guest_count--;
	s->rq.load -= sim_weight(s, k);
}

static inline void sim_pick(struct sim *s)
{
	u64 steps = prioq_steps;
	struct task *k = s->rq.guest_count ? sim_task(s->policy->pick(&s->rq, s->now)) : NULL;

	steps = prioq_steps - steps;
	s->picks++;
	s->steps += steps;
	s->steps_max = MAX(s->steps_max, steps);
	s->running = k;
	if (!k)
		return;
	sim_leave(s, k);
	s->rq.load += sim_weight(s, k);
	k->t.state = THREAD_RUNNING;
	k->t.last_in_ns = s->now;
	k->wait_max = MAX(k->wait_max, s->now - k->waits_since);
	if (k->woken_ns) {
		k->latency_max = MAX(k->latency_max, s->now - k->woken_ns);
		k->woken_ns = 0;
	}
}

/* The running one, if any, goes back into the queue or blocks. */
static inline void sim_stop_running(struct sim *s, enum sched_why why)
{
	struct task *k = s->running;

	if (!k)
		return;
	sim_account(s);
	s->rq.load -= sim_weight(s, k);
	s->running = NULL;
	if (k->t.state == THREAD_RUNNING)
		sim_enqueue(s, k, why);
}

static inline void sim_choose(struct sim *s, enum sched_why why)
{
	sim_stop_running(s, why);
	sim_pick(s);
}

static inline void sim_wake(struct sim *s, struct task *k, enum sched_why why)
{
	sim_account(s);
	k->wake_ns = NEVER;
	k->woken_ns = s->now;
	k->work_left = k->work_ns;
	sim_enqueue(s, k, why);
	if (!s->running || s->policy->preempts(&k->t, &s->running->t))
		sim_choose(s, SCHED_PREEMPTED);
}

/* Comes now. */
static inline void sim_add(struct sim *s, struct task *k, const struct sched_params *params)
{
	snprintf(k->t.name, sizeof(k->t.name), "%u", s->count);
	k->t.guest = true;
	k->t.sched.params = *params;
	list_init(&k->t.sched.node);
	list_init(&k->t.guest_node);
	assert_true(s->count < ARRAY_SIZE(s->task));
	s->task[s->count++] = k;
	sim_wake(s, k, SCHED_NEW);
}

/* Ends, running, ready or asleep. */
static inline void sim_end(struct sim *s, struct task *k)
{
	for (unsigned i = 0; i < s->count; i++)
		if (s->task[i] == k)
			s->task[i--] = s->task[--s->count];
	if (k == s->running) {
		k->t.state = THREAD_DEAD;
		sim_choose(s, SCHED_PREEMPTED);
	} else if (k->t.state == THREAD_READY) {
		s->policy->remove(&s->rq, &k->t);
		sim_leave(s, k);
	}
}

static inline void sim_block(struct sim *s)
{
	struct task *k = s->running;

	k->bursts++;
	k->t.state = THREAD_BLOCKED;
	k->wake_ns = s->now + k->sleep_ns;
	sim_choose(s, SCHED_PREEMPTED);
}

/* A ready one goes to another CPU, or (from == to) is run out of turn there. */
static inline void sim_move(struct sim *from, struct sim *to, struct task *k)
{
	assert_int_equal(k->t.state, THREAD_READY);
	assert_int_equal(from->now, to->now);
	sim_account(from);
	sim_account(to);
	from->policy->remove(&from->rq, &k->t);
	sim_leave(from, k);
	for (unsigned i = 0; i < from->count; i++)
		if (from->task[i] == k)
			from->task[i--] = from->task[--from->count];
	to->task[to->count++] = k;
	sim_enqueue(to, k, SCHED_MOVED);
	if (!to->running || to->policy->preempts(&k->t, &to->running->t))
		sim_choose(to, SCHED_PREEMPTED);
}

static inline u64 sim_timer(struct sim *s)
{
	u64 at;

	if (!s->rq.guest_count && !s->policy->limits_lone)
		return NEVER;
	at = s->policy->next_event(&s->rq, s->running ? &s->running->t : NULL);
	return at == TIMER_NEVER ? NEVER : MAX(at, s->now);
}

static inline struct task *sim_next_sleeper(struct sim *s)
{
	struct task *next = NULL;

	for (unsigned i = 0; i < s->count; i++)
		if (s->task[i]->t.state == THREAD_BLOCKED && s->task[i]->wake_ns != NEVER &&
		    (!next || s->task[i]->wake_ns < next->wake_ns))
			next = s->task[i];
	return next;
}

static inline void sim_advance(struct sim *s, u64 to)
{
	u64 ns = to - s->now;

	if (s->running) {
		s->running->got_ns += ns;
		s->running->work_left -= s->running->work_ns ? ns : 0;
	}
	s->now = to;
}

/* A kernel thread: nobody else runs meanwhile. */
static inline void sim_noise(struct sim *s)
{
	u64 length = 1 + unit_random(&s->seed) % s->noise_length;

	sim_stop_running(s, SCHED_PREEMPTED);
	sim_advance(s, s->now + length);
	s->noise_at = s->now + 1 + unit_random(&s->seed) % (2 * s->noise_ns);
	sim_pick(s);
}

/* The next thing that happens, if that is before the end. */
static inline void sim_step(struct sim *s, u64 end)
{
	struct task *k = s->running, *sleeper = sim_next_sleeper(s);
	u64 work = k && k->work_ns ? s->now + k->work_left : NEVER;
	u64 wake = sleeper ? MAX(sleeper->wake_ns, s->now) : NEVER, timer = sim_timer(s);
	u64 next = MIN(MIN(work, wake), s->noise_at);

	if (timer <= MIN(next, end)) {
		/* Late, but not later than what happens anyway. */
		u64 late = s->late_max ? unit_random(&s->seed) % s->late_max : 0;

		sim_advance(s, MIN(timer + late, MIN(next, end)));
		sim_account(s);
		if (s->policy->next_event(&s->rq, k ? &k->t : NULL) <= s->now &&
		    (!s->policy->event || s->policy->event(&s->rq, k ? &k->t : NULL, s->now)))
			sim_choose(s, SCHED_PREEMPTED);
	} else if (next > end) {
		sim_advance(s, end);
		sim_account(s);
	} else {
		sim_advance(s, next);
		if (next == work)
			sim_block(s);
		else if (next == wake)
			sim_wake(s, sleeper, SCHED_WOKEN);
		else
			sim_noise(s);
	}
	if (s->check)
		s->check(s);
}

static inline void sim_run(struct sim *s, u64 ns)
{
	u64 end = s->now + ns;

	if (s->noise_ns && s->noise_at == NEVER)
		s->noise_at = s->now + s->noise_ns;
	while (s->now < end)
		sim_step(s, end);
}

static inline void sim_yield(struct sim *s)
{
	sim_choose(s, SCHED_YIELDED);
}
