/*
 * Entering the guest, coming back, and finding out why: the path of every exit, where instructions
 * are counted. What is rare is in svm_entry.c; what each exit code tells is in svm_exit.c.
 */
#include "error.h"
#include "kernel/log.h"
#include "vmm/known_length.h"
#include "vmm/svm/svm.h"
#include "vmm/svm/svm_insn.h"
#include "vmm/svm/svm_quirks.h"
#include "vmm/vcpu.h"
#include "x86/insn.h"

#define NOINLINE __attribute__((noinline))

/*
 * Between the two halves the processor holds the guest's GS: no interrupt, not even an NMI, until
 * the host's is back. IF is set for the guest's time only: with V_INTR_MASKING it is the host's IF
 * that lets physical interrupts through, and each of them exits (APM 2 15.21.1).
 */
static inline void svm_leave_host(const struct svm_vcpu *s)
{
	__svm_clgi();
	x86_sti();
	if (unlikely(s->trap_follows))
		svm_load_idt(&svm_quirk_idt);
	__svm_vmload(s->vmcb_pa);
}

static inline void svm_return_to_host(const struct svm_vcpu *s)
{
	__svm_vmsave(s->vmcb_pa);
	__svm_vmload(s->host_vmcb_pa);
	if (unlikely(s->trap_follows))
		svm_load_idt(&svm_host_idt);
	x86_cli();
	__svm_stgi();
}

static int svm_refused(const struct svm_vcpu *s)
{
	log_error("svm: VMRUN refused the VMCB (VMEXIT_INVALID): %s",
		  s->suspect ? s->suspect : "no rule that we know is broken");
	return s->suspect && s->suspect_ours ? -EIO : 0;
}

/* An exit that has more to tell than its code, or that found work to do. */
static NOINLINE int svm_decode_more(struct vcpu *v, struct vm_exit *exit)
{
	struct svm_vcpu *s = v->vendor;

	if (s->vmcb->control.exit_int_info & VMCB_EVENT_VALID)
		svm_decode_in_flight(v, s, &exit->in_flight);
	if (exit->raw >= SVM_EXIT_DENSE)
		svm_decode_sparse(s, exit);
	else if (svm_exits[exit->raw].decode)
		svm_exits[exit->raw].decode(v, s, exit);
	if (s->exit_work)
		svm_finish_exit(v, s, exit);
	return exit->reason == VM_EXIT_INVALID_STATE ? svm_refused(s) : 0;
}

int svm_run(struct vcpu *v, struct vm_exit *exit)
{
	struct svm_vcpu *s = v->vendor;
	const struct svm_exit_entry *e;
	struct vmcb *vmcb;
	u64 code, rip;

	if (unlikely(s->entry_work || (s->vmcb->control.int_state & VMCB_INTERRUPT_SHADOW) ||
		     s->flushed_generation != READ_ONCE(*s->table_generation)))
		s = svm_prepare_entry(v);
	s->vmcb->save.rax = v->gpr[REG_RAX];
	svm_leave_host(s);
	__svm_vmrun(s->vmcb_pa);
	s = READ_ONCE(v->vendor); /* cheaper than registers that are saved and restored */
	svm_return_to_host(s);
	vmcb = s->vmcb;
	v->gpr[REG_RAX] = vmcb->save.rax;

	code = vmcb->control.exit_code;
	rip = vmcb->save.rip;
	exit->raw = code;
	exit->rip = rip;
	exit->length = 0;
	exit->in_flight.kind = EVENT_NONE;
	if (unlikely(code >= SVM_EXIT_DENSE))
		return svm_decode_more(v, exit);
	e = &svm_exits[code];
	exit->reason = e->reason;
	if (e->insn)
		exit->length = svm_features.nrip ? svm_insn_length(rip, vmcb->control.nrip)
						 : known_length_at(v, exit, vmcb->save.cr3);
	if (e->decode || unlikely(s->exit_work || (vmcb->control.exit_int_info & VMCB_EVENT_VALID)))
		return svm_decode_more(v, exit);
	return 0;
}
