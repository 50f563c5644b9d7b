/*
 * Delivering events to the guest, and asking for the moment when it can take one. APM 2 15.20,
 * 15.21.
 */
#include "vmm/svm/svm.h"
#include "vmm/svm/svm_quirks.h"
#include "vmm/vcpu.h"

#define EVENT_ERROR_SHIFT 32
#define OPCODE_INT3 0xcc
#define OPCODE_INT 0xcd
#define OPCODE_INTO 0xce

static bool svm_event_pending(const struct svm_vcpu *s)
{
	return (s->vmcb->control.event_inj & VMCB_EVENT_VALID) || (s->entry_work & SVM_ENTRY_VIRQ);
}

bool svm_can_inject(struct vcpu *v, enum event_kind kind)
{
	struct svm_vcpu *s = v->vendor;
	bool shadow = s->vmcb->control.int_state & VMCB_INTERRUPT_SHADOW;

	if (svm_event_pending(s))
		return false;
	switch (kind) {
	case EVENT_INTR: return (s->vmcb->save.rflags & RFLAGS_IF) && !shadow;
	case EVENT_NMI: return !s->nmi_blocked && !shadow;
	default: return true;
	}
}

static u64 svm_event_type(enum event_kind kind)
{
	switch (kind) {
	case EVENT_NMI: return svm_quirks.nmi_masks_host ? VMCB_EVENT_INTR : VMCB_EVENT_NMI;
	case EVENT_EXCEPTION: return VMCB_EVENT_EXCEPTION;
	case EVENT_SOFT_EXCEPTION: return VMCB_EVENT_EXCEPTION; /* INT3 and INTO */
	case EVENT_SOFT_INTR: return VMCB_EVENT_SOFT_INTR;
	default: return VMCB_EVENT_INTR;
	}
}

/*
 * For these the handler returns behind the instruction, so that is where RIP must be. APM 2 15.20
 */
static void svm_pass_instruction(struct svm_vcpu *s, const struct event *e)
{
	if (e->kind != EVENT_SOFT_INTR && e->kind != EVENT_SOFT_EXCEPTION)
		return;
	s->vmcb->save.rip += e->length;
	s->vmcb->control.nrip = s->vmcb->save.rip;
}

/* From now on NMIs wait, until the handler's IRET. */
static void svm_begin_nmi(struct svm_vcpu *s)
{
	s->nmi_blocked = true;
	s->vmcb->control.intercept3 |= VMCB_INTERCEPT_IRET;
}

void svm_inject(struct vcpu *v, const struct event *e)
{
	struct svm_vcpu *s = v->vendor;
	struct vmcb_control *c = &s->vmcb->control;

	if (e->kind == EVENT_INTR && svm_quirks.inject_by_virq) {
		s->virq_vector = e->vector;
		s->entry_work |= SVM_ENTRY_VIRQ;
		return;
	}
	if (e->kind == EVENT_NMI)
		svm_begin_nmi(s);
	svm_pass_instruction(s, e);
	c->event_inj = VMCB_EVENT_VALID | svm_event_type(e->kind) | e->vector;
	if (e->has_error && (s->vmcb->save.cr0 & CR0_PE)) /* none in real mode */
		c->event_inj |= VMCB_EVENT_ERROR | (u64)e->error << EVENT_ERROR_SHIFT;
	s->exit_work |= SVM_EXITED_ONCE;
	s->entry_rip = s->vmcb->save.rip;
	s->injected_vector = e->vector;
	if (svm_quirks.triple_fault_kills && e->kind == EVENT_EXCEPTION && e->vector == VEC_DF) {
		c->intercept_exceptions = ~0u;
		s->exit_work |= SVM_EXITED_TRIPLE;
	}
}

void svm_close_intr_window(struct svm_vcpu *s)
{
	s->entry_work &= ~SVM_ENTRY_WINDOW;
	s->step_for_window = false;
	s->vmcb->control.int_ctl &= ~VMCB_V_IRQ;
	s->vmcb->control.intercept3 &= ~VMCB_INTERCEPT_VINTR;
	if (!s->nmi_blocked)
		s->vmcb->control.intercept3 &= ~VMCB_INTERCEPT_IRET;
}

void svm_want_window(struct vcpu *v, enum event_kind kind, bool on)
{
	struct svm_vcpu *s = v->vendor;

	if (kind == EVENT_NMI && on)
		s->entry_work |= SVM_ENTRY_NMI;
	else if (kind == EVENT_NMI)
		s->entry_work &= ~SVM_ENTRY_NMI;
	else if (on)
		s->entry_work |= SVM_ENTRY_WINDOW;
	else
		svm_close_intr_window(s);
}

void svm_discard_events(struct vcpu *v)
{
	struct svm_vcpu *s = v->vendor;
	struct vmcb_control *c = &s->vmcb->control;

	s->nmi_blocked = false;
	svm_close_intr_window(s);
	s->entry_work &= ~(SVM_ENTRY_VIRQ | SVM_ENTRY_NMI);
	if (!s->single_step)
		s->entry_work &= ~SVM_ENTRY_STEP;
	s->exit_work = 0;
	c->event_inj = 0;
	c->int_state = 0;
	c->intercept_exceptions = s->exceptions | svm_quirks_exceptions();
}

/*
 * True when the exception that EXITINTINFO names is an old one: RIP is at an INT. If it is this INT
 * that raised the exception, it will raise it again. Only one that we injected here is surely
 * meant.
 */
static bool svm_info_is_stale(struct vcpu *v, const struct svm_vcpu *s, u8 vector)
{
	u8 opcode;

	if (!svm_quirks.soft_int_info_stale)
		return false;
	if ((s->exit_work & SVM_EXITED_ONCE) && s->injected_vector == vector &&
	    s->vmcb->save.rip == s->entry_rip)
		return false;
	opcode = svm_opcode(v);
	return opcode == OPCODE_INT || opcode == OPCODE_INT3 || opcode == OPCODE_INTO;
}

/*
 * What was being delivered when the exit came. INT n, INT3 and INTO are left out: RIP still points
 * at the instruction, which will simply run again.
 */
void svm_decode_in_flight(struct vcpu *v, struct svm_vcpu *s, struct event *e)
{
	u64 info = s->vmcb->control.exit_int_info;
	u8 vector = info & VMCB_EVENT_VECTOR;

	switch (info & VMCB_EVENT_TYPE) {
	case VMCB_EVENT_INTR:
		e->kind = vector == VEC_NMI && svm_quirks.nmi_masks_host ? EVENT_NMI : EVENT_INTR;
		break;
	case VMCB_EVENT_NMI: e->kind = EVENT_NMI; break;
	case VMCB_EVENT_EXCEPTION:
		if (vector == VEC_BP || vector == VEC_OF || svm_info_is_stale(v, s, vector))
			return;
		e->kind = EVENT_EXCEPTION;
		break;
	default: return;
	}
	e->vector = vector;
	e->has_error = info & VMCB_EVENT_ERROR;
	e->error = (u32)(info >> EVENT_ERROR_SHIFT);
	e->length = 0;
}
