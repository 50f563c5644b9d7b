/* CPUID: exits always on Intel, by interception on AMD. */
#include "exits.h"

u32 survive_cpuid(void);

/*
 * Prefixes have no meaning for CPUID but make it longer: a monitor that skips two bytes lands in
 * the middle of the instruction.
 */
#define CPUID_WITH(bytes, text)                                                          \
	do {                                                                             \
		u64 a_ = 0, b_, c_ = 0, d_, after_ = 0;                                  \
		TRY(".byte " bytes "0x0f, 0xa2\n\t"                                      \
		    "incq %4",                                                           \
		    : "+a"(a_), "=b"(b_), "+c"(c_), "=d"(d_), "+m"(after_)               \
		    :                                                                    \
		    : "r11", "memory", "cc");                                            \
		check(fault.vector == VEC_NONE && b_ == plain.ebx && after_ == 1, text); \
	} while (0)

static void check_prefixes(void)
{
	struct cpuid plain = cpuid(0, 0);

	CPUID_WITH("", "CPUID without prefix");
	CPUID_WITH("0x66, ", "CPUID with an operand size prefix");
	CPUID_WITH("0x67, ", "CPUID with an address size prefix");
	CPUID_WITH("0xf2, ", "CPUID with REPNE");
	CPUID_WITH("0xf3, ", "CPUID with REP");
	CPUID_WITH("0x48, ", "CPUID with REX.W");
	CPUID_WITH("0x2e, ", "CPUID with a CS prefix");
	CPUID_WITH("0x64, ", "CPUID with an FS prefix");
	CPUID_WITH("0x66, 0xf2, 0x48, ", "CPUID with three prefixes");
	CPUID_WITH("0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x4f, ",
		   "CPUID of 15 bytes");
}

static void check_page_crossing(void)
{
	static u8 code[2 * PAGE_SIZE] __attribute__((aligned(4096)));
	u8 *at = code + PAGE_SIZE - 1;
	u64 a = 0, b, c = 0, d;

	at[0] = 0x0f;
	at[1] = 0xa2;
	at[2] = 0xc3;
	/* the two bytes of the instruction lie in frames that are not neighbours in this view */
	at = window_map(0, (u64)code | PTE_PRESENT | PTE_WRITE);
	window_map(1, (u64)(code + PAGE_SIZE) | PTE_PRESENT | PTE_WRITE);
	at += PAGE_SIZE - 1;
	TRY("call *%4", : "+a"(a), "=b"(b), "+c"(c), "=d"(d) : "r"(at) : "r11", "memory", "cc");
	check(fault.vector == VEC_NONE && b == cpuid(0, 0).ebx, "CPUID across two pages");
}

static void check_leaves(void)
{
	struct cpuid id = cpuid(0, 0);
	u64 a = 0xffffffff00000000, b = ~0ull, c = 0xffffffff00000000, d = ~0ull;

	check(id.eax >= 1, "leaf 0: the highest leaf is at least 1");
	check(id.ebx && id.ecx && id.edx, "leaf 0: there is a vendor");
	id = cpuid(1, 0);
	check_eq(id.edx & (CPUID1_EDX_TSC | CPUID1_EDX_MSR | CPUID1_EDX_PAE | CPUID1_EDX_APIC),
		 CPUID1_EDX_TSC | CPUID1_EDX_MSR | CPUID1_EDX_PAE | CPUID1_EDX_APIC,
		 "leaf 1: TSC, MSR, PAE and APIC");
	check_eq(id.ebx >> 24, lapic_read(LAPIC_ID) >> 24, "leaf 1: the local APIC's number");
	check(cpuid(0x80000001, 0).edx & CPUID81_EDX_LM, "leaf 80000001: long mode");
	asm volatile("cpuid" : "+a"(a), "+b"(b), "+c"(c), "+d"(d));
	check_eq((a | b | c | d) >> 32, 0, "CPUID clears the upper halves of its registers");
	check_eq(survive_cpuid(), 0, "no other register changes");
}

static void check_hypervisor(void)
{
	struct cpuid id;

	if (!in_partition()) {
		check_skip("not in a partition", "the hypervisor leaf");
		return;
	}
	check(cpuid(1, 0).ecx & CPUID1_ECX_HYPERVISOR, "leaf 1: the hypervisor bit");
	id = cpuid(0x40000000, 0);
	check_eq(id.ebx, 0x74726150, "leaf 40000000: EBX is 'Part'");
	check_eq(id.ecx, 0x56617469, "leaf 40000000: ECX is 'itaV'");
	check_eq(id.edx, 0x00004d4d, "leaf 40000000: EDX is 'MM'");
	check(id.eax >= 0x40000000 && id.eax < 0x40010000,
	      "leaf 40000000: EAX is the highest leaf of its range");
	check(!(cpuid(1, 0).ecx & CPUID1_ECX_VMX), "leaf 1: no VMX inside");
	check(!(cpuid(0x80000001, 0).ecx & 1u << 2), "leaf 80000001: no SVM inside");
}

void exits_cpuid(void)
{
	check_leaves();
	check_prefixes();
	check_page_crossing();
	check_hypervisor();
}
