/*
 * One instruction of the guest at a time, by RFLAGS.TF and an intercepted #DB: for debuggers, and
 * to get past an interrupt shadow or an IRET where the processor has no exit for that. TF is set
 * for the entry only; the instructions that would let the guest see it are put right afterwards.
 */
#include "vmm/guestwalk.h"
#include "vmm/partition.h"
#include "vmm/svm/svm.h"
#include "vmm/svm/svm_quirks.h"
#include "vmm/vcpu.h"

#define OPCODE_PUSHF 0x9c
#define OPCODE_POPF 0x9d
#define OPCODE_IRET 0xcf
#define REX_MASK 0xf0
#define REX 0x40
#define TF_BYTE 1 /* RFLAGS.TF is bit 0 of the second byte */

static bool byte_is_prefix(u8 b, bool long_mode)
{
	switch (b) {
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
	case 0x64:
	case 0x65: /* segments */
	case 0x66:
	case 0x67:
	case 0xf0:
	case 0xf2:
	case 0xf3: return true;
	default: return long_mode && (b & REX_MASK) == REX;
	}
}

/* The opcode at RIP, or 0 when it cannot be read: then the entry will fault anyway. */
u8 svm_opcode(struct vcpu *v)
{
	struct guest_context c;
	u8 bytes[15];
	unsigned n;

	svm_get_context(v, &c);
	n = guest_fetch(v, &c, bytes, sizeof(bytes));
	for (unsigned i = 0; i < n; i++) {
		if (!byte_is_prefix(bytes[i], c.bits == 64))
			return bytes[i];
	}
	return 0;
}

void svm_step_begin(struct vcpu *v)
{
	struct svm_vcpu *s = v->vendor;
	struct vmcb *vmcb = s->vmcb;

	s->step_opcode = svm_opcode(v);
	s->step_tf = vmcb->save.rflags & RFLAGS_TF;
	s->step_dr6 = vmcb->save.dr6;
	vmcb->save.dr6 &= ~(DR6_BS | DR6_B0_B3); /* they are sticky: what comes now must show */
	vmcb->save.rflags |= RFLAGS_TF;
	vmcb->control.intercept_exceptions |= BIT(VEC_DB);
	s->exit_work |= SVM_EXITED_STEP;
	if (s->single_step)
		s->entry_work |= SVM_ENTRY_STEP;
}

/* PUSHF stored our TF on the guest's stack, if that is RAM. */
static void svm_hide_pushed_tf(struct vcpu *v)
{
	u64 at = svm_get_reg(v, REG_RSP) + TF_BYTE;
	u32 error;
	gva_t gva;
	gpa_t gpa;
	u8 *flags;

	if (guest_linear(v, SEG_SS, at, 1, ACCESS_WRITE, &gva) != 0 ||
	    guest_translate(v, gva, ACCESS_WRITE, &gpa, &error) != 0)
		return;
	flags = gpspace_present(&v->partition->space, gpa, 1, true);
	if (flags)
		*flags &= (u8)~1u;
}

static void svm_restore_tf(struct vcpu *v, struct svm_vcpu *s, bool completed)
{
	struct vmcb_save *save = &s->vmcb->save;

	if (completed && (s->step_opcode == OPCODE_POPF || s->step_opcode == OPCODE_IRET))
		return; /* TF is what the guest loaded */
	save->rflags &= ~RFLAGS_TF;
	if (s->step_tf)
		save->rflags |= RFLAGS_TF;
	else if (completed && s->step_opcode == OPCODE_PUSHF)
		svm_hide_pushed_tf(v);
}

void svm_step_end(struct vcpu *v, struct vm_exit *exit)
{
	struct svm_vcpu *s = v->vendor;
	struct vmcb *vmcb = s->vmcb;
	bool completed = exit->reason == VM_EXIT_EXCEPTION && exit->u.exception.vector == VEC_DB;
	bool for_window = s->step_for_window, breakpoint = vmcb->save.dr6 & DR6_B0_B3;

	s->step_for_window = false;
	vmcb->control.intercept_exceptions = s->exceptions | svm_quirks_exceptions();
	svm_restore_tf(v, s, completed);
	if (completed)
		vmcb->control.int_state &= ~VMCB_INTERRUPT_SHADOW;
	if (completed && (!for_window || s->single_step || s->step_tf || breakpoint)) {
		vmcb->save.dr6 |= s->step_dr6; /* somebody else wants this #DB as well */
		return;
	}
	vmcb->save.dr6 = (vmcb->save.dr6 & ~DR6_BS) | (s->step_dr6 & (DR6_BS | DR6_B0_B3));
	if (completed)
		exit->reason = VM_EXIT_HOST_INTERRUPT;
}

void svm_single_step(struct vcpu *v, bool on)
{
	struct svm_vcpu *s = v->vendor;

	s->single_step = on;
	if (on)
		s->entry_work |= SVM_ENTRY_STEP;
	else
		s->entry_work &= ~SVM_ENTRY_STEP;
}
