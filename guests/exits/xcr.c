/* XGETBV and XSETBV (SDM 1, 13.3): which state components the guest turned on. */
#include "exits.h"

#define XCR0_X87 1
#define XCR0_SSE 2
#define XCR0_AVX 4

static u64 xgetbv(u32 index)
{
	u32 low, high;

	asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(index));
	return (u64)high << 32 | low;
}

static void try_xsetbv(u32 index, u64 value)
{
	TRY("xsetbv", : : "c"(index), "a"((u32)value), "d"((u32)(value >> 32)) : "r11", "memory");
}

static void check_valid(u64 offered)
{
	check(xgetbv(0) & XCR0_X87, "XCR0 has x87");
	try_xsetbv(0, XCR0_X87);
	check(fault.vector == VEC_NONE && xgetbv(0) == XCR0_X87, "XCR0 = x87");
	try_xsetbv(0, XCR0_X87 | XCR0_SSE);
	check(fault.vector == VEC_NONE && xgetbv(0) == 3, "XCR0 = x87, SSE");
	check_eq(cpuid(0xd, 0).ebx, 576, "CPUID.D: the area for x87 and SSE has 576 bytes");
	if (!(offered & XCR0_AVX)) {
		check_skip("no AVX", "XCR0 = x87, SSE, AVX");
		return;
	}
	try_xsetbv(0, 7);
	check(fault.vector == VEC_NONE && xgetbv(0) == 7, "XCR0 = x87, SSE, AVX");
	check(cpuid(0xd, 0).ebx > 576, "CPUID.D: the area grows with AVX");
}

static void check_invalid(u64 offered)
{
	u64 before = xgetbv(0);

	try_xsetbv(0, 0);
	check_fault(VEC_GP, 0, "XCR0 without x87");
	try_xsetbv(0, XCR0_SSE);
	check_fault(VEC_GP, 0, "XCR0 with SSE and without x87");
	if (offered & XCR0_AVX) {
		try_xsetbv(0, XCR0_X87 | XCR0_AVX);
		check_fault(VEC_GP, 0, "XCR0 with AVX and without SSE");
	}
	try_xsetbv(0, XCR0_X87 | 1ull << 62);
	check_fault(VEC_GP, 0, "XCR0 with a component that does not exist");
	try_xsetbv(5, XCR0_X87);
	check_fault(VEC_GP, 0, "XSETBV of a register that does not exist");
	check_eq(xgetbv(0), before, "none of these changed XCR0");
}

void exits_xcr(void)
{
	u64 cr4 = read_cr4(), old;
	struct cpuid id;

	if (!(cpuid(1, 0).ecx & CPUID1_ECX_XSAVE)) {
		check_skip("no XSAVE", "XGETBV and XSETBV");
		return;
	}
	id = cpuid(0xd, 0);
	write_cr4(cr4 & ~CR4_OSXSAVE);
	check(!(cpuid(1, 0).ecx & CPUID1_ECX_OSXSAVE), "CPUID.1: OSXSAVE follows CR4 (0)");
	TRY("xgetbv", : : "c"(0) : "rax", "rdx", "r11", "memory");
	check_fault(VEC_UD, 0, "XGETBV without CR4.OSXSAVE");
	try_xsetbv(0, XCR0_X87);
	check_fault(VEC_UD, 0, "XSETBV without CR4.OSXSAVE");
	write_cr4(cr4 | CR4_OSXSAVE);
	check(cpuid(1, 0).ecx & CPUID1_ECX_OSXSAVE, "CPUID.1: OSXSAVE follows CR4 (1)");
	old = xgetbv(0);
	check_valid((u64)id.edx << 32 | id.eax);
	check_invalid((u64)id.edx << 32 | id.eax);
	try_xsetbv(0, old);
	write_cr4(cr4);
}
