#pragma once
/*
 * The checks of locks in a kernel built by `make DEBUG=1`; nothing in any other. Reported are
 *
 *   - a lock taken against the order of lib/lockclass.h, or again by its holder;
 *   - a mutex taken, or a thread put to sleep, where nothing may sleep;
 *   - a spinlock whose holder could be switched away;
 *   - a class used by interrupt handlers and outside of them with interrupts on: the handler may
 *     come while its own processor holds the lock, and then waits for ever;
 *   - a spinlock held too long, waited for too long, or released by somebody else.
 *
 * A report is some lines in the log with the call chains of both sides, each pair of classes once.
 * A processor remembers the spinlocks that it holds, a thread its mutexes. Nothing here takes a
 * lock: a report is written down where it happens, and printed where that can do no harm.
 */
#include "compiler.h"
#include "lib/lockclass.h"
#include "types.h"

struct mutex;
struct spinlock;

#define LOCK_CHAIN 8   /* callers that are remembered of each acquisition */
#define LOCKS_HELD 12  /* spinlocks of a processor at once */
#define MUTEXES_HELD 4 /* mutexes of a thread at once */

/* On hardware a lock held for this long is a bug: every interrupt of the processor waits. */
#define LOCK_HOLD_MAX_NS (2 * NS_PER_MS)
/* The TSC of a virtual machine goes on while its host runs something else. */
#define LOCK_HOLD_MAX_VIRTUAL_NS (1 * NS_PER_SEC)
/* Who waits for longer waits for ever: a panic. */
#define LOCK_WAIT_MAX_NS (20 * NS_PER_SEC)

/* In struct thread. */
struct held_mutexes {
#ifdef DEBUG
	unsigned count;
	struct lock_hold {
		const void *lock;
		enum lock_class class;
		bool irqs_on; /* were, when it was taken */
		u64 since;    /* TSC */
		unsigned callers;
		u64 chain[LOCK_CHAIN]; /* return addresses, the innermost first */
	} hold[MUTEXES_HELD];
#endif
};

#ifdef DEBUG
/* Before a mutex is tried, when it has been taken, and before it is released. */
void lockdep_mutex_lock(const struct mutex *m);
void lockdep_mutex_locked(const struct mutex *m);
void lockdep_mutex_unlock(const struct mutex *m);
/* Before a thread queues itself to sleep. */
void lockdep_sleep(void);
/* Ends all checks: a panic takes locks away from whoever holds them. */
void lockdep_off(void);
#else
static inline void lockdep_mutex_lock(const struct mutex *m)
{
	(void)m;
}

static inline void lockdep_mutex_locked(const struct mutex *m)
{
	(void)m;
}

static inline void lockdep_mutex_unlock(const struct mutex *m)
{
	(void)m;
}

static inline void lockdep_sleep(void)
{
}

static inline void lockdep_off(void)
{
}
#endif
