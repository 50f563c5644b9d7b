/*
 * Entering the guest and coming back. The hot path is svm_run(): what is rare is told to it by one word
 * of work before the entry and one after the exit.
 */
#include "drivers/apic.h"
#include "error.h"
#include "kernel/cpu.h"
#include "kernel/irq.h"
#include "kernel/log.h"
#include "vmm/svm/svm.h"
#include "vmm/svm/svm_insn.h"
#include "vmm/svm/svm_quirks.h"
#include "vmm/vcpu.h"
#include "vmm/vfpu.h"
#include "x86/insn.h"
#include "x86/msr.h"

#define V_INTR_PRIO_MAX 15

/*
 * An ASID tags what the TLB holds of this vCPU. To flush is to take an ASID that was never used; when
 * they have run out, the processor flushes all of them and the CPU begins a new generation.
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
 * An exit after one instruction. Not together with an event: its frame would show our TF to the guest.
 * Then a physical interrupt that already waits makes the exit come right behind the delivery.
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

/* A virtual interrupt that is intercepted: the exit comes when the guest could take one. APM 2 15.21.4 */
static void svm_open_intr_window(struct svm_vcpu *s, u32 work)
{
	struct vmcb_control *c = &s->vmcb->control;

	if (!s->nmi_blocked)
		c->intercept3 &= ~VMCB_INTERCEPT_IRET;
	if (work & SVM_ENTRY_VIRQ) {
		/* V_IRQ carries the interrupt itself this time. Look again when its handler ends. */
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

static void svm_prepare_entry(struct vcpu *v, struct svm_vcpu *s)
{
	u32 work = s->entry_work;

	s->entry_work = 0; /* what has to be done again is put back */
	if ((work & SVM_ENTRY_ASID) || s->flushed_generation != READ_ONCE(*s->table_generation))
		svm_new_asid(s);
	if (work & SVM_ENTRY_WINDOW)
		svm_open_intr_window(s, work);
	if (work & SVM_ENTRY_VIRQ)
		svm_deliver_virq(s);
	if (work & SVM_ENTRY_CR2)
		x86_write_cr2(s->vmcb->save.cr2);
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
}

/* Taken, unless the exit came first: then nothing of the guest has moved, and it is still to deliver. */
static void svm_finish_virq(struct svm_vcpu *s, struct vm_exit *exit)
{
	const struct vmcb_save *save = &s->vmcb->save;
	bool unmoved = save->rip == s->entry_rip && save->rsp == s->entry_rsp;
	bool cut_short = exit->in_flight.kind != EVENT_NONE &&
			 exit->in_flight.vector == s->virq_vector;

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

static void svm_finish_exit(struct vcpu *v, struct svm_vcpu *s, struct vm_exit *exit)
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

static int svm_refused(struct vcpu *v, struct svm_vcpu *s)
{
	(void)v;
	log_error("svm: VMRUN refused the VMCB (VMEXIT_INVALID): %s",
		  s->suspect ? s->suspect : "no rule that we know is broken");
	return s->suspect && s->suspect_ours ? -EIO : 0;
}

static inline void svm_load_idt(const struct idt_pointer *idt)
{
	__asm__ volatile("lidt %0" : : "m"(*idt));
}

int svm_run(struct vcpu *v, struct vm_exit *exit)
{
	struct svm_vcpu *s = v->vendor;
	struct vmcb *vmcb = s->vmcb;

	if (unlikely(s->entry_work || (vmcb->control.int_state & VMCB_INTERRUPT_SHADOW) ||
		     s->flushed_generation != READ_ONCE(*s->table_generation)))
		svm_prepare_entry(v, s);
	vmcb->save.rax = v->gpr[REG_RAX];

	/*
	 * From here the processor holds the guest's GS: no interrupt, not even an NMI, until the host's
	 * is back. IF is set for the guest's time only: with V_INTR_MASKING it is the host's IF that lets
	 * physical interrupts through, and each of them exits (APM 2 15.21.1).
	 */
	__svm_clgi();
	x86_sti();
	if (unlikely(svm_quirks.trap_follows_exit))
		svm_load_idt(&svm_quirk_idt);
	__svm_vmload(s->vmcb_pa);
	__svm_vmrun(s->vmcb_pa);
	__svm_vmsave(s->vmcb_pa);
	__svm_vmload(s->host_vmcb_pa);
	if (unlikely(svm_quirks.trap_follows_exit))
		svm_load_idt(&svm_host_idt);
	x86_cli();
	__svm_stgi();

	v->gpr[REG_RAX] = vmcb->save.rax;
	svm_decode_exit(v, s, exit);
	if (unlikely(s->exit_work))
		svm_finish_exit(v, s, exit);
	if (unlikely(exit->reason == VM_EXIT_INVALID_STATE))
		return svm_refused(v, s);
	return 0;
}

#define DR_ACCESSORS(n)                                                         \
	static u64 read_dr##n(void)                                             \
	{                                                                       \
		u64 value;                                                      \
		__asm__ volatile("mov %%dr" #n ", %0" : "=r"(value));           \
		return value;                                                   \
	}                                                                       \
	static void write_dr##n(u64 value)                                      \
	{                                                                       \
		__asm__ volatile("mov %0, %%dr" #n : : "r"(value));             \
	}
DR_ACCESSORS(0)
DR_ACCESSORS(1)
DR_ACCESSORS(2)
DR_ACCESSORS(3)

static void svm_load_debug_registers(const struct svm_vcpu *s)
{
	write_dr0(s->dr[0]);
	write_dr1(s->dr[1]);
	write_dr2(s->dr[2]);
	write_dr3(s->dr[3]);
}

static void svm_save_debug_registers(struct svm_vcpu *s)
{
	s->dr[0] = read_dr0();
	s->dr[1] = read_dr1();
	s->dr[2] = read_dr2();
	s->dr[3] = read_dr3();
}

/*
 * The guest touches a debug register for the first time: from now on they are its own. DR6 and DR7 are
 * in the VMCB; DR0 to DR3 move in load and put. The kernel uses none of them.
 */
void svm_use_debug_registers(struct svm_vcpu *s)
{
	s->vmcb->control.intercept_dr_read = s->vmcb->control.intercept_dr_write = 0;
	s->dr_loaded = true;
	svm_load_debug_registers(s);
}

void svm_load(struct vcpu *v)
{
	struct svm_vcpu *s = v->vendor;
	struct cpu *cpu = this_cpu();

	if (s->cpu != cpu || s->asid_generation != cpu->svm_asid_generation)
		s->entry_work |= SVM_ENTRY_ASID;
	s->cpu = cpu;
	s->host_vmcb_pa = cpu->svm_host_vmcb;
	if (svm_quirks.cr2_not_loaded)
		s->entry_work |= SVM_ENTRY_CR2;
	vfpu_load(v);
	if (s->dr_loaded)
		svm_load_debug_registers(s);
	if (svm_features.rdtscp)
		x86_wrmsr(MSR_TSC_AUX, v->tsc_aux);
}

void svm_put(struct vcpu *v)
{
	struct svm_vcpu *s = v->vendor;

	if (svm_features.rdtscp)
		v->tsc_aux = x86_rdmsr(MSR_TSC_AUX);
	if (s->dr_loaded)
		svm_save_debug_registers(s);
	vfpu_put(v);
}

void svm_flush(struct vcpu *v)
{
	struct svm_vcpu *s = v->vendor;

	s->entry_work |= SVM_ENTRY_ASID;
}
