/* Wait queues and the mutex built on them. Order of locks: wait queue, then run queue. */
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "x86/insn.h"

#define MUTEX_SPINS 1000 /* looks at the owner, before a waiter goes to sleep */

void waitq_init(struct waitq *q)
{
	spin_init(&q->lock, LOCK_WAITQ);
	list_init(&q->waiters);
}

static bool wake_first(struct waitq *q)
{
	struct thread *t;

	if (list_empty(&q->waiters))
		return false;
	t = list_first(&q->waiters, struct thread, wait_node);
	list_remove(&t->wait_node);
	sched_make_ready(t);
	return true;
}

void waitq_wake_one(struct waitq *q)
{
	u64 flags = spin_lock_irq(&q->lock);

	wake_first(q);
	spin_unlock_irq(&q->lock, flags);
	sched_resched_point();
}

void waitq_wake_all(struct waitq *q)
{
	u64 flags = spin_lock_irq(&q->lock);

	while (wake_first(q))
		;
	spin_unlock_irq(&q->lock, flags);
	sched_resched_point();
}

/*
 * From here to waitq_finish() the thread is marked blocked but runs. A wake-up just marks it
 * running; so does a preemption: then waitq_sleep() returns at once and wait_event() looks again.
 */
void waitq_prepare(struct waitq *q)
{
	struct thread *t = thread_current();
	u64 flags;

	lockdep_sleep();
	flags = spin_lock_irq(&q->lock);

	ASSERT(!this_cpu()->in_interrupt && this_cpu()->preempt_count == 0);
	list_push_back(&q->waiters, &t->wait_node);
	spin_lock_raw(&t->home->run_queue.lock);
	t->state = THREAD_BLOCKED;
	spin_unlock_raw(&t->home->run_queue.lock);
	spin_unlock_irq(&q->lock, flags);
}

void waitq_sleep(void)
{
	u64 flags = x86_irq_save();

	/* A RUNNING thread that gives the CPU away is merely put back at its slice's place. */
	if (READ_ONCE(thread_current()->state) == THREAD_BLOCKED)
		sched_switch();
	x86_irq_restore(flags);
}

void waitq_finish(struct waitq *q)
{
	u64 flags = spin_lock_irq(&q->lock);
	struct thread *t = thread_current();

	list_remove(&t->wait_node);
	spin_lock_raw(&t->home->run_queue.lock);
	t->state = THREAD_RUNNING;
	spin_unlock_raw(&t->home->run_queue.lock);
	spin_unlock_irq(&q->lock, flags);
}

void mutex_init(struct mutex *m, enum lock_class class)
{
#ifdef DEBUG
	m->class = class;
#else
	(void)class;
#endif
	waitq_init(&m->waiters);
	m->owner = NULL;
}

static bool mutex_try(struct mutex *m)
{
	struct thread *nobody = NULL, *t = thread_current();

	return READ_ONCE(m->owner) == t ||
	       __atomic_compare_exchange_n(&m->owner, &nobody, t, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

/*
 * An owner that runs on another CPU will soon be done: to sleep would cost more than to wait. It
 * may end, and its structure be freed, while we look at it: what is read then is only a hint.
 */
static bool mutex_spin(struct mutex *m)
{
	for (unsigned i = 0; i < MUTEX_SPINS; i++) {
		const struct thread *owner = READ_ONCE(m->owner);

		if (!owner && mutex_try(m))
			return true;
		if (owner && READ_ONCE(owner->state) != THREAD_RUNNING)
			return false;
		x86_pause();
	}
	return false;
}

void mutex_lock_wait(struct mutex *m)
{
	ASSERT(READ_ONCE(m->owner) != thread_current());
	if (!mutex_spin(m))
		wait_event(&m->waiters, mutex_try(m));
}

void mutex_wake(struct mutex *m)
{
	waitq_wake_one(&m->waiters);
}
