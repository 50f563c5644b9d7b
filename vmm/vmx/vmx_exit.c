/* Entering the guest, and making a neutral exit of the processor's: SDM 3C 27.2 and appendix C. */
#include "error.h"
#include "kernel/log.h"
#include "vmm/guestwalk.h"
#include "vmm/partition.h"
#include "vmm/vmx/vmx.h"
#include "x86/msr.h"

/* The exit came in an IRET that had unblocked NMIs already: it will run again (SDM 3C 27.2.3). */
static void block_nmi_again(const struct vm_exit *e)
{
	if (e->in_flight.kind == EVENT_NONE)
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY,
			   vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) | BLOCKING_BY_NMI);
}

/*
 * What an intercepted #DB leaves undone: DR6 and DR7 (SDM 3C 27.1), the step over INT1, whose
 * handler returns behind it, and a bit that VM entry wants with TF in an interrupt shadow (SDM
 * 3C 26.3.1.5).
 */
static void complete_debug_exception(struct vcpu *v, bool int1)
{
	u64 shadow =
	    vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) & (BLOCKING_BY_STI | BLOCKING_BY_MOV_SS);
	bool steps = vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_TF;

	if (int1) {
		vmcs_write(VMCS_GUEST_RIP,
			   vmcs_read(VMCS_GUEST_RIP) + vmcs_read(VMCS_EXIT_INSTRUCTION_LENGTH));
		return;
	}
	vmx_set_reg(v, REG_DR6,
		    (vmx_get_reg(v, REG_DR6) & ~DR6_B0_B3) |
			(vmcs_read(VMCS_EXIT_QUALIFICATION) & (DR6_B0_B3 | DR6_BD | DR6_BS)));
	vmcs_write(VMCS_GUEST_DR7, vmcs_read(VMCS_GUEST_DR7) & ~DR7_GD);
	if (shadow && steps && !(vmcs_read(VMCS_GUEST_DEBUGCTL) & DEBUGCTL_BTF))
		vmcs_write(VMCS_GUEST_PENDING_DEBUG, vmcs_read(VMCS_GUEST_PENDING_DEBUG) | DR6_BS);
}

/* The host's own NMI or machine check: deliver it as if it had come now. */
static bool take_host_event(unsigned type, u8 vector)
{
	if (type == INTR_TYPE_NMI)
		__asm__ volatile("int $2"); /* its IRET unblocks NMIs */
	else if (vector == VEC_MC)
		__asm__ volatile("int $18");
	else
		return false;
	return true;
}

static void decode_exception(struct vcpu *v, struct vm_exit *e)
{
	u64 info = vmcs_read(VMCS_EXIT_INTERRUPTION_INFO);
	unsigned type = (info & INTR_INFO_TYPE) >> INTR_INFO_TYPE_SHIFT;

	e->u.exception.vector = info & INTR_INFO_VECTOR;
	if (take_host_event(type, e->u.exception.vector)) {
		e->reason = VM_EXIT_HOST_INTERRUPT;
		return;
	}
	if (info & INTR_INFO_NMI_UNBLOCKED)
		block_nmi_again(e);
	if (e->u.exception.vector == VEC_DB)
		complete_debug_exception(v, type == INTR_TYPE_PRIVILEGED_SOFT_EXCEPTION);
	e->u.exception.has_error = info & INTR_INFO_ERROR_VALID;
	e->u.exception.error = 0;
	if (e->u.exception.has_error)
		e->u.exception.error = (u32)vmcs_read(VMCS_EXIT_INTERRUPTION_ERROR);
	e->u.exception.address = vmcs_read(VMCS_EXIT_QUALIFICATION);
}

static void decode_machine_check(struct vcpu *v, struct vm_exit *e)
{
	(void)v;
	(void)e;
	__asm__ volatile("int $18");
}

static void decode_intr_window(struct vcpu *v, struct vm_exit *e)
{
	(void)e;
	vmx_set_cpu_control(v, CPU_INTERRUPT_WINDOW_EXITING, false);
}

static void decode_nmi_window(struct vcpu *v, struct vm_exit *e)
{
	(void)e;
	vmx_set_cpu_control(v, CPU_NMI_WINDOW_EXITING, false);
}

static void decode_task_switch(struct vcpu *v, struct vm_exit *e)
{
	(void)v;
	e->u.task.selector = (u16)vmcs_read(VMCS_EXIT_QUALIFICATION);
}

/* SDM 3C table 27-3. */
static void decode_cr(struct vcpu *v, struct vm_exit *e)
{
	u64 q = vmcs_read(VMCS_EXIT_QUALIFICATION);

	e->u.cr.cr = q & 0xf;
	e->u.cr.gpr = q >> 8 & 0xf;
	switch (q >> 4 & 3) {
	case 0:
		e->u.cr.op = CR_WRITE;
		e->u.cr.value = vcpu_get_reg(v, e->u.cr.gpr);
		if (e->u.cr.value >> 32 && guest_code_bits(v) != 64)
			e->u.cr.value = (u32)e->u.cr.value;
		break;
	case 1: e->u.cr.op = CR_READ; break;
	case 2: e->u.cr.op = CR_CLTS; break;
	default: e->u.cr.op = CR_LMSW; e->u.cr.value = q >> 16 & 0xffff;
	}
}

static void decode_dr(struct vcpu *v, struct vm_exit *e)
{
	(void)e;
	vmx_own_debug_registers(v);
}

/* SDM 3C table 27-5, and 27.4 for what the instruction information adds for strings. */
static void decode_io(struct vcpu *v, struct vm_exit *e)
{
	u64 q = vmcs_read(VMCS_EXIT_QUALIFICATION), info;

	(void)v;
	e->u.io.size = (u8)((q & 7) + 1);
	e->u.io.in = q & BIT(3);
	e->u.io.string = q & BIT(4);
	e->u.io.rep = q & BIT(5);
	e->u.io.port = (u16)(q >> 16);
	e->u.io.segment = 0xff;
	e->u.io.addr_size = 0;
	if (!e->u.io.string || !vmx_caps.ins_outs_info)
		return;
	info = vmcs_read(VMCS_EXIT_INSTRUCTION_INFO);
	e->u.io.addr_size = (u8)(2u << (info >> 7 & 7));
	e->u.io.segment = e->u.io.in ? SEG_ES : info >> 15 & 7;
}

static void decode_msr(struct vcpu *v, struct vm_exit *e)
{
	e->u.msr.index = (u32)v->gpr[REG_RCX];
}

static void decode_ept_violation(struct vcpu *v, struct vm_exit *e)
{
	u64 q = vmcs_read(VMCS_EXIT_QUALIFICATION);

	(void)v;
	e->u.fault.gpa = vmcs_read(VMCS_GUEST_PHYSICAL_ADDRESS);
	e->u.fault.write = q & EPT_VIOLATION_WRITE;
	e->u.fault.fetch = q & EPT_VIOLATION_FETCH;
	e->u.fault.walk = q & EPT_VIOLATION_LINEAR_VALID && !(q & EPT_VIOLATION_FINAL);
	if (q & EPT_VIOLATION_NMI_UNBLOCKED)
		block_nmi_again(e);
}

static const struct exit_rule {
	bool known;
	u8 reason;	 /* enum vm_exit_reason */
	bool has_length; /* the processor tells the instruction's length */
	void (*decode)(struct vcpu *v, struct vm_exit *e);
} rules[VMX_EXIT_COUNT] = {
	[VMX_EXIT_EXCEPTION_NMI] = { true, VM_EXIT_EXCEPTION, false, decode_exception },
	[VMX_EXIT_EXTERNAL_INTERRUPT] = { true, VM_EXIT_HOST_INTERRUPT, false, NULL },
	[VMX_EXIT_TRIPLE_FAULT] = { true, VM_EXIT_TRIPLE_FAULT, false, NULL },
	[VMX_EXIT_INTERRUPT_WINDOW] = { true, VM_EXIT_INTR_WINDOW, false, decode_intr_window },
	[VMX_EXIT_NMI_WINDOW] = { true, VM_EXIT_NMI_WINDOW, false, decode_nmi_window },
	[VMX_EXIT_TASK_SWITCH] = { true, VM_EXIT_TASK_SWITCH, true, decode_task_switch },
	[VMX_EXIT_CPUID] = { true, VM_EXIT_CPUID, true, NULL },
	[VMX_EXIT_HLT] = { true, VM_EXIT_HLT, true, NULL },
	[VMX_EXIT_INVD] = { true, VM_EXIT_CACHE, true, NULL },
	[VMX_EXIT_RDPMC] = { true, VM_EXIT_RDPMC, true, NULL },
	[VMX_EXIT_VMCALL] = { true, VM_EXIT_HYPERCALL, true, NULL },
	[VMX_EXIT_VMCLEAR] = { true, VM_EXIT_UNDEFINED, true, NULL },
	[VMX_EXIT_VMLAUNCH] = { true, VM_EXIT_UNDEFINED, true, NULL },
	[VMX_EXIT_VMPTRLD] = { true, VM_EXIT_UNDEFINED, true, NULL },
	[VMX_EXIT_VMPTRST] = { true, VM_EXIT_UNDEFINED, true, NULL },
	[VMX_EXIT_VMREAD] = { true, VM_EXIT_UNDEFINED, true, NULL },
	[VMX_EXIT_VMRESUME] = { true, VM_EXIT_UNDEFINED, true, NULL },
	[VMX_EXIT_VMWRITE] = { true, VM_EXIT_UNDEFINED, true, NULL },
	[VMX_EXIT_VMXOFF] = { true, VM_EXIT_UNDEFINED, true, NULL },
	[VMX_EXIT_VMXON] = { true, VM_EXIT_UNDEFINED, true, NULL },
	[VMX_EXIT_CR_ACCESS] = { true, VM_EXIT_CR, true, decode_cr },
	[VMX_EXIT_MOV_DR] = { true, VM_EXIT_DR, true, decode_dr },
	[VMX_EXIT_IO] = { true, VM_EXIT_IO, true, decode_io },
	[VMX_EXIT_RDMSR] = { true, VM_EXIT_RDMSR, true, decode_msr },
	[VMX_EXIT_WRMSR] = { true, VM_EXIT_WRMSR, true, decode_msr },
	[VMX_EXIT_INVALID_GUEST_STATE] = { true, VM_EXIT_INVALID_STATE, false, NULL },
	[VMX_EXIT_MSR_LOADING] = { true, VM_EXIT_INVALID_STATE, false, NULL },
	[VMX_EXIT_MWAIT] = { true, VM_EXIT_MWAIT, true, NULL },
	[VMX_EXIT_MONITOR] = { true, VM_EXIT_MONITOR, true, NULL },
	[VMX_EXIT_PAUSE] = { true, VM_EXIT_PAUSE, true, NULL },
	[VMX_EXIT_MACHINE_CHECK] = { true, VM_EXIT_HOST_INTERRUPT, false, decode_machine_check },
	[VMX_EXIT_EPT_VIOLATION] = { true, VM_EXIT_FAULT, false, decode_ept_violation },
	[VMX_EXIT_INVEPT] = { true, VM_EXIT_UNDEFINED, true, NULL },
	[VMX_EXIT_INVVPID] = { true, VM_EXIT_UNDEFINED, true, NULL },
	[VMX_EXIT_WBINVD] = { true, VM_EXIT_CACHE, true, NULL },
	[VMX_EXIT_XSETBV] = { true, VM_EXIT_XSETBV, true, NULL },
};

static void decode_exit(struct vcpu *v, struct vm_exit *e, u32 raw)
{
	u32 basic = raw & EXIT_REASON_BASIC;
	const struct exit_rule *rule = &rules[basic < VMX_EXIT_COUNT ? basic : 0];
	u64 info;

	e->raw = basic;
	e->rip = vmcs_read(VMCS_GUEST_RIP);
	e->in_flight.kind = EVENT_NONE;
	info = vmcs_read(VMCS_IDT_VECTORING_INFO);
	if (unlikely(info & INTR_INFO_VALID))
		e->in_flight = vmx_event_in_flight(info);
	e->length = 0;
	if (basic >= VMX_EXIT_COUNT || !rule->known) {
		e->reason = VM_EXIT_UNKNOWN;
		return;
	}
	e->reason = rule->reason;
	if (rule->has_length)
		e->length = (u8)vmcs_read(VMCS_EXIT_INSTRUCTION_LENGTH);
	if (rule->decode)
		rule->decode(v, e);
}

/*
 * Translations of this vCPU that are out of date. Rare: at its start, on a new CPU, after a change.
 */
static void flush_translations(struct vcpu *v)
{
	struct vmx_vcpu *x = vmx_of(v);

	x->flush = false;
	x->ept_generation = READ_ONCE(v->partition->space.pt.generation);
	if (vmx_invept(INV_SINGLE_CONTEXT, x->eptp) != 0 ||
	    vmx_invvpid(INV_SINGLE_CONTEXT, x->vpid) != 0)
		panic("vmx: invept or invvpid failed");
}

static int entry_failed(struct vcpu *v, unsigned char result)
{
	u32 error;

	if (result == 2) {
		log_error("vmx: %s: no current VMCS", v->partition->config.name);
		return -EIO;
	}
	error = (u32)vmcs_read(VMCS_INSTRUCTION_ERROR);
	log_error("vmx: %s: VM-instruction error %u: %s", v->partition->config.name, error,
		  vmx_error_name(error));
	return -EIO;
}

int vmx_run(struct vcpu *v, struct vm_exit *e)
{
	struct vmx_vcpu *x = vmx_of(v);
	unsigned char result;
	u32 raw;

	if (unlikely(x->flush || x->ept_generation != READ_ONCE(v->partition->space.pt.generation)))
		flush_translations(v);
	result = x->launched ? __vmx_vmresume() : __vmx_vmlaunch();
	if (unlikely(result != 0))
		return entry_failed(v, result);
	raw = (u32)vmcs_read(VMCS_EXIT_REASON);
	if (likely(!(raw & EXIT_REASON_ENTRY_FAILED)))
		x->launched = true;
	decode_exit(v, e, raw);
	return 0;
}
