/*
 * The policy `budget`: a vCPU with a budget gets so much CPU time in every period, and never more;
 * what is left over goes round robin to those without one (the background).
 *
 * Whose period ends first runs (earliest deadline first: Liu, Layland 1973), which keeps every
 * promise on a CPU as long as these add up to no more than the CPU; kernel/budget_admit.c sees to
 * that. Budgets are constant-bandwidth servers (Abeni, Buttazzo 1998) of the hard kind: whose
 * budget is used up waits for the end of its period, then a new period begins with a new budget. A
 * wake-up goes on with the old period and what is left in it, unless that would be more than the
 * promised part of the time that is left: then a new period begins with the wake-up. So sleeping
 * saves up nothing, and wakes nobody else's share.
 */
#include "kernel/policy_budget.h"
#include "kernel/thread.h"
#include "kernel/turn.h"
#include "lib/format.h"

static struct thread *by_tree(struct prioq_node *n)
{
	return n ? container_of(n, struct thread, sched.tree) : NULL;
}

/* The one with the earliest deadline of those that may run. */
static struct thread *first(const struct run_queue *rq)
{
	return by_tree(prioq_first(&rq->tree));
}

static bool has_budget(const struct thread *t)
{
	return t->sched.params.budget_ns != 0;
}

static void budget_init(struct run_queue *rq)
{
	prioq_init(&rq->tree);
	prioq_init(&rq->throttled);
	list_init(&rq->background);
}

/* A new period; what the last one overran (the timer's interrupt is never exact) is taken off. */
static void begin_period(struct sched_entity *e, u64 start)
{
	e->deadline_ns = start + e->params.period_ns;
	e->budget_left_ns = (s64)e->params.budget_ns + MIN(e->budget_left_ns, 0);
}

/* Is what is left more than the promised part of the time to the deadline? */
static bool too_much_left(const struct sched_entity *e, u64 now)
{
	return (unsigned __int128)e->budget_left_ns * e->params.period_ns >
	       (unsigned __int128)(e->deadline_ns - now) * e->params.budget_ns;
}

static void wake(struct sched_entity *e, u64 now)
{
	if (e->deadline_ns <= now) {
		e->budget_left_ns = 0;
		begin_period(e, now);
	} else if (e->budget_left_ns > 0 && too_much_left(e, now)) {
		begin_period(e, now);
	}
}

static void enqueue_budget(struct run_queue *rq, struct thread *t)
{
	struct sched_entity *e = &t->sched;

	e->throttled = e->budget_left_ns <= 0;
	prioq_insert(e->throttled ? &rq->throttled : &rq->tree, &e->tree, e->deadline_ns);
}

static void enqueue_background(struct run_queue *rq, struct thread *t, enum sched_why why, u64 now)
{
	if (turn_goes_on(&t->sched, why, now))
		list_push_front(&rq->background, &t->sched.node);
	else
		list_push_back(&rq->background, &t->sched.node);
}

static void budget_enqueue(struct run_queue *rq, struct thread *t, enum sched_why why, u64 now)
{
	if (!has_budget(t)) {
		enqueue_background(rq, t, why, now);
		return;
	}
	if (why == SCHED_NEW || why == SCHED_WOKEN)
		wake(&t->sched, now);
	enqueue_budget(rq, t);
}

static void budget_remove(struct run_queue *rq, struct thread *t)
{
	if (has_budget(t))
		prioq_remove(t->sched.throttled ? &rq->throttled : &rq->tree, &t->sched.tree);
	else
		list_remove(&t->sched.node);
}

/* Whose period is over gets a new one. Who did not even get his last budget in it is not repaid. */
static void replenish(struct run_queue *rq, u64 now)
{
	struct thread *t;

	while ((t = by_tree(prioq_first(&rq->throttled))) && t->sched.deadline_ns <= now) {
		struct sched_entity *e = &t->sched;

		prioq_remove(&rq->throttled, &e->tree);
		begin_period(e, e->deadline_ns + e->params.period_ns > now ? e->deadline_ns : now);
		enqueue_budget(rq, t);
	}
}

static struct thread *budget_pick(struct run_queue *rq, u64 now)
{
	struct thread *t;

	replenish(rq, now);
	t = first(rq);
	if (!t && !list_empty(&rq->background))
		t = list_first(&rq->background, struct thread, sched.node);
	if (!t)
		return NULL;
	budget_remove(rq, t);
	if (!has_budget(t))
		turn_begin(&t->sched, now);
	return t;
}

/* Out of turn only where nobody is wronged who was promised something. */
static bool budget_may_run(const struct run_queue *rq, const struct thread *t)
{
	const struct thread *other = first(rq);

	if (!has_budget(t))
		return !other;
	return !t->sched.throttled && (!other || t->sched.deadline_ns <= other->sched.deadline_ns);
}

static bool goes_before(const struct thread *t, const struct thread *running)
{
	return !has_budget(running) || t->sched.deadline_ns < running->sched.deadline_ns;
}

static bool budget_preempts(const struct thread *t, const struct thread *running)
{
	return has_budget(t) && !t->sched.throttled && goes_before(t, running);
}

static void budget_charge(struct run_queue *rq, struct thread *t, u64 ran_ns)
{
	struct sched_entity *e = &t->sched;

	(void)rq;
	if (!has_budget(t))
		return;
	e->budget_left_ns -= (s64)ran_ns;
	e->overrun_ns = MAX(e->overrun_ns, -e->budget_left_ns);
}

static u64 budget_next_event(const struct run_queue *rq, const struct thread *running)
{
	const struct thread *waits = by_tree(prioq_first(&rq->throttled));
	u64 at = waits ? waits->sched.deadline_ns : TIMER_NEVER;

	if (!running)
		return at;
	if (has_budget(running))
		return MIN(at, running->last_in_ns + (u64)MAX(running->sched.budget_left_ns, 0));
	return list_empty(&rq->background) ? at : MIN(at, running->sched.slice_end_ns);
}

static bool budget_event(struct run_queue *rq, const struct thread *running, u64 now)
{
	const struct thread *t;

	replenish(rq, now);
	t = first(rq);
	if (!running)
		return t || !list_empty(&rq->background);
	if (t && goes_before(t, running))
		return true;
	if (has_budget(running))
		return running->sched.budget_left_ns <= 0;
	return !list_empty(&rq->background) && running->sched.slice_end_ns <= now;
}

static void budget_describe(const struct thread *t, char *text, size_t size)
{
	const struct sched_entity *e = &t->sched;
	char budget[BUDGET_TEXT];

	if (!has_budget(t)) {
		snprintf(text, size, "background");
		return;
	}
	budget_format(budget, e->params.budget_ns, e->params.period_ns);
	snprintf(text, size, "budget %s%s, %ld us left, overrun at most %ld us", budget,
		 e->throttled ? " used up" : "", (long)(e->budget_left_ns / (s64)NS_PER_US),
		 (long)(e->overrun_ns / (s64)NS_PER_US));
}

const struct sched_policy policy_budget = {
	.name = "budget",
	.summary = "budgets in every period by earliest deadline first, the others in turns",
	.limits_lone = true,
	.init = budget_init,
	.enqueue = budget_enqueue,
	.pick = budget_pick,
	.remove = budget_remove,
	.may_run = budget_may_run,
	.preempts = budget_preempts,
	.charge = budget_charge,
	.next_event = budget_next_event,
	.event = budget_event,
	.admit = budget_admit,
	.release = budget_release,
	.describe = budget_describe,
	.describe_cpu = budget_describe_cpu,
};
