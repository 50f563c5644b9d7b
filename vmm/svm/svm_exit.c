/*
 * From the processor's exit code to the neutral exit: one table, one short function for each code
 * that has something to tell. APM 2 15.9 to 15.14 and appendix C.
 */
#include "vmm/svm/svm.h"
#include "vmm/vcpu.h"

/* Exceptions that push an error code, APM 2 8.2. */
#define VEC_WITH_ERROR                                                                       \
	(BIT(VEC_DF) | BIT(VEC_TS) | BIT(VEC_NP) | BIT(VEC_SS) | BIT(VEC_GP) | BIT(VEC_PF) | \
	 BIT(VEC_AC) | BIT(VEC_CP) | BIT(VEC_SX))

static void decode_io(struct vcpu *v, struct svm_vcpu *s, struct vm_exit *exit)
{
	const struct vmcb_control *c = &s->vmcb->control;
	u32 info = (u32)c->exit_info_1;

	(void)v;
	exit->u.io.port = (u16)(info >> VMCB_IO_PORT_SHIFT);
	exit->u.io.size = info >> VMCB_IO_SIZE_SHIFT & VMCB_IO_SIZE;
	exit->u.io.in = info & VMCB_IO_IN;
	exit->u.io.string = info & VMCB_IO_STRING;
	exit->u.io.rep = info & VMCB_IO_REP;
	exit->u.io.segment = 0xff; /* older processors do not tell: the string is decoded anyway */
	exit->u.io.addr_size = (info >> VMCB_IO_ADDR_SHIFT & VMCB_IO_ADDR) * 2;
	exit->length = svm_insn_length(exit->rip, c->exit_info_2);
}

static void decode_npf(struct svm_vcpu *s, struct vm_exit *exit)
{
	u64 info = s->vmcb->control.exit_info_1;

	exit->u.fault.gpa = s->vmcb->control.exit_info_2;
	exit->u.fault.write = info & PF_W;
	exit->u.fault.fetch = info & PF_I;
	exit->u.fault.walk = info & VMCB_NPF_WALK;
}

static void decode_msr(struct vcpu *v, struct svm_vcpu *s, struct vm_exit *exit)
{
	if (s->vmcb->control.exit_info_1 & VMCB_MSR_WRITE)
		exit->reason = VM_EXIT_WRMSR;
	exit->u.msr.index = (u32)v->gpr[REG_RCX];
}

static void decode_exception(struct vcpu *v, struct svm_vcpu *s, struct vm_exit *exit)
{
	const struct vmcb_control *c = &s->vmcb->control;
	u8 vector = (u8)(c->exit_code - SVM_EXIT_EXCP0);

	(void)v;
	if (vector == VEC_MC && !(s->exceptions & BIT(VEC_MC))) {
		__asm__ volatile("int %0" : : "i"(VEC_MC)); /* the machine's, not the guest's */
		exit->reason = VM_EXIT_HOST_INTERRUPT;
		return;
	}
	exit->u.exception.vector = vector;
	exit->u.exception.has_error = BIT(vector) & VEC_WITH_ERROR;
	exit->u.exception.error = (u32)c->exit_info_1;
	exit->u.exception.address = vector == VEC_DB ? s->vmcb->save.dr6 : c->exit_info_2;
}

static void decode_vintr(struct vcpu *v, struct svm_vcpu *s, struct vm_exit *exit)
{
	(void)v;
	(void)exit;
	svm_close_intr_window(s);
}

static void decode_iret(struct vcpu *v, struct svm_vcpu *s, struct vm_exit *exit)
{
	(void)v;
	s->vmcb->control.intercept3 &= ~VMCB_INTERCEPT_IRET;
	if (!s->nmi_blocked)
		return; /* only to look at the interrupt window again */
	s->iret_rip = exit->rip;
	s->exit_work |= SVM_EXITED_IRET;
}

static void decode_task_switch(struct vcpu *v, struct svm_vcpu *s, struct vm_exit *exit)
{
	(void)v;
	exit->u.task.selector = (u16)s->vmcb->control.exit_info_1;
}

#define HOST                                        \
	{                                           \
		VM_EXIT_HOST_INTERRUPT, false, NULL \
	}
#define INSN(reason)               \
	{                          \
		reason, true, NULL \
	}
#define NONE                                 \
	{                                    \
		VM_EXIT_UNKNOWN, false, NULL \
	}

const struct svm_exit_entry svm_exits[SVM_EXIT_DENSE] = {
	[SVM_EXIT_CR0_READ... SVM_EXIT_CR15_WRITE] = { VM_EXIT_CR, true, svm_decode_cr },
	[SVM_EXIT_DR0_READ... SVM_EXIT_DR15_WRITE] = { VM_EXIT_DR, true, svm_decode_dr },
	[SVM_EXIT_EXCP0... SVM_EXIT_EXCP31] = { VM_EXIT_EXCEPTION, false, decode_exception },
	[SVM_EXIT_INTR... SVM_EXIT_INIT] = HOST,
	[SVM_EXIT_VINTR] = { VM_EXIT_INTR_WINDOW, false, decode_vintr },
	[SVM_EXIT_CR0_SEL_WRITE] = { VM_EXIT_CR, true, svm_decode_cr },
	[SVM_EXIT_IDTR_READ... SVM_EXIT_RDTSC] = NONE,
	[SVM_EXIT_RDPMC] = INSN(VM_EXIT_RDPMC),
	[SVM_EXIT_PUSHF... SVM_EXIT_POPF] = NONE,
	[SVM_EXIT_CPUID] = INSN(VM_EXIT_CPUID),
	[SVM_EXIT_RSM] = NONE,
	[SVM_EXIT_IRET] = { VM_EXIT_HOST_INTERRUPT, false, decode_iret },
	[SVM_EXIT_SWINT] = NONE,
	[SVM_EXIT_INVD] = INSN(VM_EXIT_CACHE),
	[SVM_EXIT_PAUSE] = INSN(VM_EXIT_PAUSE),
	[SVM_EXIT_HLT] = INSN(VM_EXIT_HLT),
	[SVM_EXIT_INVLPG] = NONE,
	[SVM_EXIT_INVLPGA] = INSN(VM_EXIT_UNDEFINED),
	[SVM_EXIT_IOIO] = { VM_EXIT_IO, false, decode_io },
	[SVM_EXIT_MSR] = { VM_EXIT_RDMSR, true, decode_msr },
	[SVM_EXIT_TASK_SWITCH] = { VM_EXIT_TASK_SWITCH, false, decode_task_switch },
	[SVM_EXIT_FERR_FREEZE] = NONE,
	[SVM_EXIT_SHUTDOWN] = { VM_EXIT_TRIPLE_FAULT, false, NULL },
	[SVM_EXIT_VMRUN] = INSN(VM_EXIT_UNDEFINED),
	[SVM_EXIT_VMMCALL] = INSN(VM_EXIT_HYPERCALL),
	[SVM_EXIT_VMLOAD... SVM_EXIT_SKINIT] = INSN(VM_EXIT_UNDEFINED),
	[SVM_EXIT_RDTSCP... SVM_EXIT_ICEBP] = NONE,
	[SVM_EXIT_WBINVD] = INSN(VM_EXIT_CACHE),
	[SVM_EXIT_MONITOR] = INSN(VM_EXIT_MONITOR),
	[SVM_EXIT_MWAIT... SVM_EXIT_MWAIT_ARMED] = INSN(VM_EXIT_MWAIT),
	[SVM_EXIT_XSETBV] = INSN(VM_EXIT_XSETBV),
	[SVM_EXIT_RDPRU] = INSN(VM_EXIT_UNDEFINED),
};

void svm_decode_sparse(struct svm_vcpu *s, struct vm_exit *exit)
{
	if (exit->raw == SVM_EXIT_NPF) {
		exit->reason = VM_EXIT_FAULT;
		decode_npf(s, exit);
	} else if ((u32)exit->raw == SVM_EXIT_INVALID) {
		exit->reason = VM_EXIT_INVALID_STATE;
	} else {
		exit->reason = VM_EXIT_UNKNOWN;
	}
}
