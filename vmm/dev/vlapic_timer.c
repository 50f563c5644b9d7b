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

static void timer_arm_deadline(struct vlapic *a)
{
	struct vlapic_state *s = &a->state;
	u64 now, tsc, ns;

	if (!s->tsc_deadline)
		return;
	now = timer_now(a);
	tsc = a->hooks.read_tsc(a->hooks.ctx);
	if (s->tsc_deadline <= tsc) {
		vtimer_arm(&a->timer, now);
		return;
	}
	/* Rounded up: to be early would only mean to be asked twice. */
	ns = a->hooks.tsc_to_ns(a->hooks.ctx, s->tsc_deadline - tsc);
	vtimer_arm(&a->timer, ns < ~0ull - now ? now + ns + 1 : ~0ull);
}

static void timer_arm_count(struct vlapic *a, u64 now)
{
	struct vlapic_state *s = &a->state;
	u64 period = timer_period(a);
	u64 elapsed = now - s->timer_start_ns;

	if (!period)
		return;
	if (timer_mode(a) == LVT_TIMER_PERIODIC)
		vtimer_arm(&a->timer, now + MAX(period - elapsed % period, TIMER_MIN_NS));
	else if (elapsed < period)
		vtimer_arm(&a->timer, now + (period - elapsed));
}

/* A masked timer runs as well, but nobody has to be told when it expires. */
static void timer_rearm(struct vlapic *a, u64 now)
{
	vtimer_cancel(&a->timer);
	if (a->state.lvt[LVT_TIMER] & LVT_MASKED)
		return;
	switch (timer_mode(a)) {
	case LVT_TIMER_DEADLINE: timer_arm_deadline(a); break;
	case LVT_TIMER_ONESHOT:
	case LVT_TIMER_PERIODIC: timer_arm_count(a, now); break;
	default: /* reserved: stands still */ break;
	}
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
			timer_arm_count(a, timer_now(a));
	} else if (timer_deadline_passed(a)) {
		vlapic_local_interrupt(a, LVT_TIMER);
	} else {
		timer_arm_deadline(a);
	}
}

/* What was due before a register changes happens as it would have before the change. */
static void timer_catch_up(struct vlapic *a)
{
	if (!a->timer.armed || a->timer.deadline_ns > timer_now(a))
		return;
	vtimer_cancel(&a->timer);
	timer_expired(a);
}

void vlapic_timer_init(struct vlapic *a, struct vclock *clock)
{
	vtimer_init(&a->timer, clock, timer_expired, a);
}

void vlapic_timer_stop(struct vlapic *a)
{
	vtimer_cancel(&a->timer);
}

u32 vlapic_timer_current(const struct vlapic *a)
{
	const struct vlapic_state *s = &a->state;
	u64 counts = (timer_now(a) - s->timer_start_ns) >> timer_shift(a);

	if (!s->timer_initial || (timer_mode(a) & LVT_TIMER_DEADLINE))
		return 0;
	if (timer_mode(a) == LVT_TIMER_PERIODIC)
		return s->timer_initial - (u32)(counts % s->timer_initial);
	return counts < s->timer_initial ? s->timer_initial - (u32)counts : 0;
}

void vlapic_timer_set_initial(struct vlapic *a, u32 value)
{
	if (timer_mode(a) & LVT_TIMER_DEADLINE) /* SDM 3A 11.5.4.1: ignored */
		return;
	timer_catch_up(a);
	a->state.timer_initial = value;
	a->state.timer_start_ns = timer_now(a);
	/* At the very time of the start: however short the period, its end is still to come. */
	timer_rearm(a, a->state.timer_start_ns);
}

/* The count goes on from where it is, at the new rate. */
void vlapic_timer_set_divide(struct vlapic *a, u32 value)
{
	struct vlapic_state *s = &a->state;
	u32 counted;

	timer_catch_up(a);
	counted = s->timer_initial - vlapic_timer_current(a);
	s->timer_divide = value & TIMER_DIVIDE_VALID;
	s->timer_start_ns = timer_now(a) - ((u64)counted << timer_shift(a));
	timer_rearm(a, timer_now(a));
}

void vlapic_timer_set_lvt(struct vlapic *a, u32 value)
{
	struct vlapic_state *s = &a->state;

	timer_catch_up(a);
	(void)vlapic_timer_get_deadline(a); /* one that passed while masked is gone */
	if ((value ^ s->lvt[LVT_TIMER]) & LVT_TIMER_DEADLINE) {
		/* SDM 3A 11.5.4.1: changing to or from the deadline mode disarms the timer. */
		s->timer_initial = 0;
		s->tsc_deadline = 0;
	} else if (!(value & LVT_TIMER_PERIODIC) && (s->lvt[LVT_TIMER] & LVT_TIMER_PERIODIC)) {
		/* From periodic to one-shot: the present round is the last one. */
		s->timer_start_ns =
		    timer_now(a) -
		    ((u64)(s->timer_initial - vlapic_timer_current(a)) << timer_shift(a));
	}
	s->lvt[LVT_TIMER] = value;
	timer_rearm(a, timer_now(a));
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
	if (timer_mode(a) != LVT_TIMER_DEADLINE)
		return;
	timer_catch_up(a);
	a->state.tsc_deadline = tsc;
	timer_rearm(a, timer_now(a));
}
