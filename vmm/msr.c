/*
 * Model-specific registers: SDM 4, APM 2 appendix A. Which exist is what Debian's Linux, the
 * firmware images and our own guests were seen to use; everything else raises #GP and is counted.
 */
#include "vmm/msr.h"

#include "error.h"
#include "kernel/cpu.h"
#include "vmm/cpuid.h"
#include "vmm/cr.h"
#include "vmm/kvmclock.h"
#include "vmm/partition.h"
#include "vmm/tsc.h"
#include "x86/msr.h"

#define MTRR_VARIABLE 8u /* pairs */
#define MTRR_CAP (MTRR_VARIABLE | BIT(8) /* fixed ranges */ | BIT(10) /* write combining */)
#define MTRR_DEF_TYPE_VALID (BIT(11) | BIT(10) | 0xff)
#define MISC_ENABLE_FAST_STRINGS BIT(0)
#define MISC_ENABLE_BTS_UNAVAILABLE BIT(11)
#define MISC_ENABLE_PEBS_UNAVAILABLE BIT(12)
#define DEBUGCTL_VALID (BIT(0) | DEBUGCTL_BTF) /* LBR reads back and records nothing */

/* MSRs that are registers of the vCPU, held by the back end. */
static int msr_register(u32 msr)
{
	switch (msr) {
	case MSR_SYSENTER_CS: return REG_SYSENTER_CS;
	case MSR_SYSENTER_ESP: return REG_SYSENTER_ESP;
	case MSR_SYSENTER_EIP: return REG_SYSENTER_EIP;
	case MSR_PAT: return REG_PAT;
	case MSR_STAR: return REG_STAR;
	case MSR_LSTAR: return REG_LSTAR;
	case MSR_CSTAR: return REG_CSTAR;
	case MSR_SFMASK: return REG_SFMASK;
	case MSR_KERNEL_GS_BASE: return REG_KERNEL_GS_BASE;
	case MSR_DEBUGCTL: return REG_DEBUGCTL;
	default: return -1;
	}
}

static bool address_canonical(u64 a)
{
	return (u64)((s64)(a << 16) >> 16) == a;
}

static bool pat_valid(u64 value)
{
	for (unsigned i = 0; i < 8; i++, value >>= 8) {
		u8 type = value & 0xff;

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return true;
}

static int msr_write_register(struct vcpu *v, u32 msr, unsigned reg, u64 value)
{
	switch (msr) {
	case MSR_PAT:
		if (!pat_valid(value))
			return -EINVAL;
		break;
	case MSR_DEBUGCTL:
		if (value & ~DEBUGCTL_VALID)
			return -EINVAL;
		break;
	case MSR_LSTAR:
	case MSR_CSTAR:
	case MSR_KERNEL_GS_BASE:
	case MSR_SYSENTER_ESP:
	case MSR_SYSENTER_EIP:
		if (!address_canonical(value))
			return -EINVAL;
		break;
	}
	vcpu_set_reg(v, reg, value);
	return 0;
}

/* The MTRRs are kept and read back; they change nothing, since the nested tables set the type. */
static u64 *msr_mtrr(struct vcpu *v, u32 msr)
{
	if (msr >= MSR_MTRR_PHYSBASE0 && msr <= MSR_MTRR_PHYSMASK7)
		return &v->mtrr_var[msr - MSR_MTRR_PHYSBASE0];
	if (msr == MSR_MTRR_FIX64K_00000)
		return &v->mtrr_fixed[0];
	if (msr == MSR_MTRR_FIX16K_80000 || msr == MSR_MTRR_FIX16K_A0000)
		return &v->mtrr_fixed[1 + msr - MSR_MTRR_FIX16K_80000];
	if (msr >= MSR_MTRR_FIX4K_C0000 && msr <= MSR_MTRR_FIX4K_F8000)
		return &v->mtrr_fixed[3 + msr - MSR_MTRR_FIX4K_C0000];
	if (msr == MSR_MTRR_DEF_TYPE)
		return &v->mtrr_def_type;
	return NULL;
}

static bool mtrr_type_valid(u8 type)
{
	return type == 0 || type == 1 || (type >= 4 && type <= 6);
}

static int msr_write_mtrr(struct vcpu *v, u32 msr, u64 *slot, u64 value)
{
	u64 address = MASK(cpuid_phys_bits(v) - 1, 12);

	if (msr == MSR_MTRR_DEF_TYPE) {
		if ((value & ~MTRR_DEF_TYPE_VALID) || !mtrr_type_valid(value & 0xff))
			return -EINVAL;
	} else if (msr <= MSR_MTRR_PHYSMASK7) {
		if (msr & 1 ? value & ~(address | BIT(11)) : value & ~(address | 0xff))
			return -EINVAL;
		if (!(msr & 1) && !mtrr_type_valid(value & 0xff))
			return -EINVAL;
	} else {
		for (unsigned i = 0; i < 64; i += 8) {
			if (!mtrr_type_valid(value >> i & 0xff))
				return -EINVAL;
		}
	}
	*slot = value;
	return 0;
}

/* What Linux reads on one vendor alone, with the value of a machine that has nothing behind it. */
static int msr_read_vendor(u32 msr, u64 *value)
{
	static const u32 intel[] = { MSR_PLATFORM_ID, MSR_FEATURE_CONTROL, MSR_PLATFORM_INFO };
	static const u32 amd[] = {
		MSR_AMD_SYSCFG, MSR_AMD_HWCR,	MSR_AMD_NB_CFG, MSR_AMD_INT_PENDING, MSR_AMD_VM_CR,
		MSR_AMD_LS_CFG, MSR_AMD_IC_CFG, MSR_AMD_FP_CFG, MSR_AMD_DE_CFG,
	};
	const u32 *list = cpu_features.intel_like ? intel : amd;
	unsigned count = cpu_features.intel_like ? ARRAY_SIZE(intel) : ARRAY_SIZE(amd);

	for (unsigned i = 0; i < count; i++) {
		if (list[i] != msr)
			continue;
		*value = 0;
		if (msr == MSR_FEATURE_CONTROL)
			*value = 1; /* locked with VMX off: no VMX in here */
		if (msr == MSR_AMD_VM_CR)
			*value = VM_CR_SVMDIS;
		return 0;
	}
	return -EINVAL;
}

static int msr_unknown(struct vcpu *v, u32 msr)
{
	v->unknown_msrs++;
	v->last_unknown_msr = msr;
	return -EINVAL;
}

static u64 msr_segment_base(struct vcpu *v, enum segment_name seg)
{
	struct segment s;

	backend->get_seg(v, seg, &s);
	return s.base;
}

static int msr_set_segment_base(struct vcpu *v, enum segment_name seg, u64 value)
{
	struct segment s;

	if (!address_canonical(value))
		return -EINVAL;
	backend->get_seg(v, seg, &s);
	s.base = value;
	backend->set_seg(v, seg, &s);
	return 0;
}

int msr_read(struct vcpu *v, u32 msr, u64 *value)
{
	int reg = msr_register(msr);
	u64 *mtrr;

	if (reg >= 0) {
		*value = vcpu_get_reg(v, (unsigned)reg);
		return 0;
	}
	if (vlapic_has_msr(msr))
		return vlapic_msr_read(&v->lapic, msr, value);
	mtrr = msr_mtrr(v, msr);
	if (mtrr) {
		*value = *mtrr;
		return 0;
	}
	*value = 0;
	switch (msr) {
	case MSR_TSC: *value = tsc_guest(v); return 0;
	case MSR_TSC_ADJUST: *value = v->tsc_adjust; return 0;
	case MSR_EFER: *value = vcpu_get_reg(v, REG_EFER); return 0;
	case MSR_FS_BASE: *value = msr_segment_base(v, SEG_FS); return 0;
	case MSR_GS_BASE: *value = msr_segment_base(v, SEG_GS); return 0;
	case MSR_TSC_AUX:
		if (!cpuid_has_rdtscp(v))
			break;
		*value = v->tsc_aux;
		return 0;
	case MSR_MTRR_CAP: *value = MTRR_CAP; return 0;
	case MSR_MISC_ENABLE: *value = v->misc_enable; return 0;
	case MSR_KVM_WALL_CLOCK: *value = v->kvm_wall_clock; return 0;
	case MSR_KVM_SYSTEM_TIME: *value = v->kvm_system_time; return 0;
	case MSR_BIOS_SIGN_ID: /* no microcode */
	case MSR_MCG_CAP:      /* no machine-check banks */
	case MSR_MCG_STATUS: return 0;
	}
	return msr_read_vendor(msr, value) ? msr_unknown(v, msr) : 0;
}

static int msr_write_tsc(struct vcpu *v, u64 value)
{
	u64 delta = value - tsc_guest(v);

	/* SDM 3B 17.17.3: a write to either is seen in the other. */
	v->tsc_adjust += delta;
	tsc_set_offset(v, v->tsc_offset + delta);
	return kvmclock_tsc_moved(v);
}

static int msr_write_tsc_adjust(struct vcpu *v, u64 value)
{
	tsc_set_offset(v, v->tsc_offset + value - v->tsc_adjust);
	v->tsc_adjust = value;
	return kvmclock_tsc_moved(v);
}

static int msr_write_tsc_aux(struct vcpu *v, u64 value)
{
	/* Without RDTSCP the processor has no such MSR either: the WRMSR here would fault. */
	if (!cpuid_has_rdtscp(v))
		return msr_unknown(v, MSR_TSC_AUX);
	if (value >> 32)
		return -EINVAL;
	v->tsc_aux = value;
	x86_wrmsr(MSR_TSC_AUX, value); /* the guest's copy is in the processor while it is loaded */
	return 0;
}

/*
 * The guest may move its APIC's page to where there is nothing. Over RAM the nested tables, which
 * all vCPUs share, would have to differ between them: refused.
 */
static int msr_write_apic_base(struct vcpu *v, u64 value)
{
	if (gpspace_is_ram(&v->partition->space, value & APIC_BASE_ADDRESS, VLAPIC_SIZE))
		return msr_unknown(v, MSR_APIC_BASE);
	return vlapic_msr_write(&v->lapic, MSR_APIC_BASE, value);
}

int msr_write(struct vcpu *v, u32 msr, u64 value)
{
	int reg = msr_register(msr);
	u64 *mtrr, dummy;

	if (reg >= 0)
		return msr_write_register(v, msr, (unsigned)reg, value);
	if (msr == MSR_APIC_BASE)
		return msr_write_apic_base(v, value);
	if (vlapic_has_msr(msr))
		return vlapic_msr_write(&v->lapic, msr, value);
	mtrr = msr_mtrr(v, msr);
	if (mtrr)
		return msr_write_mtrr(v, msr, mtrr, value);
	switch (msr) {
	case MSR_TSC: return msr_write_tsc(v, value);
	case MSR_TSC_ADJUST: return msr_write_tsc_adjust(v, value);
	case MSR_EFER: return efer_write(v, value);
	case MSR_FS_BASE: return msr_set_segment_base(v, SEG_FS, value);
	case MSR_GS_BASE: return msr_set_segment_base(v, SEG_GS, value);
	case MSR_TSC_AUX: return msr_write_tsc_aux(v, value);
	case MSR_KVM_WALL_CLOCK: return kvmclock_write_wall(v, value);
	case MSR_KVM_SYSTEM_TIME: return kvmclock_write_system(v, value);
	case MSR_MISC_ENABLE: v->misc_enable = value; return 0;
	case MSR_BIOS_SIGN_ID: /* written before CPUID to read a microcode revision */
	case MSR_BIOS_UPDT_TRIG: return 0;
	case MSR_MCG_STATUS: return value ? -EINVAL : 0;
	case MSR_MTRR_CAP:
	case MSR_MCG_CAP: return -EINVAL; /* read-only */
	}
	/* The vendor's configuration bits that we report as 0 may be written with anything. */
	if (!cpu_features.intel_like && msr != MSR_AMD_VM_CR && msr_read_vendor(msr, &dummy) == 0)
		return 0;
	return msr_unknown(v, msr);
}

void msr_reset(struct vcpu *v)
{
	v->misc_enable =
	    MISC_ENABLE_FAST_STRINGS | MISC_ENABLE_BTS_UNAVAILABLE | MISC_ENABLE_PEBS_UNAVAILABLE;
	/*
	 * What firmware would have set: RAM write-back, so that Linux finds nothing to complain of.
	 */
	v->mtrr_def_type = BIT(11) | 6;
	v->tsc_adjust = v->tsc_aux = 0;
	v->kvm_system_time = v->kvm_wall_clock = 0;
}
