/*
 * reset: the ways in which software resets a PC. The command line chooses:
 *	how=8042	keyboard controller, pulse output line 0 (default)
 *	how=cf9		reset control register of the PCI chip set
 *	how=port92	fast reset in system control port A
 *	how=triple	shutdown of the processor
 * Memory does not survive, so this guest resets for ever where nobody says `on-reset = stop`.
 */
#include "irq.h"

#define I8042_COMMAND 0x64
#define I8042_PULSE_0 0xfe
#define RESET_CONTROL 0xcf9
#define RESET_HARD 0x02 /* kind of reset, chosen before the bit that starts it */
#define RESET_NOW 0x04
#define PORT_A 0x92
#define PORT_A_RESET 0x01

static void reset_by_shutdown(void)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) empty = { 0, 0 };

	asm volatile("lidt %0\n\tint3" : : "m"(empty));
}

void guest_main(u32 mb_magic, u32 mb_info)
{
	char how[16];

	(void)mb_magic;
	(void)mb_info;
	if (!cmdline_get("how", how, sizeof(how)))
		memcpy(how, "8042", 5);
	tsc_per_ms();
	print("reset: how=%s\n", how);
	if (str_equal(how, "8042")) {
		outb(I8042_COMMAND, I8042_PULSE_0);
	} else if (str_equal(how, "cf9")) {
		outb(RESET_CONTROL, RESET_HARD);
		outb(RESET_CONTROL, RESET_HARD | RESET_NOW);
	} else if (str_equal(how, "port92")) {
		outb(PORT_A, (u8)(inb(PORT_A) & ~PORT_A_RESET));
		outb(PORT_A, inb(PORT_A) | PORT_A_RESET);
	} else if (str_equal(how, "triple")) {
		reset_by_shutdown();
	} else {
		print("reset: no such way\n");
	}
	spin_ms(1000); /* the reset may take its time */
	check(false, "unreachable: the machine did not reset");
}
