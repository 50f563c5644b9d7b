/* One short handler for each neutral exit reason, and the table that finds it. */
#include "vmm/exits.h"

#include "error.h"
#include "vmm/cpuid.h"
#include "vmm/cr.h"
#include "vmm/emulate.h"
#include "vmm/guestwalk.h"
#include "vmm/msr.h"
#include "vmm/partition.h"
#include "vmm/pause.h"
#include "vmm/vfpu.h"

#define HYPERCALL_NOP 0
#define HYPERCALL_UNKNOWN ((u64)-1000) /* KVM's ENOSYS, which Linux understands */

static enum exit_action raise_gp(struct vcpu *v)
{
	event_raise_gp(v, 0);
	return EXIT_RESUME;
}

static enum exit_action handle_nothing(struct vcpu *v, struct vm_exit *exit)
{
	(void)v;
	(void)exit;
	return EXIT_RESUME;
}

static enum exit_action handle_window(struct vcpu *v, struct vm_exit *exit)
{
	/* The back end has closed the window; event_prepare() injects, or asks again. */
	if (exit->reason == VM_EXIT_INTR_WINDOW)
		v->events.intr_window = false;
	else
		v->events.nmi_window = false;
	return EXIT_RESUME;
}

/* RAM that the guest touches for the first time, or a device. */
static enum exit_action handle_fault(struct vcpu *v, struct vm_exit *exit)
{
	int r = gpspace_fault(&v->partition->space, exit->u.fault.gpa, exit->u.fault.write);

	if (r == 0)
		return EXIT_RESUME;
	if (r == -ENOMEM) {
		partition_error(v, "the machine has no memory left for guest-physical %#lx",
				exit->u.fault.gpa);
		return EXIT_STOP;
	}
	return emulate_device_mov(v, exit) ? EXIT_ADVANCE : emulate_mmio(v, exit);
}

static enum exit_action handle_cpuid(struct vcpu *v, struct vm_exit *exit)
{
	(void)exit;
	cpuid_answer(v); /* here only when first_tier() could not */
	return EXIT_ADVANCE;
}

static enum exit_action handle_rdmsr(struct vcpu *v, struct vm_exit *exit)
{
	u64 value;

	if (msr_read(v, exit->u.msr.index, &value))
		return raise_gp(v);
	v->gpr[REG_RAX] = (u32)value;
	v->gpr[REG_RDX] = value >> 32;
	return EXIT_ADVANCE;
}

static enum exit_action handle_wrmsr(struct vcpu *v, struct vm_exit *exit)
{
	u64 value = v->gpr[REG_RDX] << 32 | (u32)v->gpr[REG_RAX];

	return msr_write(v, exit->u.msr.index, value) ? raise_gp(v) : EXIT_ADVANCE;
}

static int cr_set(struct vcpu *v, unsigned cr, u64 value)
{
	switch (cr) {
	case 0: return cr0_write(v, value);
	case 3: return cr3_write(v, value);
	case 4: return cr4_write(v, value);
	case 8:
		if (value >> 4)
			return -EINVAL;
		vlapic_set_cr8(&v->lapic, value);
		return 0;
	default: return -EINVAL;
	}
}

static u64 cr_get(struct vcpu *v, unsigned cr)
{
	static const u8 reg[] = { REG_CR0, 0, REG_CR2, REG_CR3, REG_CR4 };

	if (cr == 8)
		return vlapic_get_cr8(&v->lapic);
	return cr < ARRAY_SIZE(reg) ? vcpu_get_reg(v, reg[cr]) : 0;
}

/* LMSW: PE can be set but not cleared, SDM 2A LMSW. */
static enum exit_action cr0_load_low(struct vcpu *v, u64 word)
{
	u64 cr0 = vcpu_get_reg(v, REG_CR0) & ~(u64)(CR0_MP | CR0_EM | CR0_TS);

	return cr0_write(v, cr0 | (word & 0xf)) ? raise_gp(v) : EXIT_ADVANCE;
}

/* LMSW or SMSW whose 16-bit operand is in memory, or a device. */
static enum exit_action handle_cr_memory(struct vcpu *v, gva_t gva, bool store)
{
	unsigned access = guest_cpl(v) == 3 ? ACCESS_USER : 0;
	u16 word = (u16)cr_get(v, 0);
	int r = store ? guest_write(v, gva, &word, sizeof(word), access | ACCESS_WRITE)
		      : guest_read(v, gva, &word, sizeof(word), access | ACCESS_READ);

	if (r == -EFAULT)
		return EXIT_RESUME; /* the guest gets its #PF */
	if (r) {
		partition_error(v, "no memory left for guest-linear %#lx", gva);
		return EXIT_STOP;
	}
	return store ? EXIT_ADVANCE : cr0_load_low(v, word);
}

static enum exit_action handle_cr(struct vcpu *v, struct vm_exit *exit)
{
	u64 cr0;

	switch (exit->u.cr.op) {
	case CR_LMSW_MEMORY:
	case CR_SMSW_MEMORY:
		return handle_cr_memory(v, exit->u.cr.value, exit->u.cr.op == CR_SMSW_MEMORY);
	case CR_READ:
	case CR_SMSW:
		vcpu_set_reg(v, exit->u.cr.gpr, cr_get(v, exit->u.cr.cr));
		return EXIT_ADVANCE;
	case CR_WRITE:
		return cr_set(v, exit->u.cr.cr, exit->u.cr.value) ? raise_gp(v) : EXIT_ADVANCE;
	case CR_CLTS:
		cr0 = vcpu_get_reg(v, REG_CR0) & ~CR0_TS;
		return cr0_write(v, cr0) ? raise_gp(v) : EXIT_ADVANCE;
	case CR_LMSW:
	default: return cr0_load_low(v, exit->u.cr.value);
	}
}

static enum exit_action handle_hlt(struct vcpu *v, struct vm_exit *exit)
{
	(void)v;
	(void)exit;
	return EXIT_BLOCK;
}

static enum exit_action handle_pause(struct vcpu *v, struct vm_exit *exit)
{
	(void)exit;
	pause_yield(v);
	return EXIT_ADVANCE;
}

static enum exit_action handle_skip(struct vcpu *v, struct vm_exit *exit)
{
	(void)v;
	(void)exit;
	return EXIT_ADVANCE;
}

static enum exit_action handle_hypercall(struct vcpu *v, struct vm_exit *exit)
{
	(void)exit;
	if (guest_cpl(v) != 0) {
		event_raise_ud(v);
		return EXIT_RESUME;
	}
	v->gpr[REG_RAX] = v->gpr[REG_RAX] == HYPERCALL_NOP ? 0 : HYPERCALL_UNKNOWN;
	return EXIT_ADVANCE;
}

/* We asked for none but what a debugger will want: give it to the guest as it was. */
static enum exit_action handle_exception(struct vcpu *v, struct vm_exit *exit)
{
	if (exit->u.exception.vector == VEC_PF)
		vcpu_set_reg(v, REG_CR2, exit->u.exception.address);
	event_raise(v, exit->u.exception.vector, exit->u.exception.has_error,
		    exit->u.exception.error);
	return EXIT_RESUME;
}

static enum exit_action handle_xsetbv(struct vcpu *v, struct vm_exit *exit)
{
	u64 value = v->gpr[REG_RDX] << 32 | (u32)v->gpr[REG_RAX];

	(void)exit;
	/* The intercept may come before the processor's own check (APM 2 15.9). */
	if (guest_cpl(v) != 0)
		return raise_gp(v);
	return vfpu_set_xcr0(v, (u32)v->gpr[REG_RCX], value) ? raise_gp(v) : EXIT_ADVANCE;
}

static enum exit_action handle_rdpmc(struct vcpu *v, struct vm_exit *exit)
{
	(void)exit;
	return raise_gp(v); /* no counters are offered by CPUID */
}

static enum exit_action handle_undefined(struct vcpu *v, struct vm_exit *exit)
{
	(void)exit;
	event_raise_ud(v);
	return EXIT_RESUME;
}

static enum exit_action handle_task_switch(struct vcpu *v, struct vm_exit *exit)
{
	partition_error(v, "task switch to selector %#x: hardware tasks are not emulated",
			exit->u.task.selector);
	return EXIT_STOP;
}

static enum exit_action handle_triple_fault(struct vcpu *v, struct vm_exit *exit)
{
	(void)exit;
	partition_request_stop(v->partition, STOP_TRIPLE_FAULT, "%s", "");
	return EXIT_STOP;
}

static enum exit_action handle_invalid_state(struct vcpu *v, struct vm_exit *exit)
{
	partition_error(v, "the processor refused the guest's state (reason %#lx)", exit->raw);
	return EXIT_STOP;
}

static enum exit_action handle_unknown(struct vcpu *v, struct vm_exit *exit)
{
	partition_error(v, "unknown exit reason %#lx", exit->raw);
	return EXIT_STOP;
}

static const struct {
	const char *name;
	enum exit_action (*handle)(struct vcpu *v, struct vm_exit *exit);
} exits[VM_EXIT_REASONS] = {
	[VM_EXIT_HOST_INTERRUPT] = { "host-interrupt", handle_nothing },
	[VM_EXIT_INTR_WINDOW] = { "interrupt-window", handle_window },
	[VM_EXIT_NMI_WINDOW] = { "nmi-window", handle_window },
	[VM_EXIT_IO] = { "port", emulate_io },
	[VM_EXIT_FAULT] = { "memory", handle_fault },
	[VM_EXIT_CPUID] = { "cpuid", handle_cpuid },
	[VM_EXIT_RDMSR] = { "rdmsr", handle_rdmsr },
	[VM_EXIT_WRMSR] = { "wrmsr", handle_wrmsr },
	[VM_EXIT_CR] = { "cr", handle_cr },
	[VM_EXIT_DR] = { "dr", handle_nothing }, /* the back end has made them the guest's own */
	[VM_EXIT_DR_DONE] = { "dr-done", handle_skip },
	[VM_EXIT_HLT] = { "hlt", handle_hlt },
	[VM_EXIT_PAUSE] = { "pause", handle_pause },
	[VM_EXIT_MONITOR] = { "monitor", handle_undefined },
	[VM_EXIT_MWAIT] = { "mwait", handle_undefined },
	[VM_EXIT_HYPERCALL] = { "hypercall", handle_hypercall },
	[VM_EXIT_EXCEPTION] = { "exception", handle_exception },
	[VM_EXIT_XSETBV] = { "xsetbv", handle_xsetbv },
	/* guest memory is coherent: nothing to write back */
	[VM_EXIT_CACHE] = { "cache", handle_skip },
	[VM_EXIT_RDPMC] = { "rdpmc", handle_rdpmc },
	[VM_EXIT_UNDEFINED] = { "undefined", handle_undefined },
	[VM_EXIT_TASK_SWITCH] = { "task-switch", handle_task_switch },
	[VM_EXIT_TRIPLE_FAULT] = { "triple-fault", handle_triple_fault },
	[VM_EXIT_INVALID_STATE] = { "invalid-state", handle_invalid_state },
	[VM_EXIT_UNKNOWN] = { "unknown", handle_unknown },
};

const char *vm_exit_name(enum vm_exit_reason reason)
{
	return (unsigned)reason < VM_EXIT_REASONS ? exits[reason].name : "?";
}

enum exit_action exit_handle(struct vcpu *v, struct vm_exit *exit)
{
	return exits[exit->reason].handle(v, exit);
}
