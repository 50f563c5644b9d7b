#pragma once
/*
 * A partition's clock: the only time its devices know (rule 2 of docs/architecture.md). Timers fire
 * in a vCPU thread, before it enters the guest: never in an interrupt handler. One clock is for the
 * devices, under the device lock, in the boot vCPU's thread; each vCPU has another for its local
 * APIC's timer, in its own thread without a lock.
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
	void *host_ctx;
	/*
	 * The soonest deadline changed. It is given in guest time (the host's is start_ns later);
	 * ~0: none is armed. The owner arranges to call vclock_run() then; too early does no harm.
	 */
	void (*rearm)(void *ctx, u64 deadline_ns);
	void *ctx;
	u64 wall_offset_ns; /* Unix time in ns when the guest's clock is 0 */
	u64 start_ns;	    /* host time when the guest's clock was 0 */

	struct list armed; /* soonest first */
	u64 told_ns;	   /* what rearm() was last told */
	bool running;	   /* inside vclock_run(), which tells once at its end */
};

#define VCLOCK_NEVER (~0ull)

void vclock_init(struct vclock *c, u64 (*host_now_ns)(void *ctx),
		 void (*rearm)(void *ctx, u64 deadline_ns), void *ctx, u64 wall_ns);
/* One more clock that shows the same time, as all clocks of a partition do. */
void vclock_follow(struct vclock *c, const struct vclock *other,
		   void (*rearm)(void *ctx, u64 deadline_ns), void *ctx);
/* Guest nanoseconds since the partition started; monotonic. */
u64 vclock_now(const struct vclock *c);
/* Unix time in nanoseconds. */
u64 vclock_wall(const struct vclock *c);
/*
 * Fires every timer whose deadline has passed, in the order of deadlines, equal ones in the order
 * in which they were armed. A timer's function may arm and cancel any timer; what it arms waits for
 * the next run even if its time has passed, so that no guest can keep us here.
 */
void vclock_run(struct vclock *c);

void vtimer_init(struct vtimer *t, struct vclock *c, void (*fn)(void *arg), void *arg);
/*
 * Absolute guest time; arms again if it was armed. A time in the past fires at the next
 * vclock_run().
 */
void vtimer_arm(struct vtimer *t, u64 deadline_ns);
void vtimer_cancel(struct vtimer *t);

/*
 * Ticks of a clock of hz (at most 2^34) in the first ns nanoseconds, and the first ns with that
 * many.
 */
static inline u64 vclock_ns_to_ticks(u64 ns, u64 hz)
{
	return ns / NS_PER_SEC * hz + ns % NS_PER_SEC * hz / NS_PER_SEC;
}

static inline u64 vclock_ticks_to_ns(u64 ticks, u64 hz)
{
	return ticks / hz * NS_PER_SEC + (ticks % hz * NS_PER_SEC + hz - 1) / hz;
}
