/* Exceptions raised and handled inside the guest (SDM 3A chapter 6). */
#include "exits.h"

#define SELECTOR_ABSENT 0x18 /* start.asm's data segment with P = 0 */
#define SELECTOR_OUTSIDE 0x1238

static u8 page[PAGE_SIZE] __attribute__((aligned(4096)));
static volatile u32 bp_count;
static volatile u64 bp_rip;

static void check_simple(void)
{
	u64 a = 1, d = 0, here;

	TRY("leaq 1f(%%rip), %1\n1:\tdivl %k2",
	    : "+a"(a), "=&r"(here), "+d"(d)
	    :
	    : "r11", "memory", "cc");
	check_fault(VEC_DE, 0, "#DE: division by 0");
	check_eq(fault.rip, here, "#DE: RIP is the instruction's");
	TRY("leaq 1f(%%rip), %0\n1:\tud2", : "=&r"(here) : : "r11", "memory");
	check_fault(VEC_UD, 0, "#UD: UD2");
	check_eq(fault.rip, here, "#UD: RIP is the instruction's");
	TRY("movw %w0, %%ds", : : "r"(SELECTOR_OUTSIDE) : "r11", "memory");
	check_fault(VEC_GP, SELECTOR_OUTSIDE, "#GP: a selector outside the GDT");
	TRY("movw %w0, %%ds", : : "r"(SELECTOR_ABSENT) : "r11", "memory");
	check_fault(VEC_NP, SELECTOR_ABSENT, "#NP: a segment that is not present");
	TRY("movq (%0), %%rax", : : "r"(0x8000000000000000) : "rax", "r11", "memory");
	check_fault(VEC_GP, 0, "#GP: an address that is not canonical");
}

static void check_nm(void)
{
	write_cr0(read_cr0() | CR0_TS);
	TRY("fnop", : : : "r11", "memory");
	check_fault(VEC_NM, 0, "#NM: x87 with CR0.TS");
	asm volatile("clts" : : : "memory");
	write_cr0(read_cr0() & ~(ulong)CR0_EM);
	TRY("fninit\n\tfnop", : : : "r11", "memory");
	check_no_fault("x87 after CLTS");
}

static void check_page_faults(void)
{
	volatile u8 *at = window_map(0, 0);

	TRY("movb 5(%0), %%al", : : "r"(at) : "rax", "r11", "memory");
	check_fault(VEC_PF, 0, "#PF: read, not present");
	check_eq(fault.cr2, (u64)at + 5, "#PF: CR2 is the address read");
	TRY("movb %%al, 4095(%0)", : : "r"(at) : "r11", "memory");
	check_fault(VEC_PF, PF_WRITE, "#PF: write, not present");
	check_eq(fault.cr2, (u64)at + 4095, "#PF: CR2 is the address written");
	window_map(0, (u64)page | PTE_PRESENT);
	TRY("incb 7(%0)", : : "r"(at) : "r11", "memory", "cc");
	check_fault(VEC_PF, PF_PRESENT | PF_WRITE, "#PF: write, read-only");
	TRY("jmp *%0", : : "r"(window_map(0, 0)) : "r11", "memory");
	check_fault(VEC_PF, rdmsr(MSR_EFER) & EFER_NXE ? PF_FETCH : 0, "#PF: fetch, not present");
	check_eq(fault.cr2, (u64)at, "#PF: CR2 is the address fetched");
	check_eq(fault.rip, (u64)at, "#PF: and so is RIP");
	page[0] = 0xc3;
	window_map(0, (u64)page | PTE_PRESENT | PTE_NX);
	TRY("jmp *%0", : : "r"(at) : "r11", "memory");
	check_fault(VEC_PF, PF_PRESENT | PF_FETCH, "#PF: fetch, no-execute");
	window_map(0, (u64)page | PTE_PRESENT | 1ull << 51);
	if (cpuid(0x80000008, 0).eax % 256 > 51) {
		check_skip("52 bits of physical address", "#PF: reserved bit");
	} else {
		TRY("movb (%0), %%al", : : "r"(at) : "rax", "r11", "memory");
		/* QEMU's TCG leaves out the P bit beside it */
		check(fault.vector == VEC_PF && (fault.error & PF_RSVD),
		      "#PF: a reserved bit in the entry");
	}
	window_map(0, 0);
}

static void on_breakpoint(struct trap_frame *frame)
{
	bp_count++;
	bp_rip = frame->rip;
}

static void check_software(void)
{
	u64 here;

	trap_set_handler(VEC_BP, on_breakpoint);
	asm volatile("int3\n1:\tleaq 1b(%%rip), %0" : "=r"(here) : : "memory");
	check(bp_count == 1 && bp_rip == here, "#BP: INT3 is a trap, RIP is behind it");
	asm volatile(".byte 0xcd, 0x03\n1:\tleaq 1b(%%rip), %0" : "=r"(here) : : "memory");
	check(bp_count == 2 && bp_rip == here, "INT 3 of two bytes");
	trap_set_handler(VEC_BP, NULL);
	trap_set_handler(0x55, on_breakpoint);
	asm volatile("int $0x55\n1:\tleaq 1b(%%rip), %0" : "=r"(here) : : "memory");
	check(bp_count == 3 && bp_rip == here, "INT 55h: a software interrupt");
	trap_set_handler(0x55, NULL);
}

/*
 * The error code should be 8 times the vector, the IDT bit, and EXT if no INT caused it (SDM 3A
 * 6.13). QEMU's TCG takes 16 times the vector and leaves out EXT: we ask for the IDT bit alone.
 */
static void check_absent_gate(const char *text)
{
	check(fault.vector == VEC_NP && (fault.error & 2), "%s", text);
}

/* A fault on the way to a handler: serially, or as a double fault (SDM 3A table 6-5). */
static void check_nested(void)
{
	u8 type = idt[VEC_UD].type;

	idt[VEC_UD].type &= 0x7f; /* clears P */
	TRY("ud2", : : : "r11", "memory");
	check_absent_gate("#NP: #UD whose gate is absent");
	idt[VEC_UD].type = type;
	idt[VEC_GP].type &= 0x7f;
	TRY("movw %w0, %%ds", : : "r"(SELECTOR_OUTSIDE) : "r11", "memory");
	check_fault(VEC_DF, 0, "#DF: #GP whose gate is absent");
	idt[VEC_GP].type = type;
	idt[0x56].type &= 0x7f;
	TRY("int $0x56", : : : "r11", "memory");
	check_absent_gate("#NP: INT 56h whose gate is absent");
	idt[0x56].type = type;
}

void exits_traps(void)
{
	check_simple();
	check_nm();
	check_page_faults();
	check_software();
	check_nested();
}
