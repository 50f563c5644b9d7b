/* The checks of locks: see kernel/lockdep.h. All of it is for `make DEBUG=1` alone. */
#ifdef DEBUG
#include "kernel/lockdep.h"
#include "kernel/backtrace.h"
#include "kernel/cpu.h"
#include "kernel/lockdep_report.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "kernel/timer.h"
#include "lib/spinlock.h"
#include "x86/insn.h"
#include "x86/reg.h"

/* The spinlocks that a processor holds, in the order of acquisition; its own, interrupts off. */
static struct held_spinlocks {
	unsigned count;
	struct lock_hold hold[LOCKS_HELD];
} held[CPUS_MAX];

/* Where a class was taken first in an interrupt, and first with interrupts on. */
enum { IN_INTERRUPT, IRQS_ON, USAGES };
static struct usage {
	bool claimed, whole;
	struct lock_hold hold;
} usage[LOCK_CLASSES][USAGES];

static bool off; /* after a panic */

void lockdep_off(void)
{
	WRITE_ONCE(off, true);
}

static bool active(void)
{
	return cpu_count && !READ_ONCE(off);
}

/* What happens to a lock now; the function's frame at rbp is the end of the call chain. */
static void fill_hold(struct lock_hold *h, const void *lock, enum lock_class class, u64 rbp)
{
	h->lock = lock;
	h->class = class;
	h->irqs_on = x86_read_rflags() & RFLAGS_IF;
	h->since = x86_rdtsc();
	h->callers = backtrace_collect(rbp, h->chain, LOCK_CHAIN);
}

/* What is wrong is of the kind from which there is no way on. */
static NORETURN void deadlock(const char *what)
{
	panic("%s: see above", what); /* which prints the reports that wait */
}

/* --- spinlocks --- */

u64 lock_hold_max_ns(void)
{
	return cpu_features.hypervisor ? LOCK_HOLD_MAX_VIRTUAL_NS : LOCK_HOLD_MAX_NS;
}

static u32 cpu_of_queue(const struct spinlock *lock)
{
	return container_of(lock, struct cpu, run_queue.lock)->id;
}

static bool in_order(const struct lock_hold *h, const struct spinlock *lock)
{
	if (h->class == LOCK_RUN_QUEUE && lock->class == LOCK_RUN_QUEUE)
		return cpu_of_queue(h->lock) < cpu_of_queue(lock);
	return h->class < lock->class;
}

/* Interrupts off. False: the processor holds it already. */
static bool check_order(const struct held_spinlocks *s, const struct spinlock *lock,
			const struct lock_hold *this)
{
	for (unsigned i = 0; i < s->count; i++)
		if (s->hold[i].lock == lock) {
			lock_report(LOCK_REPORT_TWICE, this, &s->hold[i], 0);
			return false;
		}
	for (unsigned i = 0; i < s->count; i++)
		if (!in_order(&s->hold[i], lock))
			lock_report(LOCK_REPORT_ORDER, this, &s->hold[i], 0);
	return true;
}

static void note_usage(const struct lock_hold *this, unsigned which)
{
	struct usage *u = usage[this->class];

	if (!u[which].whole) {
		if (__atomic_exchange_n(&u[which].claimed, true, __ATOMIC_SEQ_CST))
			return; /* another processor is about to */
		u[which].hold = *this;
		__atomic_store_n(&u[which].whole, true, __ATOMIC_SEQ_CST);
	}
	if (__atomic_load_n(&u[!which].whole, __ATOMIC_SEQ_CST))
		lock_report(LOCK_REPORT_INTERRUPT, &u[IRQS_ON].hold, &u[IN_INTERRUPT].hold, 0);
}

static void check_context(const struct cpu *cpu, const struct lock_hold *this)
{
	if (cpu->in_interrupt)
		note_usage(this, IN_INTERRUPT);
	else if (this->irqs_on)
		note_usage(this, IRQS_ON);
	if (this->irqs_on && cpu->preempt_count == 0 && !cpu->in_interrupt)
		lock_report(LOCK_REPORT_PREEMPTIBLE, this, NULL, 0);
	if (this->class == LOCK_UNKNOWN)
		lock_report(LOCK_REPORT_CLASSLESS, this, NULL, 0);
}

static bool check_spin(const struct spinlock *lock, const struct lock_hold *this)
{
	u64 flags = x86_irq_save();
	bool good;

	check_context(this_cpu(), this);
	good = check_order(&held[this_cpu()->id], lock, this);
	x86_irq_restore(flags);
	return good;
}

bool lockdep_check_spin(const struct spinlock *lock)
{
	struct lock_hold this;

	fill_hold(&this, lock, lock->class, (u64)__builtin_frame_address(0));
	return check_spin(lock, &this);
}

/* Whoever holds it may release it meanwhile: then it was no deadlock, and too slow all the same. */
static NORETURN void waited_too_long(const struct spinlock *lock, const struct lock_hold *this)
{
	for (unsigned cpu = 0; cpu < CPUS_MAX; cpu++)
		for (unsigned i = 0; i < MIN(READ_ONCE(held[cpu].count), LOCKS_HELD); i++)
			if (held[cpu].hold[i].lock == lock)
				lock_report(LOCK_REPORT_WAIT, this, &held[cpu].hold[i], cpu);
	deadlock("a spinlock was not released");
}

static void wait_turn(struct spinlock *lock, const struct lock_hold *this)
{
	u32 ticket = spin_ticket(lock);

	while (!spin_has_turn(lock, ticket)) {
		x86_pause();
		if (clock_tsc_to_ns(x86_rdtsc() - this->since) > LOCK_WAIT_MAX_NS && active())
			waited_too_long(lock, this);
	}
}

static void push(const struct lock_hold *this)
{
	u64 flags = x86_irq_save();
	struct held_spinlocks *s = &held[this_cpu()->id];

	if (s->count == LOCKS_HELD)
		panic("more than %u spinlocks at once", LOCKS_HELD);
	s->hold[s->count] = *this;
	s->hold[s->count].since = x86_rdtsc(); /* after the wait */
	s->count++;
	x86_irq_restore(flags);
}

static void lock_unchecked(struct spinlock *lock)
{
	u32 ticket = spin_ticket(lock);

	while (!spin_has_turn(lock, ticket))
		x86_pause();
}

void spin_lock_raw(struct spinlock *lock)
{
	struct lock_hold this;

	if (!active()) {
		lock_unchecked(lock);
		return;
	}
	fill_hold(&this, lock, lock->class, (u64)__builtin_frame_address(0));
	if (!check_spin(lock, &this))
		deadlock("a spinlock is taken again by its holder");
	wait_turn(lock, &this);
	push(&this);
}

static void check_release(const struct lock_hold *h, u64 rbp)
{
	u64 ns = clock_tsc_to_ns(x86_rdtsc() - h->since);
	bool irqs_on = x86_read_rflags() & RFLAGS_IF;
	struct lock_hold this;

	if (likely(ns <= lock_hold_max_ns() && irqs_on == h->irqs_on))
		return;
	fill_hold(&this, h->lock, h->class, rbp);
	if (ns > lock_hold_max_ns())
		lock_report(LOCK_REPORT_LONG, &this, h, ns);
	if (irqs_on && !h->irqs_on) /* somebody let interrupts in meanwhile */
		note_usage(&this, IRQS_ON);
}

/* Takes an acquisition off a stack; false if it is not on it. Most are the topmost. */
static bool pull(struct lock_hold *stack, unsigned *count, const void *lock, struct lock_hold *out)
{
	unsigned i = *count;

	while (i-- > 0)
		if (stack[i].lock == lock) {
			*out = stack[i];
			--*count;
			for (; i < *count; i++)
				stack[i] = stack[i + 1];
			return true;
		}
	return false;
}

static void report_stranger(const void *lock, enum lock_class class, u64 rbp)
{
	struct lock_hold this;

	fill_hold(&this, lock, class, rbp);
	lock_report(LOCK_REPORT_STRANGER, &this, NULL, 0);
}

static void pop(const struct spinlock *lock, u64 rbp)
{
	struct held_spinlocks *s;
	struct lock_hold taken;
	u64 flags;
	bool mine;

	flags = x86_irq_save();
	s = &held[this_cpu()->id];
	mine = pull(s->hold, &s->count, lock, &taken);
	x86_irq_restore(flags);
	if (mine)
		check_release(&taken, rbp);
	else
		report_stranger(lock, lock->class, rbp);
}

void spin_unlock_raw(struct spinlock *lock)
{
	if (active())
		pop(lock, (u64)__builtin_frame_address(0));
	spin_release(lock);
}

/* --- mutexes --- */

/* Interrupts off. The spinlock that the processor took last, or NULL. */
static const struct lock_hold *innermost(void)
{
	const struct held_spinlocks *s = &held[this_cpu()->id];

	return s->count ? &s->hold[s->count - 1] : NULL;
}

static void check_may_sleep(const struct lock_hold *this)
{
	u64 flags = x86_irq_save();
	const struct cpu *cpu = this_cpu();
	const struct lock_hold *spin = innermost();

	if (spin || cpu->in_interrupt || cpu->preempt_count || !this->irqs_on)
		lock_report(LOCK_REPORT_SLEEP, this, spin, 0);
	x86_irq_restore(flags);
}

void lockdep_mutex_lock(const struct mutex *m)
{
	const struct held_mutexes *mutexes = &thread_current()->mutexes;
	struct lock_hold this;

	if (!active())
		return;
	fill_hold(&this, m, m->class, (u64)__builtin_frame_address(0));
	check_may_sleep(&this);
	if (m->class == LOCK_UNKNOWN)
		lock_report(LOCK_REPORT_CLASSLESS, &this, NULL, 0);
	for (unsigned i = 0; i < mutexes->count; i++) {
		const struct lock_hold *h = &mutexes->hold[i];

		if (h->lock == m)
			lock_report(LOCK_REPORT_TWICE, &this, h, 0);
		else if (h->class >= m->class)
			lock_report(LOCK_REPORT_ORDER, &this, h, 0);
	}
}

void lockdep_mutex_locked(const struct mutex *m)
{
	struct held_mutexes *mutexes = &thread_current()->mutexes;

	if (!active())
		return;
	if (mutexes->count == MUTEXES_HELD)
		panic("more than %u mutexes at once", MUTEXES_HELD);
	fill_hold(&mutexes->hold[mutexes->count], m, m->class, (u64)__builtin_frame_address(0));
	mutexes->count++;
}

void lockdep_mutex_unlock(const struct mutex *m)
{
	struct held_mutexes *mutexes = &thread_current()->mutexes;
	struct lock_hold taken;

	if (active() && !pull(mutexes->hold, &mutexes->count, m, &taken))
		report_stranger(m, m->class, (u64)__builtin_frame_address(0));
}

void lockdep_sleep(void)
{
	u64 flags = x86_irq_save();
	const struct lock_hold *spin = innermost();
	struct lock_hold this;

	if (active() && spin) {
		fill_hold(&this, NULL, LOCK_UNKNOWN, (u64)__builtin_frame_address(0));
		lock_report(LOCK_REPORT_HELD_ASLEEP, &this, spin, 0);
	}
	x86_irq_restore(flags);
}

/* --- what comes of it --- */

/* Between any two instructions of a thread that may be interrupted, so it must not sleep. */
void lockdep_print(void)
{
	if (likely(!lock_report_waits()))
		return;
	if (!active()) { /* a panic */
		lock_report_print();
		return;
	}
	preempt_disable();
	if (!innermost())
		lock_report_print();
	preempt_enable();
}
#endif
