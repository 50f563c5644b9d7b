#pragma once
/* Structures of the scheduler that struct cpu and struct thread contain. */
#include "lib/list.h"
#include "lib/prioq.h"
#include "lib/spinlock.h"
#include "types.h"

/* Kernel threads: fixed, above every guest. Of guests: by the policy `priority` alone. */
enum { PRIO_LOW, PRIO_KERNEL, PRIO_HIGH, KERNEL_PRIORITIES };
#define GUEST_PRIORITIES 4
#define GUEST_PRIORITY_DEFAULT 2 /* 1 is the lowest, GUEST_PRIORITIES the highest */
#define SCHED_WEIGHT_DEFAULT 100
#define SCHED_WEIGHT_MAX 10000
#define SCHED_BUDGET_MIN_NS (10 * NS_PER_US)
#define SCHED_PERIOD_MIN_NS (1 * NS_PER_MS)
#define SCHED_PERIOD_MAX_NS (10 * NS_PER_SEC)
#define SCHED_SLICE_NS (10 * NS_PER_MS)
#define CPUS_ANY UINT64_MAX
#define CPUS_MAX 64

struct cpu;
struct thread;
struct timer;

/*
 * What a manifest says about the vCPUs of a partition. Which fields count is the policy's choice.
 */
struct sched_params {
	u8 priority;		  /* 1 .. GUEST_PRIORITIES */
	u32 weight;		  /* 1 .. SCHED_WEIGHT_MAX */
	u64 budget_ns, period_ns; /* of each vCPU; budget 0: none */
	u64 cpus;		  /* bit n: may run on CPU n; one of them at least is online */
};

/* clang-format off */
#define SCHED_PARAMS_DEFAULT ((struct sched_params){ .priority = GUEST_PRIORITY_DEFAULT, \
						     .weight = SCHED_WEIGHT_DEFAULT,      \
						     .cpus = CPUS_ANY })
/* clang-format on */

/* The policies' part of a thread. Lock of the home CPU's run queue, params constant. */
struct sched_entity {
	struct sched_params params;
	struct list node;	/* priority, budget: in a list */
	struct prioq_node tree; /* share, budget: in an ordered queue */
	u64 slice_end_ns;	/* priority, and the background of budget: kernel/turn.h */
	u64 vtime;		/* share: weighted time */
	u64 ahead;		/* share: of the queue's vtime, while moving; may be negative */
	u32 vtime_rest;		/* share: what the weight left over */
	u64 deadline_ns;	/* budget: end of the present period */
	s64 budget_left_ns;	/* negative: overrun */
	s64 overrun_ns;		/* budget: the most ever */
	bool throttled;		/* budget: used up, waits for its next period */
};

/* Lists by priority, the highest found in constant time. */
#define LEVELS_MAX 4
struct levels {
	struct list list[LEVELS_MAX];
	u32 mask; /* bit n: list[n] is not empty */
};

struct run_queue {
	struct spinlock lock; /* protects the rest, cpu->current, and of the CPU's threads the
				 state, home and entity; taken with interrupts off */
	struct levels kernel; /* ready kernel threads */
	struct list guests;   /* all ready vCPU threads, by guest_node, for balancing */
	unsigned guest_count; /* of that list */
	u64 load;	      /* of those and the running one, for balancing */
	struct thread *hint;  /* of that list: to be run next, out of turn */

	/* Of the policies: */
	struct levels levels;	/* priority */
	struct prioq tree;	/* share: by vtime; budget: by deadline */
	struct prioq throttled; /* budget: by the start of the next period */
	struct list background; /* budget: those without one */
	u64 vtime;		/* share: never goes back */

	u64 switches;
	struct thread *left; /* whom the latest switch left; the CPU's own, as is the next */
	bool balance;	     /* a turn is over: see whether another CPU has less to do */
};

struct timer_queue {
	struct spinlock lock;  /* protects the rest; taken with interrupts off */
	struct list armed;     /* struct timer, soonest first */
	struct timer *running; /* whose function is being called */
	u64 programmed_ns;     /* what the hardware will fire for; TIMER_NEVER: nothing */
};

#define TIMER_NEVER UINT64_MAX

/* When the CPU has to choose anew or ask its policy, though nothing happens; else TIMER_NEVER. */
u64 sched_next_event(struct cpu *cpu);
/* Asks for a switch when that time is over. From the timer's interrupt. */
void sched_check_event(struct cpu *cpu);
/* The queue and the idle thread of a CPU that does not run threads yet. */
void sched_init_cpu(struct cpu *cpu);

/* For wait queues: makes a blocked thread ready. Interrupts off; then sched_resched_point(). */
void sched_make_ready(struct thread *t);
/*
 * A vCPU's thread is to end: it goes on as a kernel thread, so that no guest that is busier, or was
 * promised more, keeps it from that. Any context.
 */
void sched_expedite(struct thread *t);
/* Switches now, or at the next occasion, when sched_make_ready() woke somebody better. */
void sched_resched_point(void);
/* Gives the CPU away; a thread that is not RUNNING stays off until made ready. Interrupts off. */
void sched_switch(void);
/* The first thing that runs after a switch, in the thread that was entered. Interrupts off. */
void sched_finish_switch(void);
/*
 * Lets this thread, if it is ready and may run on this CPU, go before the caller and everybody
 * else of its kind: for a vCPU that waits for what another holds. False: it could not be, and the
 * caller goes on. Thread context.
 */
bool sched_yield_to(struct thread *t);
/*
 * The run queue of the thread's home, locked; interrupts must be off. While it is held the thread
 * neither starts nor stops running, and does not move.
 */
MUST_CHECK struct run_queue *sched_lock(const struct thread *t);
/* How long it has had a CPU, up to now. With that lock. */
u64 sched_run_ns(const struct thread *t);
