/*
 * hello64: started by Multiboot 1 in 32-bit mode, it goes to long mode by itself (lib/start.asm)
 * and prints what the loader handed over.
 */
#include "hello.h"

void guest_main(u32 mb_magic, u32 mb_info)
{
	u64 wide = 0x123456789abcdef0;

	print("hello64: long mode, started by Multiboot 1\n");
	hello_check_entry();
	check_eq(rdmsr(MSR_EFER) & (EFER_LME | EFER_LMA), EFER_LME | EFER_LMA,
		 "EFER has LME and LMA");
	check(read_cr4() & CR4_PAE, "CR4 has PAE");
	check(read_cr0() & CR0_PG, "CR0 has PG");
	asm volatile("bswap %0" : "+r"(wide));
	check_eq(wide, 0xf0debc9a78563412, "registers have 64 bits");
	hello_check_mb1(mb_magic, phys(mb_info));
}
