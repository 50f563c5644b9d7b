#pragma once
/*
 * Ticket spinlocks. The plain form is for data that no interrupt handler touches, and is taken with
 * preemption off on the caller's side only where the holder may be switched away; the irq form
 * disables interrupts on this CPU while held. In unit tests on the build host both just count.
 */
#include "compiler.h"
#include "lib/lockclass.h"
#include "types.h"

struct spinlock {
	u32 next;  /* the next ticket to hand out */
	u32 owner; /* the ticket that holds the lock */
#ifdef DEBUG
	enum lock_class class;
#endif
};

/* For static locks. */
/* clang-format off */
#ifdef DEBUG
#define SPINLOCK_INIT(class) { 0, 0, class }
#else
#define SPINLOCK_INIT(class) { 0, 0 }
#endif
/* clang-format on */

static inline void spin_init(struct spinlock *lock, enum lock_class class)
{
	*lock = (struct spinlock)SPINLOCK_INIT(class);
	(void)class; /* of interest to the order check alone */
}

static inline u32 spin_ticket(struct spinlock *lock)
{
	return __atomic_fetch_add(&lock->next, 1, __ATOMIC_RELAXED);
}

static inline bool spin_has_turn(const struct spinlock *lock, u32 ticket)
{
	return __atomic_load_n(&lock->owner, __ATOMIC_ACQUIRE) == ticket;
}

static inline void spin_release(struct spinlock *lock)
{
	__atomic_store_n(&lock->owner, lock->owner + 1, __ATOMIC_RELEASE);
}

#ifdef DEBUG
/* kernel/lockdep.c: the same, with the checks of kernel/lockdep.h. */
void spin_lock_raw(struct spinlock *lock);
void spin_unlock_raw(struct spinlock *lock);
void lockdep_print(void);
#else
static inline void spin_lock_raw(struct spinlock *lock)
{
	u32 ticket = spin_ticket(lock);

	while (!spin_has_turn(lock, ticket))
		__builtin_ia32_pause();
}

static inline void spin_unlock_raw(struct spinlock *lock)
{
	spin_release(lock);
}

static inline void lockdep_print(void)
{
}
#endif

static inline bool spin_is_locked(const struct spinlock *lock)
{
	return READ_ONCE(lock->next) != READ_ONCE(lock->owner);
}

/* Disables interrupts and takes the lock; the result belongs to spin_unlock_irq(). */
static inline MUST_CHECK u64 spin_lock_irq(struct spinlock *lock)
{
	u64 flags = 0;

#if !__STDC_HOSTED__
	__asm__ volatile("pushfq; popq %0; cli" : "=r"(flags) : : "memory");
#endif
	spin_lock_raw(lock);
	return flags;
}

static inline void spin_unlock_irq(struct spinlock *lock, u64 flags)
{
	spin_unlock_raw(lock);
#if !__STDC_HOSTED__
	if (flags & BIT(9)) { /* RFLAGS.IF was set before */
		__asm__ volatile("sti" : : : "memory");
		lockdep_print();
	}
#else
	(void)flags;
#endif
}
