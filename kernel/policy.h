#pragma once
/*
 * How the threads of vCPUs share a CPU: the interface that a scheduling policy implements. One
 * policy is chosen at boot by sched=NAME, and stays. Kernel threads do not come here: they have
 * fixed priorities above all guests (kernel/sched.c).
 *
 * Every function that gets a run queue is called with its lock held and interrupts off, and looks
 * at nothing but that queue and the thread. Times are in ns of clock_now_ns(). `running` is the
 * CPU's current thread when that is a vCPU's, else NULL; it is in no queue.
 *
 * To write one: copy kernel/policy_priority.c, add it to the table in kernel/policy.c, and put what
 * it has to remember into struct run_queue (of a CPU) and struct sched_entity (of a thread).
 */
#include "compiler.h"
#include "types.h"

struct run_queue;
struct sched_params;
struct thread;

/* Why a thread comes into the queue. */
enum sched_why {
	SCHED_NEW,	 /* it is new, or was blocked on another CPU */
	SCHED_WOKEN,	 /* it was blocked here */
	SCHED_PREEMPTED, /* it ran, and would run on; its turn may be over or not */
	SCHED_YIELDED,	 /* it ran, and lets others go first */
	SCHED_MOVED,	 /* it waited on another CPU */
};

struct sched_policy {
	const char *name, *summary;
	bool weighted;	  /* to the balancer a thread counts as much as its weight, else 1 */
	bool limits_lone; /* next_event matters also when nobody else is ready */
	/* A CPU's queue, empty. */
	void (*init)(struct run_queue *rq);
	/* The thread is ready. Who runs has been charged up to now. */
	void (*enqueue)(struct run_queue *rq, struct thread *t, enum sched_why why, u64 now);
	/* Takes out who runs next; NULL: nobody may. */
	struct thread *(*pick)(struct run_queue *rq, u64 now);
	/*
	 * Takes out this one, which is in the queue: it moves to another CPU, or is run out of
	 * turn.
	 */
	void (*remove)(struct run_queue *rq, struct thread *t);
	/*
	 * May this ready one run now out of turn on that queue's CPU? False if others were promised
	 * more. NULL: always.
	 */
	bool (*may_run)(const struct run_queue *rq, const struct thread *t);
	/* Shall this one, just enqueued, replace the running one, which is charged, at once? */
	bool (*preempts)(const struct thread *t, const struct thread *running);
	/* It has run for so long; called before every decision about it. NULL: of no interest. */
	void (*charge)(struct run_queue *rq, struct thread *t, u64 ran_ns);
	/*
	 * When the policy must be asked again though nothing happens; TIMER_NEVER: not at all. What
	 * the running one has used since running->last_in_ns has not been charged yet.
	 */
	u64 (*next_event)(const struct run_queue *rq, const struct thread *running);
	/* That time has come, all that ran is charged. True: choose anew. NULL: always. */
	bool (*event)(struct run_queue *rq, const struct thread *running, u64 now);
	/*
	 * Before a partition starts, and after it has ended: may so many vCPUs with these
	 * parameters come? Chooses their CPUs where the policy does that (cpu_of[i], else left
	 * alone). -EDQUOT with the arithmetic in why. Thread context, no lock held. NULL: always.
	 */
	MUST_CHECK int (*admit)(const struct sched_params *params, unsigned count, u8 *cpu_of,
				char *why, size_t size);
	void (*release)(const struct sched_params *params, unsigned count, const u8 *cpu_of);
	/* One line about a thread's parameters and state, for the monitor. */
	void (*describe)(const struct thread *t, char *text, size_t size);
	/* The same about what a CPU has promised. Thread context, no lock held. NULL: nothing. */
	void (*describe_cpu)(unsigned cpu, char *text, size_t size);
};

extern const struct sched_policy *sched_policy; /* the one in use */
extern const struct sched_policy policy_priority, policy_share, policy_budget;

/* Finds sched=NAME on the kernel's command line; an unknown name is logged with the known ones. */
void policy_choose(void);
