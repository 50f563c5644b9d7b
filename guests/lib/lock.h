/*
 * What processors share: locks and barriers. All spin with PAUSE, which tells a hypervisor below
 * that the one who is waited for may need this processor more.
 */
#ifndef GUEST_LOCK_H
#define GUEST_LOCK_H

#include "cpu.h"
#include "types.h"

static inline void cpu_pause(void)
{
	asm volatile("pause" : : : "memory");
}

/* Whoever comes first: the least harm when a holder is not running. */
struct spinlock {
	volatile u32 taken;
};

static inline void spin_lock(struct spinlock *l)
{
	while (__atomic_exchange_n(&l->taken, 1, __ATOMIC_ACQUIRE))
		while (l->taken)
			cpu_pause();
}

static inline void spin_unlock(struct spinlock *l)
{
	__atomic_store_n(&l->taken, 0, __ATOMIC_RELEASE);
}

/* In the order of arrival: the worst case, as the next one may be the one that is not running. */
struct ticketlock {
	volatile u32 next, serving;
};

static inline void ticket_lock(struct ticketlock *l)
{
	u32 mine = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);

	while (__atomic_load_n(&l->serving, __ATOMIC_ACQUIRE) != mine)
		cpu_pause();
}

static inline void ticket_unlock(struct ticketlock *l)
{
	__atomic_store_n(&l->serving, l->serving + 1, __ATOMIC_RELEASE);
}

/* All zero when it is new; may be used any number of times. */
struct barrier {
	volatile u32 waiting, round;
};

/* Wait until `count` processors are here. False: some did not come in time; smp.c. */
bool barrier_wait(struct barrier *b, u32 count);

#endif
