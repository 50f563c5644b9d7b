/*
 * hello32: the smallest kernel a Multiboot 1 loader starts. It stays in 32-bit protected mode
 * without paging, where the loader put it, and prints what the loader handed over.
 */
#include "hello.h"

void guest_main(u32 mb_magic, u32 mb_info)
{
	print("hello32: 32-bit protected mode, started by Multiboot 1\n");
	hello_check_entry();
	check_eq(read_cr0() & (CR0_PE | CR0_PG), CR0_PE, "CR0 has PE and not PG");
	check_eq(sizeof(void *), 4, "pointers have 32 bits");
	hello_check_mb1(mb_magic, phys(mb_info));
}
