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
};

/* clang-format off */
#define SPINLOCK_INIT(class) { 0, 0 }
/* clang-format on */

static inline void spin_init(struct spinlock *lock, enum lock_class class)
{
	(void)class; /* of interest to the order check alone */
	lock->next = lock->owner = 0;
}

static inline void spin_lock_raw(struct spinlock *lock)
{
	u32 ticket = __atomic_fetch_add(&lock->next, 1, __ATOMIC_RELAXED);

	while (__atomic_load_n(&lock->owner, __ATOMIC_ACQUIRE) != ticket)
		__builtin_ia32_pause();
}

static inline void spin_unlock_raw(struct spinlock *lock)
{
	__atomic_store_n(&lock->owner, lock->owner + 1, __ATOMIC_RELEASE);
}

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
	if (flags & BIT(9)) /* RFLAGS.IF was set before */
		__asm__ volatile("sti" : : : "memory");
#else
	(void)flags;
#endif
}
