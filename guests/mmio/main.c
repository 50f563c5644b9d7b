/*
 * mmio: a device's registers in memory. Every access leaves to the monitor, which must find out
 * what the instruction was, do it, and leave the registers and flags as the processor would.
 *
 * The processor itself is the oracle: each instruction runs first on RAM and then, at the same
 * virtual address with the same registers, on a device; the results must be equal. The device is
 * the initial count of the local APIC's timer, 32 bits that read as written, or unmapped memory,
 * which reads as one value and ignores writes. `rare=yes` adds instructions no driver uses.
 */
#include "mmio.h"

void guest_main(u32 mb_magic, u32 mb_info)
{
	(void)mb_magic;
	(void)mb_info;
	print("mmio: %s\n", in_partition() ? "in a partition" : "not in a partition");
	window_init();
	lapic_init();
	lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
	mmio_check_ioapic();
	mmio_check_lapic();
	mmio_check_rewritten();
	mmio_check_ops("mov", mov_ops);
	mmio_check_ops("alu", alu_ops);
	mmio_check_ops("string", string_ops);
	if (cmdline_is("rare", "yes"))
		mmio_check_ops("rare", rare_ops);
	lapic_write(LAPIC_TIMER_INITIAL, 0);
}
