/*
 * halt: a guest that sleeps for ever and must cost its host nothing.
 *	how=cli		HLT with interrupts disabled: nothing can wake it (default)
 *	how=sti		HLT with interrupts enabled, but every source masked
 */
#include "irq.h"

void guest_main(u32 mb_magic, u32 mb_info)
{
	bool sti = cmdline_is("how", "sti");

	(void)mb_magic;
	(void)mb_info;
	pic_init();
	lapic_init();
	pit_stop(); /* firmware leaves it ticking, 18 times a second, masked or not */
	print("halt: how=%s\n", sti ? "sti" : "cli");
	for (;;) {
		if (sti)
			irq_on_and_halt();
		else
			asm volatile("cli\n\thlt" : : : "memory");
		print("halt: woken\n");
	}
}
