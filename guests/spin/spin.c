/*
 * spin: a guest that never gives up its processor. Whoever shares the processor with it sees
 * whether the kernel preempts guests; the monitor's `stop` must end it at any moment. With
 * `irq=off` it spins with interrupts disabled, which must make no difference to its host.
 */
#include "lib.h"

void guest_main(u32 mb_magic, u32 mb_info)
{
	(void)mb_magic;
	(void)mb_info;
	print("spin: busy for ever\n");
	if (!cmdline_is("irq", "off"))
		irq_on();
	for (;;)
		asm volatile("");
}
