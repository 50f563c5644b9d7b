/*
 * Whether this processor's VMX suffices, and switching it on: SDM 3C 23.6 to 23.8, 3D appendix A.
 */
#include "error.h"
#include "kernel/irq.h"
#include "kernel/log.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/pt.h"
#include "vmm/vmx/vmx.h"
#include "vmm/vmx/vmx_selftest.h"
#include "x86/insn.h"
#include "x86/msr.h"

#define CPUID_1_ECX_VMX BIT(5)
#define CPUID_7_EBX_INVPCID BIT(10)
#define CPUID_EXTENDED_FEATURES 0x80000001u
#define CPUID_EXT_EDX_RDTSCP BIT(27)
#define EPT_NEEDED                                                                 \
	(EPT_CAP_WALK_4 | EPT_CAP_WRITE_BACK | EPT_CAP_PAGES_2M | EPT_CAP_INVEPT | \
	 EPT_CAP_INVEPT_SINGLE | EPT_CAP_INVVPID | EPT_CAP_INVVPID_SINGLE)

struct vmx_caps vmx_caps;

/*
 * A control's MSR gives in its low half the bits that must be 1, in its high half those that may be
 * (SDM 3D A.3). Takes what is wanted as far as it exists; -ENODEV when a needed bit does not.
 */
static int control_choose(u32 msr, u32 needed, u32 wanted, u32 *value, const char *name)
{
	u64 caps = x86_rdmsr(msr);
	u32 must = (u32)caps, may = (u32)(caps >> 32);

	*value = must | (wanted & may);
	if (needed & ~may) {
		log_error("vmx: %s controls %#x are missing", name, needed & ~may);
		return -ENODEV;
	}
	*value |= needed;
	return 0;
}

/* INVPCID and RDTSCP are undefined without their controls, and guests see them in CPUID. */
static u32 cpu2_needed(void)
{
	u32 needed = CPU2_ENABLE_EPT | CPU2_ENABLE_VPID | CPU2_UNRESTRICTED_GUEST;

	if (x86_cpuid(7, 0).ebx & CPUID_7_EBX_INVPCID)
		needed |= CPU2_ENABLE_INVPCID;
	if (x86_cpuid(CPUID_EXTENDED_FEATURES, 0).edx & CPUID_EXT_EDX_RDTSCP)
		needed |= CPU2_ENABLE_RDTSCP;
	return needed;
}

static int read_controls(struct vmx_caps *c, bool true_controls)
{
	u32 cpu = CPU_USE_TSC_OFFSETTING | CPU_HLT_EXITING | CPU_MWAIT_EXITING | CPU_RDPMC_EXITING |
		  CPU_CR8_LOAD_EXITING | CPU_CR8_STORE_EXITING | CPU_MOV_DR_EXITING |
		  CPU_USE_IO_BITMAPS | CPU_USE_MSR_BITMAPS | CPU_MONITOR_EXITING |
		  CPU_SECONDARY_CONTROLS;
	u32 exit = EXIT_SAVE_DEBUG_CONTROLS | EXIT_HOST_64BIT | EXIT_SAVE_PAT | EXIT_LOAD_PAT |
		   EXIT_SAVE_EFER | EXIT_LOAD_EFER;
	u32 entry = ENTRY_LOAD_DEBUG_CONTROLS | ENTRY_LOAD_PAT | ENTRY_LOAD_EFER;
	int r = control_choose(true_controls ? MSR_VMX_TRUE_PINBASED_CTLS : MSR_VMX_PINBASED_CTLS,
			       PIN_EXTERNAL_INTERRUPT_EXITING | PIN_NMI_EXITING | PIN_VIRTUAL_NMIS,
			       0, &c->pin, "pin-based");

	if (r == 0)
		r = control_choose(true_controls ? MSR_VMX_TRUE_PROCBASED_CTLS
						 : MSR_VMX_PROCBASED_CTLS,
				   cpu, 0, &c->cpu, "processor-based");
	if (r == 0)
		r = control_choose(MSR_VMX_PROCBASED_CTLS2, cpu2_needed(), CPU2_WBINVD_EXITING,
				   &c->cpu2, "secondary processor-based");
	if (r == 0)
		r = control_choose(true_controls ? MSR_VMX_TRUE_EXIT_CTLS : MSR_VMX_EXIT_CTLS, exit,
				   0, &c->exit, "exit");
	if (r == 0)
		r = control_choose(true_controls ? MSR_VMX_TRUE_ENTRY_CTLS : MSR_VMX_ENTRY_CTLS,
				   entry, 0, &c->entry, "entry");
	return r;
}

/* Firmware may have locked VMX out; if it left the choice open we make it (SDM 3C 23.7). */
static int probe_feature_control(void)
{
	u64 fc;

	if (x86_rdmsr_safe(MSR_FEATURE_CONTROL, &fc) != 0)
		return -ENODEV;
	if (!(fc & FEATURE_CONTROL_LOCK)) {
		fc |= FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX_OUTSIDE_SMX;
		x86_wrmsr(MSR_FEATURE_CONTROL, fc);
	}
	if (fc & FEATURE_CONTROL_VMX_OUTSIDE_SMX)
		return 0;
	log_error("vmx: switched off by the firmware (IA32_FEATURE_CONTROL is locked)");
	return -ENODEV;
}

/* What this processor's VMX can do. -ENODEV with a line in the log: too little. */
static int read_caps(struct vmx_caps *c)
{
	u64 basic = x86_rdmsr(MSR_VMX_BASIC);

	c->revision = basic & VMX_BASIC_REVISION;
	c->ins_outs_info = basic & VMX_BASIC_INS_OUTS;
	if (read_controls(c, basic & VMX_BASIC_TRUE_CONTROLS) != 0)
		return -ENODEV;
	c->pause_loops = x86_rdmsr(MSR_VMX_PROCBASED_CTLS2) >> 32 & CPU2_PAUSE_LOOP_EXITING;
	c->ept_vpid = x86_rdmsr(MSR_VMX_EPT_VPID_CAP);
	if ((c->ept_vpid & EPT_NEEDED) != EPT_NEEDED) {
		log_error("vmx: EPT or VPID capabilities %#llx are missing",
			  EPT_NEEDED & ~c->ept_vpid);
		return -ENODEV;
	}
	c->cr0_fixed0 = x86_rdmsr(MSR_VMX_CR0_FIXED0);
	c->cr0_fixed1 = x86_rdmsr(MSR_VMX_CR0_FIXED1);
	c->cr4_fixed0 = x86_rdmsr(MSR_VMX_CR4_FIXED0);
	c->cr4_fixed1 = x86_rdmsr(MSR_VMX_CR4_FIXED1);
	return 0;
}

int vmx_probe(void)
{
	if (!(x86_cpuid(1, 0).ecx & CPUID_1_ECX_VMX) || probe_feature_control() != 0 ||
	    read_caps(&vmx_caps) != 0)
		return -ENODEV;
	pt_format_ept.pages_1g = false; /* guests' frames come 2 MiB at a time */
	vmx_selftest_register();
	return 0;
}

/* NULL, or what this processor's VMX has not like the boot CPU's. */
static const char *difference(const struct vmx_caps *c)
{
	const struct vmx_caps *boot = &vmx_caps;

	if (c->revision != boot->revision)
		return "the VMCS revision";
	if (c->pin != boot->pin || c->cpu != boot->cpu || c->cpu2 != boot->cpu2 ||
	    c->pause_loops != boot->pause_loops)
		return "the execution controls";
	if (c->exit != boot->exit || c->entry != boot->entry)
		return "the exit or entry controls";
	if (c->ept_vpid != boot->ept_vpid)
		return "EPT or VPID";
	if (c->cr0_fixed0 != boot->cr0_fixed0 || c->cr0_fixed1 != boot->cr0_fixed1 ||
	    c->cr4_fixed0 != boot->cr4_fixed0 || c->cr4_fixed1 != boot->cr4_fixed1)
		return "the fixed bits of CR0 or CR4";
	return c->ins_outs_info != boot->ins_outs_info ? "the information about INS and OUTS"
						       : NULL;
}

/* This processor, compared with what vmx_probe() found on the boot CPU. */
static int check_caps(void)
{
	struct vmx_caps caps = { 0 };
	const char *what;

	if (probe_feature_control() != 0 || read_caps(&caps) != 0)
		return -ENODEV;
	what = difference(&caps);
	if (!what)
		return 0;
	log_error("vmx: CPU %u differs from the boot CPU in %s", this_cpu()->id, what);
	return -ENODEV;
}

static int enter_vmx_operation(hpa_t region)
{
	memset(phys_to_virt(region), 0, FRAME_SIZE);
	*(u32 *)phys_to_virt(region) = vmx_caps.revision;
	x86_write_cr0((x86_read_cr0() | vmx_caps.cr0_fixed0) & vmx_caps.cr0_fixed1);
	x86_write_cr4((x86_read_cr4() | vmx_caps.cr4_fixed0) & vmx_caps.cr4_fixed1);
	if (__vmx_on(&region) == 0)
		return 0;
	log_error("vmx: CPU %u: VMXON failed", this_cpu()->id);
	return -EIO;
}

int vmx_cpu_enable(void)
{
	hpa_t region;
	int r = check_caps();

	if (r)
		return r;
	region = frame_alloc(FRAME_ORDER_4K, OWNER_KERNEL);
	if (region == HPA_NONE)
		return -ENOMEM;
	r = enter_vmx_operation(region);
	if (r)
		frame_free(region, FRAME_ORDER_4K);
	return r;
}
