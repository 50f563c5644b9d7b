#pragma once
/*
 * Threads: preemptive, on any CPU that they may use. Kernel threads have fixed priorities with
 * round robin inside a level; how vCPUs share what is left is a policy's business
 * (kernel/policy.h). Kernel threads never touch the FPU (the kernel is built with
 * -mgeneral-regs-only), so FPU state moves only in the hooks of vCPU threads.
 */
#include "compiler.h"
#include "kernel/lockdep.h"
#include "kernel/sched.h"
#include "lib/list.h"
#include "lib/spinlock.h"
#include "types.h"

struct cpu;

enum thread_state { THREAD_READY, THREAD_RUNNING, THREAD_BLOCKED, THREAD_DEAD };

struct thread {
	u64 rsp; /* saved by thread_switch.asm; first, for its offset */
	char name[32];
	enum thread_state state; /* this and the next three: run queue lock of the home CPU */
	struct cpu *home;	 /* where it runs, or will; read it under the lock or as a hint */
	bool guest;		 /* a vCPU's: scheduled by the policy. Until sched_expedite() */
	u8 kernel_priority;	 /* of the others */
	/*
	 * A CPU uses its stack. Set under the lock by the CPU that chose it, cleared by that CPU
	 * when it has left the stack: only then may the thread run elsewhere.
	 */
	bool on_cpu;
	struct sched_entity sched;
	struct list guest_node; /* in run_queue.guests while ready */
	void *stack_top;
	struct list run_node;	/* in a run queue */
	struct list wait_node;	/* in a wait queue, under its lock */
	struct list all_node;	/* in the list of all threads */
	u64 slice_end_ns;	/* of a kernel thread */
	u64 run_ns, last_in_ns; /* time on a CPU */
	u64 switches, wakeups, migrations;
	void (*fn)(void *arg);
	void *arg;
	/*
	 * Called with interrupts off and no lock on the thread's CPU, just before it leaves and
	 * after it enters. They may arm timers, not wake threads. A CPU that becomes idle does not
	 * leave the thread that blocked: switch_out comes when another one enters, if ever.
	 */
	void (*switch_out)(struct thread *t);
	void (*switch_in)(struct thread *t);
	void *hook_ctx;
	struct held_mutexes mutexes;
	bool exiting;  /* on its way out; DEAD when it has left its stack */
	bool detached; /* lock of the list of all threads */
};

/* The boot CPU's part, and the choice of the policy. */
void sched_init(void);
/* Each CPU, when it is set up: its idle thread begins, on a stack of its own. */
NORETURN void sched_idle(void);
/* Called at the end of interrupts and by preempt_enable() when need_resched is set. */
void sched_preempt(void);

/*
 * NULL when out of memory. The thread is ready to run on return. It may use the CPUs that its
 * creator may use. Thread context.
 */
MUST_CHECK struct thread *thread_create(const char *name, void (*fn)(void *), void *arg,
					unsigned kernel_priority);
/* Created blocked, so that hooks can be set before it first runs; thread_start() makes it ready. */
MUST_CHECK struct thread *thread_create_blocked(const char *name, void (*fn)(void *), void *arg,
						unsigned kernel_priority);
/* The same for a vCPU's, or a test that behaves like one. */
MUST_CHECK struct thread *thread_create_guest(const char *name, void (*fn)(void *), void *arg,
					      const struct sched_params *params);
void thread_start(struct thread *t);
/*
 * Ends the calling thread. Its structure and stack are freed by thread_join(), which must be
 * called.
 */
NORETURN void thread_exit(void);
void thread_join(struct thread *t);
/* For threads that nobody joins: the idle loop frees them. */
void thread_detach(struct thread *t);
void thread_yield(void);
/*
 * The calling thread moves to one of these CPUs (bit n: CPU n; one is online), and stays on them.
 */
void thread_set_cpus(u64 cpus);
void thread_sleep_ns(u64 ns);

/* Offset of struct cpu.current, which this header cannot see; kernel/sched.c asserts it. */
#define CPU_CURRENT_OFFSET 16

static inline struct thread *thread_current(void)
{
	struct thread *t;

	__asm__ volatile("mov %%gs:%c1, %0" : "=r"(t) : "i"(CPU_CURRENT_OFFSET));
	return t;
}

void thread_for_each(void (*fn)(const struct thread *t, void *ctx), void *ctx);

void preempt_disable(void);
void preempt_enable(void);

struct waitq {
	struct spinlock lock;
	struct list waiters;
};

/* clang-format off */
#define WAITQ_INIT(q) { .lock = SPINLOCK_INIT(LOCK_WAITQ), .waiters = LIST_INIT((q).waiters) }
/* clang-format on */

void waitq_init(struct waitq *q);
/* Makes waiting threads ready. Any context. A woken thread of higher priority preempts at once. */
void waitq_wake_one(struct waitq *q);
void waitq_wake_all(struct waitq *q);

/* Internals of wait_event: enqueue as blocked, then either sleep or take it back. */
void waitq_prepare(struct waitq *q);
void waitq_sleep(void);
void waitq_finish(struct waitq *q);

/*
 * Blocks until the condition holds. Whoever makes it true calls waitq_wake_*() afterwards; since
 * the thread is queued before it looks at the condition again, no wake-up is lost. Thread context
 * only.
 */
#define wait_event(q, cond)                    \
	do {                                   \
		while (!(cond)) {              \
			waitq_prepare(q);      \
			if (!(cond))           \
				waitq_sleep(); \
			waitq_finish(q);       \
		}                              \
	} while (0)

/* A sleeping lock with one owner, for long operations of threads (never in interrupts). */
struct mutex {
	struct waitq waiters;
	struct thread *owner;
#ifdef DEBUG
	enum lock_class class;
#endif
};

void mutex_init(struct mutex *m, enum lock_class class);
void mutex_lock_wait(struct mutex *m);
void mutex_wake(struct mutex *m);

/* Thread context. Uncontended, both are one atomic instruction and a look for waiters. */
static inline void mutex_lock(struct mutex *m)
{
	struct thread *nobody = NULL;

	lockdep_mutex_lock(m);
	if (!__atomic_compare_exchange_n(&m->owner, &nobody, thread_current(), false,
					 __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		mutex_lock_wait(m);
	lockdep_mutex_locked(m);
}

/* By the owner. The store orders before the look: a waiter queues itself, then tries once more. */
static inline void mutex_unlock(struct mutex *m)
{
	lockdep_mutex_unlock(m);
	__atomic_store_n(&m->owner, NULL, __ATOMIC_SEQ_CST);
	if (!list_empty(&m->waiters.waiters))
		mutex_wake(m);
}
