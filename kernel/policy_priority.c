/*
 * The policy `priority`: of the ready vCPUs those of the highest priority run, in turns of one
 * slice. Lower ones wait for as long as there are higher ones. All in constant time.
 */
#include "kernel/levels.h"
#include "kernel/policy.h"
#include "kernel/thread.h"
#include "kernel/turn.h"
#include "lib/format.h"

static unsigned level_of(const struct thread *t)
{
	return t->sched.params.priority - 1u;
}

static void priority_init(struct run_queue *rq)
{
	levels_init(&rq->levels);
}

static void priority_enqueue(struct run_queue *rq, struct thread *t, enum sched_why why, u64 now)
{
	levels_push(&rq->levels, level_of(t), &t->sched.node, turn_goes_on(&t->sched, why, now));
}

static void priority_remove(struct run_queue *rq, struct thread *t)
{
	levels_remove(&rq->levels, level_of(t), &t->sched.node);
}

static struct thread *priority_pick(struct run_queue *rq, u64 now)
{
	struct thread *t;

	if (!rq->levels.mask)
		return NULL;
	t = list_first(&rq->levels.list[levels_highest(&rq->levels)], struct thread, sched.node);
	priority_remove(rq, t);
	turn_begin(&t->sched, now);
	return t;
}

static bool priority_preempts(const struct thread *t, const struct thread *running)
{
	return level_of(t) > level_of(running);
}

/* The end of the slice, a time on the clock, counts when somebody else waits for it. */
static u64 priority_next_event(const struct run_queue *rq, const struct thread *running)
{
	if (!running || !(rq->levels.mask >> level_of(running)))
		return TIMER_NEVER;
	return running->sched.slice_end_ns;
}

static void priority_describe(const struct thread *t, char *text, size_t size)
{
	snprintf(text, size, "priority %u", t->sched.params.priority);
}

const struct sched_policy policy_priority = {
	.name = "priority",
	.summary = "the highest priority first, in turns of one slice within a priority",
	.init = priority_init,
	.enqueue = priority_enqueue,
	.pick = priority_pick,
	.remove = priority_remove,
	.preempts = priority_preempts,
	.next_event = priority_next_event,
	.describe = priority_describe,
};
