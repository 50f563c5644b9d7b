/*
 * The policy `share`: vCPUs get CPU time in proportion to their weights. Each has a virtual time,
 * which runs the slower the greater its weight; whoever is furthest behind runs. So all virtual
 * times advance together, and the real ones as the weights are (weighted fair queueing: Demers,
 * Keshav, Shenker 1989; for CPUs Goyal, Guo, Vin 1996). Unit: a nanosecond of default weight.
 *
 * The queue's virtual time follows the one who is furthest behind, and never goes back. It is where
 * newcomers begin. Who slept is put there, too, less a small credit: it cannot save up time, but
 * runs soon. What one is ahead of the others it keeps, asleep and on another CPU.
 */
#include "kernel/policy.h"
#include "kernel/thread.h"
#include "lib/format.h"

/* In a round everybody gets a turn, in proportion to the weights. */
#define ROUND_NS (10 * NS_PER_MS)
#define TURN_NS (500 * NS_PER_US)     /* so long a turn is at least, on the average of all */
#define TURN_MIN_NS (100 * NS_PER_US) /* and nobody's is shorter than this */
/* Of virtual time: */
#define NEWCOMER (1 * NS_PER_MS)  /* so far ahead is who is new: stopping must not pay */
#define CREDIT (2 * NS_PER_MS)	  /* so far behind the others may be who wakes */
#define ADVANTAGE (1 * NS_PER_MS) /* so far behind must be who interrupts another's turn */

static struct thread *first(const struct run_queue *rq)
{
	struct prioq_node *n = prioq_first(&rq->tree);

	return n ? container_of(n, struct thread, sched.tree) : NULL;
}

static void share_init(struct run_queue *rq)
{
	prioq_init(&rq->tree);
	rq->vtime = CREDIT; /* so that nothing less the credit is negative */
}

/* The furthest behind of this one, which runs, and those that wait. */
static void advance(struct run_queue *rq, const struct thread *running)
{
	const struct thread *t = first(rq);
	u64 least = t ? MIN(t->sched.vtime, running->sched.vtime) : running->sched.vtime;

	rq->vtime = MAX(rq->vtime, least);
}

static void share_enqueue(struct run_queue *rq, struct thread *t, enum sched_why why, u64 now)
{
	struct sched_entity *e = &t->sched;

	(void)now;
	switch (why) {
	case SCHED_NEW: e->vtime = rq->vtime + NEWCOMER; break;
	case SCHED_WOKEN: e->vtime = MAX(e->vtime, rq->vtime - CREDIT); break;
	case SCHED_MOVED: e->vtime = rq->vtime + e->ahead; break;
	case SCHED_YIELDED: /* behind the next one */
		if (first(rq))
			e->vtime = MAX(e->vtime, first(rq)->sched.vtime);
		break;
	case SCHED_PREEMPTED: break;
	}
	prioq_insert(&rq->tree, &e->tree, e->vtime);
}

static void share_remove(struct run_queue *rq, struct thread *t)
{
	prioq_remove(&rq->tree, &t->sched.tree);
	t->sched.ahead = t->sched.vtime - rq->vtime; /* for another queue */
}

static struct thread *share_pick(struct run_queue *rq, u64 now)
{
	struct thread *t = first(rq);

	if (!t)
		return NULL;
	t->sched.slice_end_ns = now + SCHED_SLICE_NS;
	prioq_remove(&rq->tree, &t->sched.tree);
	advance(rq, t);
	return t;
}

static bool share_preempts(const struct thread *t, const struct thread *running)
{
	return t->sched.vtime + ADVANTAGE <= running->sched.vtime;
}

/* What the division leaves over is kept, for those who run very often and very shortly. */
static void share_charge(struct run_queue *rq, struct thread *t, u64 ran_ns)
{
	u64 work = ran_ns * SCHED_WEIGHT_DEFAULT + t->sched.vtime_rest;

	t->sched.vtime += work / t->sched.params.weight;
	t->sched.vtime_rest = (u32)(work % t->sched.params.weight);
	advance(rq, t);
}

/* The end of its turn, the length of which depends on who is waiting now. */
static u64 turn_end(const struct run_queue *rq, const struct thread *t)
{
	u64 round = MAX(ROUND_NS, TURN_NS * (rq->tree.count + 1));
	u64 turn = MAX(round * t->sched.params.weight / rq->load, TURN_MIN_NS);

	return t->sched.slice_end_ns - SCHED_SLICE_NS + MIN(turn, SCHED_SLICE_NS);
}

static u64 share_next_event(const struct run_queue *rq, const struct thread *running)
{
	return running && first(rq) ? turn_end(rq, running) : TIMER_NEVER;
}

static void share_describe(const struct thread *t, char *text, size_t size)
{
	snprintf(text, size, "weight %u", t->sched.params.weight);
}

const struct sched_policy policy_share = {
	.name = "share",
	.summary = "CPU time in proportion to the weights",
	.weighted = true,
	.init = share_init,
	.enqueue = share_enqueue,
	.pick = share_pick,
	.remove = share_remove,
	.preempts = share_preempts,
	.charge = share_charge,
	.next_event = share_next_event,
	.describe = share_describe,
};
