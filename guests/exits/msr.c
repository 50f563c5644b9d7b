/* RDMSR and WRMSR: registers every x86-64 processor has, and numbers that are none. */
#include "exits.h"

#define MSR_UNKNOWN 0x12345
#define MSR_UNKNOWN2 0xc0012345
#define APIC_BASE_DEFAULT 0xfee00000ull

u32 survive_msr(void);

static void check_keeps(u32 msr, u64 value, const char *name)
{
	u64 old = rdmsr(msr);

	wrmsr(msr, value);
	check_eq(rdmsr(msr), value, "%s keeps what is written", name);
	wrmsr(msr, old);
}

static void try_rdmsr(u32 msr)
{
	u64 a = 0, d = 0;

	TRY("rdmsr", : "+a"(a), "+d"(d) : "c"(msr) : "r11", "memory");
}

static void try_wrmsr(u32 msr, u64 value)
{
	TRY("wrmsr", : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "r11", "memory");
}

static void check_known(void)
{
	u64 efer = rdmsr(MSR_EFER);

	check_eq(efer & (EFER_LMA | EFER_LME), EFER_LMA | EFER_LME, "EFER has LMA and LME");
	wrmsr(MSR_EFER, efer | EFER_SCE);
	check_eq(rdmsr(MSR_EFER), efer | EFER_SCE, "EFER.SCE can be set");
	wrmsr(MSR_EFER, efer & ~EFER_SCE);
	check_eq(rdmsr(MSR_EFER), efer & ~EFER_SCE, "EFER.SCE can be cleared");
	wrmsr(MSR_EFER, efer);
	check_keeps(MSR_PAT, 0x0007010600070106, "PAT");
	check_keeps(MSR_FS_BASE, 0x00007f1234567000, "FS base");
	check_keeps(MSR_GS_BASE, 0xffff888012345000, "GS base");
	check_keeps(MSR_KERNEL_GS_BASE, 0xffffffff81234567, "kernel GS base");
	check_keeps(MSR_STAR, 0x0023001000000000, "STAR");
	check_keeps(MSR_LSTAR, 0xffffffff81800000, "LSTAR");
	check_keeps(MSR_CSTAR, 0xffffffff81900000, "CSTAR");
	check_keeps(MSR_FMASK, 0x47700, "FMASK");
	check_keeps(MSR_SYSENTER_CS, 0x10, "SYSENTER_CS");
	check_keeps(MSR_SYSENTER_ESP, 0xffff888000001000, "SYSENTER_ESP");
	check_keeps(MSR_SYSENTER_EIP, 0xffffffff81a00000, "SYSENTER_EIP");
	check_eq(survive_msr(), 0, "RDMSR changes no other register");
}

static void check_bases(void)
{
	u64 base = rdmsr(MSR_APIC_BASE), low, high, tsc;
	u64 seeded_a = ~0ull, seeded_d = ~0ull;

	check_eq(base & ~0xfffull, APIC_BASE_DEFAULT, "APIC_BASE is FEE00000");
	check(base & APIC_BASE_EN, "APIC_BASE: enabled");
	check(base & APIC_BASE_BSP, "APIC_BASE: this is the bootstrap processor");
	low = rdtsc();
	tsc = rdmsr(MSR_TSC);
	high = rdtsc();
	if (tsc == 0 && !in_partition())
		check_skip("QEMU's TCG reads 0", "the TSC reads the same as an MSR");
	else
		check(low <= tsc && tsc <= high, "the TSC reads the same as an MSR");
	asm volatile("rdmsr"
		     : "+a"(seeded_a), "+d"(seeded_d)
		     : "c"(0xabcdef0000000000ull | MSR_APIC_BASE));
	check(seeded_a >> 32 == 0 && seeded_d >> 32 == 0 && (u32)seeded_a == (u32)base,
	      "RDMSR takes ECX alone and clears the upper halves of RAX and RDX");
	if (cpuid(1, 0).edx & CPUID1_EDX_MTRR) {
		try_rdmsr(MSR_MTRR_CAP);
		check_no_fault("MTRRCAP can be read");
		try_rdmsr(MSR_MTRR_DEF_TYPE);
		check_no_fault("MTRR default type can be read");
	}
}

static void check_swapgs(void)
{
	wrmsr(MSR_GS_BASE, 0x1000);
	wrmsr(MSR_KERNEL_GS_BASE, 0x2000);
	asm volatile("swapgs" : : : "memory");
	check(rdmsr(MSR_GS_BASE) == 0x2000 && rdmsr(MSR_KERNEL_GS_BASE) == 0x1000,
	      "SWAPGS exchanges the two GS bases");
	wrmsr(MSR_GS_BASE, 0);
	wrmsr(MSR_KERNEL_GS_BASE, 0);
}

/* Emulators are lenient here (QEMU's TCG reads 0, so does Bochs); a partition must not be. */
static void check_unknown(void)
{
	if (!in_partition()) {
		check_skip("not in a partition", "#GP for an unknown MSR");
		return;
	}
	try_rdmsr(MSR_UNKNOWN);
	check_fault(VEC_GP, 0, "RDMSR of an unknown MSR");
	try_wrmsr(MSR_UNKNOWN, 1);
	check_fault(VEC_GP, 0, "WRMSR of an unknown MSR");
	try_rdmsr(MSR_UNKNOWN2);
	check_fault(VEC_GP, 0, "RDMSR of an unknown MSR in the AMD range");
	try_wrmsr(MSR_EFER, rdmsr(MSR_EFER) | 1ull << 32);
	check_fault(VEC_GP, 0, "WRMSR of a reserved bit of EFER");
	try_wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~EFER_LME);
	check_fault(VEC_GP, 0, "WRMSR that clears EFER.LME while paging is on");
	try_wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 1);
	check_fault(VEC_GP, 0, "WRMSR of a reserved bit of APIC_BASE");
}

void exits_msr(void)
{
	check_known();
	check_bases();
	check_swapgs();
	check_unknown();
}
