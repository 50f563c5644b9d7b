/* MOV to and from control registers, CLTS, LMSW, SMSW, and what the bits do. */
#include "exits.h"

u64 read_cr3_by_rsp(void);

static u8 page[PAGE_SIZE] __attribute__((aligned(4096)));

#define TRY_MOV_CR(number, value) \
	TRY("movq %0, %%cr" #number, : : "r"((u64)(value)) : "r11", "memory")

static void check_cr0(void)
{
	u64 cr0 = read_cr0();

	write_cr0(cr0 | CR0_TS | CR0_AM);
	check_eq(read_cr0(), cr0 | CR0_TS | CR0_AM, "CR0.TS and CR0.AM can be set");
	asm volatile("clts" : : : "memory");
	check_eq(read_cr0(), cr0 | CR0_AM, "CLTS clears CR0.TS alone");
	write_cr0(cr0 ^ CR0_NE);
	check_eq(read_cr0(), cr0 ^ CR0_NE, "CR0.NE reads as written");
	write_cr0(cr0 | CR0_CD);
	check_eq(read_cr0(), cr0 | CR0_CD, "CR0.CD can be set");
	write_cr0(cr0);
	check_eq(read_cr0(), cr0, "CR0 is back");
	write_cr0(cr0 & ~CR0_ET);
	check_eq(read_cr0(), cr0, "CR0.ET is always 1");
}

static void check_msw(void)
{
	u64 cr0 = read_cr0(), value = ~0ull;

	asm volatile("smsw %0" : "=r"(value));
	check_eq(value & 0xffff, cr0 & 0xffff, "SMSW reads the low word");
	asm volatile("lmsw %w0" : : "r"(cr0 | CR0_TS | CR0_MP) : "memory");
	check_eq(read_cr0(), cr0 | CR0_TS | CR0_MP, "LMSW sets TS and MP");
	asm volatile("lmsw %w0" : : "r"(0) : "memory");
	check_eq(read_cr0(), (cr0 | CR0_PE) & ~(CR0_TS | CR0_MP | CR0_EM),
		 "LMSW clears them but not PE");
	write_cr0(cr0);
}

/* With CD set, since a monitor may keep it from the processor and must then answer itself. */
static void check_msw_memory(void)
{
	u64 cr0 = read_cr0();
	u16 word[2] = { 0, 0x5a5a };
	const u16 task_switched = (u16)(cr0 | CR0_TS);

	write_cr0(cr0 | CR0_CD);
	asm volatile("smsw %0" : "=m"(word[0]) : : "memory");
	check_eq(word[0], cr0 & 0xffff, "SMSW to memory stores the low word");
	check_eq(word[1], 0x5a5a, "SMSW to memory stores no more");
	asm volatile("lmsw %0" : : "m"(task_switched) : "memory");
	check_eq(read_cr0(), cr0 | CR0_CD | CR0_TS, "LMSW from memory");
	TRY("smsw (%0)", : : "r"(window_map(0, 0)) : "r11", "memory");
	check_fault(VEC_PF, PF_WRITE, "SMSW to a page that is not there");
	TRY("lmsw (%0)", : : "r"(window_map(0, 0)) : "r11", "memory");
	check_fault(VEC_PF, 0, "LMSW from a page that is not there");
	write_cr0(cr0);
}

static void check_cr0_faults(void)
{
	u64 cr0 = read_cr0();

	if (on_bare_tcg()) {
		check_skip("QEMU's TCG does not check", "CR0 with reserved bits");
		return;
	}
	TRY_MOV_CR(0, cr0 | 1ull << 32);
	check_fault(VEC_GP, 0, "CR0 with a reserved upper bit");
	TRY_MOV_CR(0, cr0 & ~CR0_PE);
	check_fault(VEC_GP, 0, "CR0 with PG and without PE");
	TRY_MOV_CR(0, (cr0 | CR0_NW) & ~CR0_CD);
	check_fault(VEC_GP, 0, "CR0 with NW and without CD");
	check_eq(read_cr0(), cr0, "a MOV that faults changes nothing");
}

static void check_wp(void)
{
	u64 cr0 = read_cr0();
	volatile u8 *at = window_map(0, (u64)page | PTE_PRESENT);

	TRY("movb $1, (%0)", : : "r"(at) : "r11", "memory");
	check_fault(VEC_PF, PF_PRESENT | PF_WRITE, "CR0.WP = 1: no write to a read-only page");
	write_cr0(cr0 & ~CR0_WP);
	TRY("movb $2, (%0)", : : "r"(at) : "r11", "memory");
	write_cr0(cr0);
	check(fault.vector == VEC_NONE && page[0] == 2, "CR0.WP = 0: the kernel may write it");
	TRY("movb $3, (%0)", : : "r"(at) : "r11", "memory");
	check_fault(VEC_PF, PF_PRESENT | PF_WRITE, "CR0.WP = 1 again: and again not");
}

static void check_cr3(void)
{
	u64 cr3 = read_cr3(), value;

	write_cr3(cr3);
	check_eq(read_cr3(), cr3, "CR3 reads as written");
	write_cr3(cr3 | PTE_UNCACHED);
	check_eq(read_cr3(), cr3 | PTE_UNCACHED, "CR3 keeps PWT and PCD");
	write_cr3(cr3);
	asm volatile("movq %%cr3, %%r15\n\tmovq %%r15, %0" : "=r"(value) : : "r15");
	check_eq(value, cr3, "MOV R15, CR3");
	asm volatile("movq %%rbp, %%r8\n\t"
		     "movq %%cr3, %%rbp\n\t"
		     "movq %%rbp, %0\n\t"
		     "movq %%r8, %%rbp"
		     : "=a"(value)
		     :
		     : "r8", "memory");
	check_eq(value, cr3, "MOV RBP, CR3");
	check_eq(read_cr3_by_rsp(), cr3, "MOV RSP, CR3");
	asm volatile("movq %0, %%r9\n\tmovq %%r9, %%cr3" : : "r"(cr3) : "r9", "memory");
	check_eq(read_cr3(), cr3, "MOV CR3, R9");
}

static void check_cr4_faults(u64 cr4)
{
	/* TCG answers a reserved bit with an exit of the SVM guest, and hangs if there is none. */
	if (on_bare_tcg()) {
		check_skip("QEMU's TCG hangs", "CR4 with reserved bits");
		return;
	}
	TRY_MOV_CR(4, cr4 | 1ull << 63);
	check_fault(VEC_GP, 0, "CR4 with reserved bit 63");
	TRY_MOV_CR(4, cr4 | 1ull << 31);
	check_fault(VEC_GP, 0, "CR4 with reserved bit 31");
	TRY_MOV_CR(4, cr4 & ~CR4_PAE);
	check_fault(VEC_GP, 0, "CR4 without PAE in long mode");
	if (cpuid(1, 0).ecx & CPUID1_ECX_VMX) {
		check_skip("CPUID offers VMX", "CR4.VMXE without VMX");
	} else {
		TRY_MOV_CR(4, cr4 | CR4_VMXE);
		check_fault(VEC_GP, 0, "CR4.VMXE without VMX");
	}
}

static void check_cr4(void)
{
	u64 cr4 = read_cr4(), bits = CR4_PGE | CR4_DE | CR4_PCE | CR4_OSFXSR;

	write_cr4(cr4 | bits);
	check_eq(read_cr4(), cr4 | bits, "CR4: PGE, DE, PCE and OSFXSR can be set");
	write_cr4(cr4 & ~bits);
	check_eq(read_cr4(), cr4 & ~bits, "CR4: and cleared");
	write_cr4(cr4);
	check(!(read_cr4() & CR4_VMXE), "CR4.VMXE reads as 0");
	check_cr4_faults(cr4);
	check_eq(read_cr4(), cr4, "CR4 is as before");
}

static void check_cr8(void)
{
	u64 value;

	for (u64 tpr = 0; tpr < 16; tpr += 5) {
		write_cr8(tpr);
		check(read_cr8() == tpr && lapic_read(LAPIC_TPR) >> 4 == tpr,
		      "CR8 = %llu is the local APIC's task priority", tpr);
	}
	lapic_write(LAPIC_TPR, 0x70);
	asm volatile("movq %%cr8, %%r14\n\tmovq %%r14, %0" : "=r"(value) : : "r14");
	check_eq(value, 7, "the local APIC's task priority is CR8");
	TRY_MOV_CR(8, 16);
	check_fault_or_lax(VEC_GP, 0, "CR8 with a reserved bit");
	write_cr8(0);
}

static void check_unknown(void)
{
	u64 value = 0;

	TRY("movq %%cr8, %0", : "+r"(value) : : "r11", "memory");
	check_no_fault("MOV from CR8");
	TRY(".byte 0x0f, 0x20, 0xc8", : "+a"(value) : : "r11", "memory"); /* mov rax, cr1 */
	check_fault(VEC_UD, 0, "MOV from CR1");
	TRY(".byte 0x0f, 0x22, 0xe8", : : "a"(value) : "r11", "memory"); /* mov cr5, rax */
	check_fault(VEC_UD, 0, "MOV to CR5");
}

void exits_cr(void)
{
	check_cr0();
	check_msw();
	check_msw_memory();
	check_cr0_faults();
	check_wp();
	check_cr3();
	check_cr4();
	check_cr8();
	check_unknown();
}
