#include "drivers/pit.h"
#include "x86/insn.h"

#define PIT_CHANNEL0 0x40
#define PIT_CHANNEL2 0x42
#define PIT_COMMAND 0x43
#define COMMAND_CHANNEL0_MODE0 0x30 /* both bytes, interrupt on terminal count, binary */
#define COMMAND_CHANNEL0_MODE2 0x34 /* both bytes, rate generator, binary */
#define COMMAND_CHANNEL2_MODE0 0xb0 /* both bytes, interrupt on terminal count, binary */
#define COMMAND_LATCH_CHANNEL2 0x80
#define PORT_B 0x61
#define PORT_B_GATE2 0x01
#define PORT_B_SPEAKER 0x02

void pit_start(void)
{
	u8 port_b = x86_inb(PORT_B) & ~(PORT_B_GATE2 | PORT_B_SPEAKER);

	x86_outb(PORT_B, port_b);
	x86_outb(PIT_COMMAND, COMMAND_CHANNEL2_MODE0);
	x86_outb(PIT_CHANNEL2, 0xff);
	x86_outb(PIT_CHANNEL2, 0xff);
	x86_outb(PORT_B, port_b | PORT_B_GATE2);
}

u16 pit_read(void)
{
	u8 low;

	x86_outb(PIT_COMMAND, COMMAND_LATCH_CHANNEL2);
	low = x86_inb(PIT_CHANNEL2);
	return (u16)(x86_inb(PIT_CHANNEL2) << 8 | low);
}

void pit_periodic(unsigned hz)
{
	u16 count = (u16)(PIT_HZ / hz);

	x86_outb(PIT_COMMAND, COMMAND_CHANNEL0_MODE2);
	x86_outb(PIT_CHANNEL0, (u8)count);
	x86_outb(PIT_CHANNEL0, (u8)(count >> 8));
}

void pit_off(void)
{
	x86_outb(PIT_COMMAND, COMMAND_CHANNEL0_MODE0); /* waits for a count that never comes */
}
