#pragma once
/*
 * A partition's clock: the only time its devices know (rule 2 of docs/architecture.md). Timers fire in
 * a vCPU thread, before it enters the guest, with the device lock held: never in an interrupt handler.
 */
#include "lib/list.h"
#include "types.h"

struct vclock;

struct vtimer {
	struct list node; /* in vclock.armed when armed */
	bool armed;
	u64 deadline_ns;
	struct vclock *clock;
	void (*fn)(void *arg);
	void *arg;
};

struct vclock {
	/* Set when the clock is made; the host's side. */
	u64 (*host_now_ns)(void *ctx);
	/* The soonest deadline changed; ~0: none is armed. The owner arranges to call vclock_run(). */
	void (*rearm)(void *ctx, u64 deadline_ns);
	void *ctx;
	u64 wall_offset_ns; /* Unix time in ns when the guest's clock is 0 */
	u64 start_ns;       /* host time when the guest's clock was 0 */

	struct list armed; /* soonest first */
};

void vclock_init(struct vclock *c, u64 (*host_now_ns)(void *ctx),
		 void (*rearm)(void *ctx, u64 deadline_ns), void *ctx, u64 wall_ns);
/* Guest nanoseconds since the partition started; monotonic. */
u64 vclock_now(const struct vclock *c);
/* Unix time in nanoseconds. */
u64 vclock_wall(const struct vclock *c);
/* Fires every timer whose deadline has passed, in the order of deadlines. */
void vclock_run(struct vclock *c);

void vtimer_init(struct vtimer *t, struct vclock *c, void (*fn)(void *arg), void *arg);
/* Absolute guest time; arms again if it was armed. A time in the past fires at the next vclock_run(). */
void vtimer_arm(struct vtimer *t, u64 deadline_ns);
void vtimer_cancel(struct vtimer *t);
