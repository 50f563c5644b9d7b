/*
 * The local APIC's timer: SDM 3A 11.5.4. The current count is not kept but computed from the clock,
 * and deadlines are absolute, so that a periodic timer does not drift however late it is looked at.
 */
#include "vmm/dev/vlapic.h"
#include "vmm/dev/vlapic_regs.h"

/* One count before the divider is one nanosecond of the clock: nothing is lost in arithmetic. */
static_assert(VLAPIC_BUS_HZ == NS_PER_SEC, "counts are computed as nanoseconds");

/*
 * A guest can ask for a period of one nanosecond. So that serving it leaves time for anything else,
 * the clock looks at a periodic timer again after this time at the earliest.
 */
#define TIMER_MIN_NS (20 * NS_PER_US)

static u32 timer_mode(const struct vlapic *a)
{
	return a->state.lvt[LVT_TIMER] & LVT_TIMER_MODE;
}

/* SDM 3A figure 11-10: bits 3, 1, 0 are the binary logarithm less one, and all ones is 1. */
static unsigned timer_shift(const struct vlapic *a)
{
	u32 divide = a->state.timer_divide;

	return (((divide & 3) | (divide & 8) >> 1) + 1) & 7;
}

/* At most 2^32 counts of 128 ns. */
static u64 timer_period(const struct vlapic *a)
{
	return (u64)a->state.timer_initial << timer_shift(a);
}

static u64 timer_now(const struct vlapic *a)
{
	return vclock_now(a->timer.clock);
}

/*
 * These three: when the clock has to look at the timer again, now or later; VCLOCK_NEVER: not at
 * all.
 */
static u64 timer_next_tsc(const struct vlapic *a, u64 now)
{
	u64 deadline = a->state.tsc_deadline, tsc, ns;

	if (!deadline)
		return VCLOCK_NEVER;
	tsc = a->hooks.read_tsc(a->hooks.ctx);
	if (deadline <= tsc)
		return now;
	/* Rounded up: to be early would only mean to be asked twice. */
	ns = a->hooks.tsc_to_ns(a->hooks.ctx, deadline - tsc);
	return ns < VCLOCK_NEVER - now ? now + ns + 1 : VCLOCK_NEVER;
}

static u64 timer_next_count(const struct vlapic *a, u64 now)
{
	u64 period = timer_period(a);
	u64 elapsed = now - a->state.timer_start_ns;

	if (!period)
		return VCLOCK_NEVER;
	if (timer_mode(a) == LVT_TIMER_PERIODIC)
		return now + MAX(period - elapsed % period, TIMER_MIN_NS);
	return elapsed < period ? now + (period - elapsed) : VCLOCK_NEVER;
}

/* A masked timer runs as well, but nobody has to be told when it expires. */
static u64 timer_next(const struct vlapic *a, u64 now)
{
	if (a->state.lvt[LVT_TIMER] & LVT_MASKED)
		return VCLOCK_NEVER;
	switch (timer_mode(a)) {
	case LVT_TIMER_DEADLINE: return timer_next_tsc(a, now);
	case LVT_TIMER_ONESHOT:
	case LVT_TIMER_PERIODIC: return timer_next_count(a, now);
	default: return VCLOCK_NEVER; /* reserved: stands still */
	}
}

static void timer_expired(void *arg);

static void timer_rearm(struct vlapic *a, u64 now)
{
	u64 next = timer_next(a, now);

	if (next != VCLOCK_NEVER && next > now) {
		vtimer_arm(&a->timer, next);
		return;
	}
	vtimer_cancel(&a->timer);
	if (next <= now) /* a TSC deadline that has passed already */
		timer_expired(a);
}

/* True when the deadline has come; it is then disarmed (SDM 3A 11.5.4.1). */
static bool timer_deadline_passed(struct vlapic *a)
{
	struct vlapic_state *s = &a->state;

	if (!s->tsc_deadline || a->hooks.read_tsc(a->hooks.ctx) < s->tsc_deadline)
		return false;
	s->tsc_deadline = 0;
	return true;
}

static void timer_expired(void *arg)
{
	struct vlapic *a = arg;

	if (timer_mode(a) != LVT_TIMER_DEADLINE) {
		vlapic_local_interrupt(a, LVT_TIMER);
		if (timer_mode(a) == LVT_TIMER_PERIODIC)
			timer_rearm(a, timer_now(a));
	} else if (timer_deadline_passed(a)) {
		vlapic_local_interrupt(a, LVT_TIMER);
	} else {
		timer_rearm(a, timer_now(a));
	}
}

/*
 * What was due before a register changes happens as it would have before the change. The time at
 * which it changes.
 */
static u64 timer_catch_up(struct vlapic *a)
{
	u64 now = timer_now(a);

	if (unlikely(a->timer.armed && a->timer.deadline_ns <= now)) {
		vtimer_cancel(&a->timer);
		timer_expired(a);
	}
	return now;
}

void vlapic_timer_init(struct vlapic *a, struct vclock *clock)
{
	vtimer_init(&a->timer, clock, timer_expired, a);
}

void vlapic_timer_stop(struct vlapic *a)
{
	vtimer_cancel(&a->timer);
}

static u32 timer_current(const struct vlapic *a, u64 now)
{
	const struct vlapic_state *s = &a->state;
	u64 counts = (now - s->timer_start_ns) >> timer_shift(a);

	if (!s->timer_initial || (timer_mode(a) & LVT_TIMER_DEADLINE))
		return 0;
	if (timer_mode(a) == LVT_TIMER_PERIODIC)
		return s->timer_initial - (u32)(counts % s->timer_initial);
	return counts < s->timer_initial ? s->timer_initial - (u32)counts : 0;
}

u32 vlapic_timer_current(const struct vlapic *a)
{
	return timer_current(a, timer_now(a));
}

void vlapic_timer_set_initial(struct vlapic *a, u32 value)
{
	u64 now;

	if (timer_mode(a) & LVT_TIMER_DEADLINE) /* SDM 3A 11.5.4.1: ignored */
		return;
	now = timer_catch_up(a);
	a->state.timer_initial = value;
	a->state.timer_start_ns = now;
	/* At the very time of the start: however short the period, its end is still to come. */
	timer_rearm(a, now);
}

/* The count goes on from where it is, at the new rate. */
void vlapic_timer_set_divide(struct vlapic *a, u32 value)
{
	struct vlapic_state *s = &a->state;
	u64 now = timer_catch_up(a);
	u32 counted = s->timer_initial - timer_current(a, now);

	s->timer_divide = value & TIMER_DIVIDE_VALID;
	s->timer_start_ns = now - ((u64)counted << timer_shift(a));
	timer_rearm(a, now);
}

void vlapic_timer_set_lvt(struct vlapic *a, u32 value)
{
	struct vlapic_state *s = &a->state;
	u64 now = timer_catch_up(a);

	(void)vlapic_timer_get_deadline(a); /* one that passed while masked is gone */
	if ((value ^ s->lvt[LVT_TIMER]) & LVT_TIMER_DEADLINE) {
		/* SDM 3A 11.5.4.1: changing to or from the deadline mode disarms the timer. */
		s->timer_initial = 0;
		s->tsc_deadline = 0;
	} else if (!(value & LVT_TIMER_PERIODIC) && (s->lvt[LVT_TIMER] & LVT_TIMER_PERIODIC)) {
		/* From periodic to one-shot: the present round is the last one. */
		s->timer_start_ns =
		    now - ((u64)(s->timer_initial - timer_current(a, now)) << timer_shift(a));
	}
	WRITE_ONCE(s->lvt[LVT_TIMER], value);
	timer_rearm(a, now);
}

u64 vlapic_timer_get_deadline(struct vlapic *a)
{
	/* Masked, nobody else notices that it has passed. */
	if ((a->state.lvt[LVT_TIMER] & LVT_MASKED) && timer_deadline_passed(a))
		return 0;
	return a->state.tsc_deadline;
}

void vlapic_timer_set_deadline(struct vlapic *a, u64 tsc)
{
	u64 now;

	if (timer_mode(a) != LVT_TIMER_DEADLINE)
		return;
	now = timer_catch_up(a);
	a->state.tsc_deadline = tsc;
	timer_rearm(a, now);
}
