/*
 * Every return value of the VMX wrappers, on the path that the kernel itself uses: SDM 3C 30.2
 * and 30.4. What is changed in the VMCS is put back, so that the last step shows a good entry.
 */
#include "vmm/vmx/vmx_selftest.h"
#include "error.h"
#include "kernel/selftest.h"
#include "lib/string.h"
#include "vmm/exits.h"
#include "vmm/partition.h"
#include "vmm/testvcpu.h"
#include "vmm/vmx/vmx.h"
#include "x86/insn.h"
#include "x86/msr.h"

#define VMX_MISC_VMWRITE_ANY BIT(29) /* SDM 3D A.6 */

#define ERROR_LAUNCH_NOT_CLEAR 4
#define ERROR_RESUME_NOT_LAUNCHED 5
#define ERROR_CONTROLS 7
#define ERROR_HOST_STATE 8

static const u8 code_cpuid_hlt[] = { 0x0f, 0xa2, 0xf4 };

/* Runs a test with a vCPU of its own loaded and interrupts off. */
static int with_vcpu(struct selftest *t, int (*fn)(struct selftest *t, struct vcpu *v))
{
	struct vcpu *v;
	u64 flags;
	int r;

	if (backend != &vmx_backend)
		SELFTEST_SKIP(t, "this processor has no VMX");
	v = testvcpu_create(code_cpuid_hlt, sizeof(code_cpuid_hlt));
	SELFTEST_EXPECT(t, v != NULL);
	flags = vcpu_inspect_begin(v);
	r = fn(t, v);
	vcpu_inspect_end(v, flags);
	testvcpu_destroy(v);
	return r;
}

static u32 instruction_error(void)
{
	return (u32)vmcs_read(VMCS_INSTRUCTION_ERROR);
}

static int good_entry(struct selftest *t, struct vcpu *v)
{
	SELFTEST_EXPECT(t, __vmx_vmlaunch() == 0);
	SELFTEST_EXPECT(t, vmcs_read(VMCS_EXIT_REASON) == VMX_EXIT_CPUID);
	SELFTEST_EXPECT(t, vmcs_read(VMCS_EXIT_INSTRUCTION_LENGTH) == 2);
	vmx_set_reg(v, REG_RIP, TEST_CODE + 2);
	SELFTEST_EXPECT(t, __vmx_vmresume() == 0);
	SELFTEST_EXPECT(t, vmcs_read(VMCS_EXIT_REASON) == VMX_EXIT_HLT);
	return SELFTEST_OK;
}

static int launch_not_clear(struct selftest *t, struct vcpu *v)
{
	(void)v;
	SELFTEST_EXPECT(t, __vmx_vmlaunch() == 0);
	SELFTEST_EXPECT(t, __vmx_vmlaunch() == 1);
	SELFTEST_EXPECT(t, instruction_error() == ERROR_LAUNCH_NOT_CLEAR);
	return SELFTEST_OK;
}

static int resume_not_launched(struct selftest *t, struct vcpu *v)
{
	(void)v;
	SELFTEST_EXPECT(t, __vmx_vmresume() == 1);
	SELFTEST_EXPECT(t, instruction_error() == ERROR_RESUME_NOT_LAUNCHED);
	SELFTEST_EXPECT(t, __vmx_vmlaunch() == 0);
	return SELFTEST_OK;
}

static int bad_controls(struct selftest *t, struct vcpu *v)
{
	u64 good = vmcs_read(VMCS_PIN_BASED_CONTROLS);

	(void)v;
	vmcs_write(VMCS_PIN_BASED_CONTROLS, 0); /* its reserved bits must be 1 */
	SELFTEST_EXPECT(t, __vmx_vmlaunch() == 1);
	SELFTEST_EXPECT(t, instruction_error() == ERROR_CONTROLS);
	vmcs_write(VMCS_PIN_BASED_CONTROLS, good);
	SELFTEST_EXPECT(t, __vmx_vmlaunch() == 0);
	return SELFTEST_OK;
}

static int bad_host_state(struct selftest *t, struct vcpu *v)
{
	(void)v;
	vmcs_write(VMCS_HOST_CS_SELECTOR, 0);
	SELFTEST_EXPECT(t, __vmx_vmlaunch() == 1);
	SELFTEST_EXPECT(t, instruction_error() == ERROR_HOST_STATE);
	vmcs_write(VMCS_HOST_CS_SELECTOR, SEL_KERNEL_CODE);
	SELFTEST_EXPECT(t, __vmx_vmlaunch() == 0);
	return SELFTEST_OK;
}

/* Without a current VMCS there is nowhere to write an error number: the answer is 2. */
static int no_current_vmcs(struct selftest *t, struct vcpu *v)
{
	struct vmx_vcpu *x = vmx_of(v);
	unsigned char launch, resume, read, write;
	u64 current = 0;
	size_t value;

	SELFTEST_EXPECT(t, __vmx_vmclear(&x->vmcs) == 0);
	__vmx_vmptrst(&current);
	launch = __vmx_vmlaunch();
	resume = __vmx_vmresume();
	read = __vmx_vmread(VMCS_GUEST_RIP, &value);
	write = __vmx_vmwrite(VMCS_GUEST_RIP, 0);
	if (__vmx_vmptrld(&x->vmcs) != 0)
		panic("vmx: vmptrld failed");
	SELFTEST_EXPECT(t, current == ~0ull);
	SELFTEST_EXPECT(t, launch == 2);
	SELFTEST_EXPECT(t, resume == 2);
	SELFTEST_EXPECT(t, read == 2);
	SELFTEST_EXPECT(t, write == 2);
	return SELFTEST_OK;
}

/* Not a failed instruction: a VM exit with reason 33, whose state dump names the culprit. */
static int bad_guest_state(struct selftest *t, struct vcpu *v)
{
	struct vm_exit *exit = &v->exit;

	vmx_set_reg(v, REG_RFLAGS, 0); /* bit 1 must be 1 */
	SELFTEST_EXPECT(t, vmx_run(v, exit) == 0);
	SELFTEST_EXPECT(t, exit->reason == VM_EXIT_INVALID_STATE);
	SELFTEST_EXPECT(t, exit->raw == VMX_EXIT_INVALID_GUEST_STATE);
	SELFTEST_EXPECT(t,
			vmx_suspect(v) && strcmp(vmx_suspect(v), "reserved bits of RFLAGS") == 0);
	vmx_set_reg(v, REG_RFLAGS, RFLAGS_FIXED);
	SELFTEST_EXPECT(t, vmx_suspect(v) == NULL);
	SELFTEST_EXPECT(t, vmx_run(v, exit) == 0 && exit->reason == VM_EXIT_CPUID);
	return SELFTEST_OK;
}

static int bad_fields(struct selftest *t, struct vcpu *v)
{
	size_t value;
	u64 odd = vmx_of(v)->vmcs + 1;

	SELFTEST_EXPECT(t, __vmx_vmread(0x7ffe, &value) == 1); /* no such field */
	SELFTEST_EXPECT(t, instruction_error() == 12);
	if (x86_rdmsr(MSR_VMX_MISC) & VMX_MISC_VMWRITE_ANY) {
		SELFTEST_EXPECT(t, __vmx_vmwrite(VMCS_EXIT_REASON, 0) == 0);
	} else {
		SELFTEST_EXPECT(t, __vmx_vmwrite(VMCS_EXIT_REASON, 0) == 1);
		SELFTEST_EXPECT(t, instruction_error() == 13);
	}
	SELFTEST_EXPECT(t, __vmx_vmptrld(&odd) == 1);
	SELFTEST_EXPECT(t, instruction_error() == 9);
	SELFTEST_EXPECT(t, __vmx_vmclear(&odd) == 1);
	SELFTEST_EXPECT(t, instruction_error() == 2);
	return SELFTEST_OK;
}

/*
 * Sets IVT[1], steps over a NOP with TF; the handler looks at DR6 as the first instruction that
 * does.
 */
static const u8 code_step[] = {
	0xc7, 0x06, 0x04, 0x00, 0x00, 0x11, /* mov word [4], 1100h */
	0xc7, 0x06, 0x06, 0x00, 0x00, 0x00, /* mov word [6], 0 */
	0x9c, 0x58, 0x80, 0xcc, 0x01, 0x50, /* pushf; pop ax; or ah, 1; push ax */
	0x9d, 0x90, 0xf4,		    /* popf; nop; hlt */
};
static const u8 code_step_handler[] = { 0x0f, 0x21, 0xf3, 0xf4 }; /* mov ebx, dr6; hlt */
#define STEP_HANDLER 0x1100u

/* An intercepted #DB has set no DR6: we must, also for a guest that has not touched one before. */
static int debug_exception(struct selftest *t, struct vcpu *v)
{
	struct vm_exit *exit = &v->exit;
	unsigned exceptions = 0;

	SELFTEST_EXPECT(
	    t, gmem_write(&v->partition->space, TEST_CODE, code_step, sizeof(code_step)) == 0);
	SELFTEST_EXPECT(t, gmem_write(&v->partition->space, STEP_HANDLER, code_step_handler,
				      sizeof(code_step_handler)) == 0);
	for (unsigned i = 0; i < 16; i++) {
		event_prepare(v);
		SELFTEST_EXPECT(t, vmx_run(v, exit) == 0);
		v->events.injected = false;
		if (exit->reason == VM_EXIT_HLT)
			break;
		if (exit->reason == VM_EXIT_EXCEPTION) {
			exceptions++;
			SELFTEST_EXPECT(t, exit_handle(v, exit) == EXIT_RESUME);
		}
	}
	SELFTEST_EXPECT(t, exceptions == 1);
	SELFTEST_EXPECT(t, exit->reason == VM_EXIT_HLT && exit->rip == STEP_HANDLER + 3);
	SELFTEST_EXPECT(t, (v->gpr[REG_RBX] & (DR6_BS | DR6_BD | DR6_B0_B3)) == DR6_BS);
	return SELFTEST_OK;
}

#define CASE(fn)                                 \
	static int test_##fn(struct selftest *t) \
	{                                        \
		return with_vcpu(t, fn);         \
	}
CASE(good_entry)
CASE(launch_not_clear)
CASE(resume_not_launched)
CASE(bad_controls)
CASE(bad_host_state)
CASE(no_current_vmcs)
CASE(bad_guest_state)
CASE(bad_fields)
CASE(debug_exception)

static const struct selftest_case cases[] = {
	{ "vmx: a good entry gives 0 after the exit", test_good_entry },
	{ "vmx: VMLAUNCH of a VMCS that is not clear gives 1, error 4", test_launch_not_clear },
	{ "vmx: VMRESUME of a VMCS not launched gives 1, error 5", test_resume_not_launched },
	{ "vmx: bad control fields give 1, error 7", test_bad_controls },
	{ "vmx: bad host state gives 1, error 8", test_bad_host_state },
	{ "vmx: no current VMCS gives 2", test_no_current_vmcs },
	{ "vmx: bad guest state is exit reason 33, and named", test_bad_guest_state },
	{ "vmx: VMREAD, VMPTRLD and VMCLEAR with bad operands give 1", test_bad_fields },
	{ "vmx: a #DB exits, and shows its reason in DR6", test_debug_exception },
};

void vmx_selftest_register(void)
{
	selftest_add(cases, ARRAY_SIZE(cases));
}
