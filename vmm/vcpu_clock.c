#include "vmm/vcpu_clock.h"

#include "kernel/cpu.h"
#include "vmm/partition.h"

/* Interrupt context: the vCPU's own thread runs the clock. */
static void host_timer_fired(struct timer *t)
{
	vcpu_request(t->ctx, VCPU_REQ_TIMER);
}

static void rearm(void *ctx, u64 deadline_ns)
{
	struct vcpu *v = ctx;

	/* Never, or when the host's clock will have ended: a guest may ask for any TSC. */
	if (deadline_ns >= VCLOCK_NEVER - v->clock.start_ns) {
		if (READ_ONCE(v->clock_timer.armed)) /* mostly it is not: it has just fired */
			timer_cancel(&v->clock_timer);
	} else if (deadline_ns <= vclock_now(&v->clock)) {
		vcpu_request(v, VCPU_REQ_TIMER); /* so soon that it has passed: no interrupt */
	} else {
		timer_arm(&v->clock_timer, v->clock.start_ns + deadline_ns);
	}
}

void vcpu_clock_init(struct vcpu *v)
{
	timer_init(&v->clock_timer, host_timer_fired, v);
	vclock_follow(&v->clock, &v->partition->clock, rearm, v);
}

void vcpu_clock_moved(struct vcpu *v)
{
	timer_arm(&v->clock_timer, v->clock_timer.deadline_ns);
}

void vcpu_clock_stop(struct vcpu *v)
{
	timer_cancel(&v->clock_timer);
}
