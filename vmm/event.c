/*
 * Delivery of events to a vCPU. The order when several wait: what was being delivered when the last
 * exit came, then an exception that our emulation raised, an NMI, and an external interrupt
 * (SDM 3A 6.9; APM 2 8.5).
 */
#include "vmm/event.h"

#include "vmm/partition.h"
#include "vmm/vcpu.h"

/* SDM 3A 6.15, table 6-5: which pairs of exceptions become a double fault. */
static bool vector_contributory(u8 vector)
{
	return vector == VEC_DE || (vector >= VEC_TS && vector <= VEC_GP);
}

static bool makes_double_fault(u8 first, u8 second)
{
	if (vector_contributory(first))
		return vector_contributory(second);
	if (first == VEC_PF)
		return vector_contributory(second) || second == VEC_PF;
	return false;
}

static void event_set_exception(struct vcpu *v, u8 vector, bool has_error, u32 error)
{
	v->events.exception = (struct event){
		.kind = EVENT_EXCEPTION,
		.vector = vector,
		.has_error = has_error,
		.error = error,
	};
}

/* The exception, pending or in flight, that a new one would meet; NULL when there is none. */
static const struct event *event_pending_exception(const struct vcpu *v)
{
	if (v->events.exception.kind == EVENT_EXCEPTION)
		return &v->events.exception;
	if (v->events.again.kind == EVENT_EXCEPTION)
		return &v->events.again;
	return NULL;
}

/*
 * A new exception goes before what it interrupted. An exception or INT n comes again by itself when
 * its instruction is repeated; an NMI waits as if it were new; an interrupt that was acknowledged
 * is kept.
 */
static void event_requeue_interrupted(struct vcpu *v)
{
	struct event *again = &v->events.again;

	if (again->kind == EVENT_INTR) {
		v->events.again_late = true;
		return;
	}
	if (again->kind == EVENT_NMI)
		v->events.nmi_pending = true;
	again->kind = EVENT_NONE;
}

void event_raise(struct vcpu *v, u8 vector, bool has_error, u32 error)
{
	const struct event *first = event_pending_exception(v);

	if (first && first->vector == VEC_DF) {
		partition_request_stop(v->partition, STOP_TRIPLE_FAULT, "%s", "");
		return;
	}
	if (first && makes_double_fault(first->vector, vector)) {
		v->events.again.kind = EVENT_NONE;
		event_set_exception(v, VEC_DF, true, 0);
		return;
	}
	event_set_exception(v, vector, has_error, error);
	event_requeue_interrupted(v);
}

void event_raise_ud(struct vcpu *v)
{
	event_raise(v, VEC_UD, false, 0);
}

void event_raise_gp(struct vcpu *v, u32 error)
{
	event_raise(v, VEC_GP, true, error);
}

void event_raise_pf(struct vcpu *v, gva_t address, u32 error)
{
	vcpu_set_reg(v, REG_CR2, address);
	event_raise(v, VEC_PF, true, error);
}

void event_raise_nmi(struct vcpu *v)
{
	WRITE_ONCE(v->events.nmi_pending, true);
	vcpu_request(v, VCPU_REQ_EVENT);
}

void event_discard(struct vcpu *v)
{
	v->events = (struct vevents){ 0 };
	backend->discard_events(v);
}

static bool event_extint_pending(struct vcpu *v)
{
	return READ_ONCE(v->lapic.state.extint) && vlapic_accepts_extint(&v->lapic);
}

static bool event_intr_pending(struct vcpu *v)
{
	return vlapic_pending(&v->lapic) >= 0 || event_extint_pending(v);
}

static void event_window(struct vcpu *v, enum event_kind kind, bool *asked, bool want)
{
	if (*asked == want)
		return;
	*asked = want;
	backend->want_window(v, kind, want);
}

static bool event_inject(struct vcpu *v, struct event *e)
{
	if (e->kind == EVENT_NONE)
		return false;
	backend->inject(v, e);
	e->kind = EVENT_NONE;
	v->events.injected = true;
	v->injected++;
	return true;
}

/* Behind an exception that came first, the guest may have interrupts off when its turn comes. */
static bool event_inject_again(struct vcpu *v)
{
	struct vevents *ev = &v->events;

	if (ev->again.kind == EVENT_INTR && ev->again_late && !backend->can_inject(v, EVENT_INTR))
		return false;
	ev->again_late = false;
	return event_inject(v, &ev->again);
}

static bool event_inject_nmi(struct vcpu *v)
{
	static const struct event nmi = { .kind = EVENT_NMI, .vector = VEC_NMI };

	if (!v->events.nmi_pending || !backend->can_inject(v, EVENT_NMI))
		return false;
	v->events.nmi_pending = false;
	backend->inject(v, &nmi);
	v->events.injected = true;
	v->injected++;
	return true;
}

/* The processor's acknowledge cycle, through LINT0 from the 8259 pair; -1: nothing any more. */
static int event_acknowledge_extint(struct vcpu *v)
{
	struct partition *p = v->partition;
	int vector;

	/* Of several vCPUs that the wire reaches, the first gets the vector. */
	mutex_lock(&p->device_lock);
	vector = event_extint_pending(v) ? vpic_ack(&p->board.pic) : -1;
	mutex_unlock(&p->device_lock);
	return vector;
}

/*
 * What waits in the local APIC, or else in the 8259 pair. Behind it only the latter can have more:
 * the local APIC lets nothing through that is not above what it has just delivered.
 */
static void event_inject_intr(struct vcpu *v, int vector)
{
	struct event e = { .kind = EVENT_INTR };

	if (vector >= 0)
		vlapic_accept(&v->lapic, (u8)vector);
	else
		vector = event_acknowledge_extint(v);
	if (vector < 0)
		return;
	e.vector = (u8)vector;
	event_inject(v, &e);
}

static NOINLINE void event_prepare_slow(struct vcpu *v)
{
	struct vevents *ev = &v->events;
	int vector = vlapic_pending(&v->lapic);
	bool intr = vector >= 0 || event_extint_pending(v);

	if (!ev->injected && !event_inject(v, &ev->exception) && !event_inject_again(v) &&
	    !event_inject_nmi(v) && intr && backend->can_inject(v, EVENT_INTR)) {
		event_inject_intr(v, vector);
		intr = event_extint_pending(v);
	}
	event_window(v, EVENT_NMI, &ev->nmi_window, ev->nmi_pending);
	event_window(v, EVENT_INTR, &ev->intr_window, ev->again.kind == EVENT_INTR || intr);
}

void event_prepare(struct vcpu *v)
{
	const struct vevents *ev = &v->events;

	/* Most exits leave nothing to deliver. */
	if (likely(ev->again.kind == EVENT_NONE && ev->exception.kind == EVENT_NONE &&
		   !ev->nmi_pending && !ev->nmi_window && !ev->intr_window &&
		   !vlapic_requested(&v->lapic)))
		return;
	event_prepare_slow(v);
}

bool event_wakes(struct vcpu *v)
{
	const struct vevents *ev = &v->events;

	if (ev->nmi_pending || ev->exception.kind != EVENT_NONE || ev->again.kind != EVENT_NONE)
		return true;
	return event_intr_pending(v) && (vcpu_get_reg(v, REG_RFLAGS) & RFLAGS_IF);
}
