/*
 * triplefault: an exception, with no handler for it, nor for the double fault that follows. The
 * processor enters the shutdown state (SDM 3A 6.15, interrupt 8), which a PC answers with a reset
 * and Partita with the end of the partition: `partita: triplefault stopped: triple fault`.
 */
#include "lib.h"

void guest_main(u32 mb_magic, u32 mb_info)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) empty = { 0, 0 };

	(void)mb_magic;
	(void)mb_info;
	print("triplefault: an INT3 with an empty IDT comes now\n");
	asm volatile("lidt %0\n\tint3" : : "m"(empty));
	check(false, "unreachable: INT3 without an IDT returned");
}
