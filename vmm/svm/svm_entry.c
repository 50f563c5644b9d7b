/* The rare work before an entry and after an exit, told to svm_run() by one word each. */
#include "drivers/apic.h"
#include "kernel/cpu.h"
#include "kernel/irq.h"
#include "vmm/svm/svm.h"
#include "vmm/svm/svm_quirks.h"
#include "vmm/vcpu.h"
#include "x86/insn.h"

#define V_INTR_PRIO_MAX 15

/*
 * An ASID tags what the TLB holds of this vCPU. To flush is to take an ASID that was never used;
 * when they have run out, the processor flushes all of them and the CPU begins a new generation.
 */
static void svm_new_asid(struct svm_vcpu *s)
{
	struct vmcb_control *c = &s->vmcb->control;
	struct cpu *cpu = s->cpu;

	if (cpu->svm_next_asid >= svm_features.asids) {
		cpu->svm_asid_generation++;
		cpu->svm_next_asid = 1;
		c->tlb_control = VMCB_TLB_FLUSH_ALL;
		s->exit_work |= SVM_EXITED_ONCE;
	}
	c->guest_asid = cpu->svm_next_asid++;
	s->asid_generation = cpu->svm_asid_generation;
	s->flushed_generation = READ_ONCE(*s->table_generation);
}

static void svm_remember_entry(struct svm_vcpu *s)
{
	s->entry_rip = s->vmcb->save.rip;
	s->entry_rsp = s->vmcb->save.rsp;
}

static void svm_set_virq(struct vmcb_control *c, u8 vector)
{
	c->int_ctl &= ~VMCB_V_INTR_VECTOR_MASK;
	c->int_ctl |= VMCB_V_IRQ | VMCB_V_IGN_TPR | VMCB_V_INTR_PRIO(V_INTR_PRIO_MAX) |
		      VMCB_V_INTR_VECTOR(vector);
}

/*
 * An exit after one instruction. Not together with an event: its frame would show our TF to the
 * guest. Then a physical interrupt that already waits makes the exit come right behind the
 * delivery.
 */
static void svm_exit_soon(struct svm_vcpu *s, u32 work)
{
	if ((work & SVM_ENTRY_VIRQ) || (s->vmcb->control.event_inj & VMCB_EVENT_VALID)) {
		lapic_self_ipi(VECTOR_RESCHED);
		return;
	}
	s->step_for_window = true;
	s->entry_work |= SVM_ENTRY_STEP;
}

/*
 * There is no NMI-window exit. While an NMI handler runs, its IRET exits before it executes
 * (decode_iret), and is then stepped over, as is an interrupt shadow.
 */
static void svm_open_nmi_window(struct svm_vcpu *s, u32 work)
{
	s->entry_work |= SVM_ENTRY_NMI;
	if (!s->nmi_blocked || (s->exit_work & SVM_EXITED_IRET))
		svm_exit_soon(s, work);
}

/*
 * A virtual interrupt that is intercepted: the exit comes when the guest could take one. APM 2
 * 15.21.4
 */
static void svm_open_intr_window(struct svm_vcpu *s, u32 work)
{
	struct vmcb_control *c = &s->vmcb->control;

	if (!s->nmi_blocked)
		c->intercept3 &= ~VMCB_INTERCEPT_IRET;
	if (work & SVM_ENTRY_VIRQ) {
		/* V_IRQ carries the interrupt itself. Look again when its handler ends. */
		c->intercept3 |= VMCB_INTERCEPT_IRET;
		s->entry_work |= SVM_ENTRY_WINDOW;
		return;
	}
	if (svm_quirks.no_window_in_shadow) {
		s->entry_work |= SVM_ENTRY_WINDOW; /* look again at the next entry */
		if (c->int_state & VMCB_INTERRUPT_SHADOW) {
			c->int_ctl &= ~VMCB_V_IRQ;
			svm_exit_soon(s, work);
			return;
		}
	}
	c->intercept3 |= VMCB_INTERCEPT_VINTR;
	svm_set_virq(c, 0);
}

/* The interrupt is delivered by the processor at the entry, since the guest can take it (quirk). */
static void svm_deliver_virq(struct svm_vcpu *s)
{
	struct vmcb_control *c = &s->vmcb->control;

	c->intercept3 &= ~VMCB_INTERCEPT_VINTR;
	svm_set_virq(c, s->virq_vector);
	svm_remember_entry(s);
	s->exit_work |= SVM_EXITED_VIRQ;
}

struct svm_vcpu *svm_prepare_entry(struct vcpu *v)
{
	struct svm_vcpu *s = v->vendor;
	u32 work = s->entry_work;

	s->entry_work = 0; /* what has to be done again is put back */
	if ((work & SVM_ENTRY_ASID) || s->flushed_generation != READ_ONCE(*s->table_generation))
		svm_new_asid(s);
	if (work & SVM_ENTRY_WINDOW)
		svm_open_intr_window(s, work);
	if (work & SVM_ENTRY_VIRQ)
		svm_deliver_virq(s);
	if ((work & SVM_ENTRY_CR2) && svm_quirks.cr2_not_loaded)
		x86_write_cr2(s->vmcb->save.cr2);
	if (work & SVM_ENTRY_DR)
		svm_use_debug_registers(s);
	if (work & SVM_ENTRY_NMI)
		svm_open_nmi_window(s, work);
	if ((work | s->entry_work) & SVM_ENTRY_STEP) {
		s->entry_work &= ~SVM_ENTRY_STEP;
		svm_step_begin(v);
	}
	if (svm_quirks.shadow_lost && (s->vmcb->control.int_state & VMCB_INTERRUPT_SHADOW)) {
		svm_remember_entry(s);
		s->exit_work |= SVM_EXITED_SHADOW;
	}
	if (work & SVM_ENTRY_CHECK)
		s->suspect = svm_check_vmcb(s->vmcb, &s->suspect_ours);
	return s;
}

/*
 * Taken, unless the exit came first: then nothing of the guest has moved, and it is still to
 * deliver.
 */
static void svm_finish_virq(struct svm_vcpu *s, struct vm_exit *exit)
{
	const struct vmcb_save *save = &s->vmcb->save;
	bool unmoved = save->rip == s->entry_rip && save->rsp == s->entry_rsp;
	bool cut_short =
	    exit->in_flight.kind != EVENT_NONE && exit->in_flight.vector == s->virq_vector;

	s->vmcb->control.int_ctl &= ~(VMCB_V_IRQ | VMCB_V_INTR_VECTOR_MASK);
	if (cut_short || (exit->reason == VM_EXIT_HOST_INTERRUPT && unmoved))
		exit->in_flight = (struct event){ .kind = EVENT_INTR, .vector = s->virq_vector };
}

/* A fault while the #DF was delivered is the third: what the engine would have died of (quirk). */
static void svm_finish_triple(struct svm_vcpu *s, struct vm_exit *exit)
{
	s->vmcb->control.intercept_exceptions = s->exceptions | svm_quirks_exceptions();
	if (exit->reason != VM_EXIT_EXCEPTION || exit->in_flight.kind != EVENT_EXCEPTION ||
	    exit->in_flight.vector != VEC_DF)
		return;
	exit->in_flight.kind = EVENT_NONE;
	exit->reason = VM_EXIT_TRIPLE_FAULT;
}

/* NMIs are blocked until the IRET has run; its intercept comes before. APM 2 15.13.2 */
static void svm_finish_iret(struct svm_vcpu *s)
{
	if (s->vmcb->save.rip == s->iret_rip)
		s->exit_work |= SVM_EXITED_IRET;
	else
		s->nmi_blocked = false;
}

void svm_finish_exit(struct vcpu *v, struct svm_vcpu *s, struct vm_exit *exit)
{
	struct vmcb_control *c = &s->vmcb->control;
	u32 work = s->exit_work;

	s->exit_work = 0;
	if (work & SVM_EXITED_ONCE) {
		c->event_inj = 0;
		c->tlb_control = VMCB_TLB_NOTHING;
	}
	if (work & SVM_EXITED_VIRQ)
		svm_finish_virq(s, exit);
	if ((work & SVM_EXITED_SHADOW) && s->vmcb->save.rip == s->entry_rip)
		c->int_state |= VMCB_INTERRUPT_SHADOW;
	if (work & SVM_EXITED_TRIPLE)
		svm_finish_triple(s, exit);
	if (work & SVM_EXITED_IRET)
		svm_finish_iret(s);
	if (work & SVM_EXITED_STEP)
		svm_step_end(v, exit);
}

void svm_flush(struct vcpu *v)
{
	struct svm_vcpu *s = v->vendor;

	s->entry_work |= SVM_ENTRY_ASID;
}
