/* Channel 0 of the 8254 timer (Intel 8254 data sheet), the one on IRQ 0. */
#include "irq.h"

#define PIT_CHANNEL0 0x40
#define PIT_CONTROL 0x43
#define PIT_LOW_HIGH 0x30
#define PIT_LATCH_0 0x00
#define PIT_READ_STATUS_0 0xe2 /* read-back command: status only, channel 0 */

void pit_start(enum pit_mode mode, u16 count)
{
	outb(PIT_CONTROL, (u8)(PIT_LOW_HIGH | (u32)mode << 1));
	outb(PIT_CHANNEL0, (u8)count);
	outb(PIT_CHANNEL0, (u8)(count >> 8));
}

/* There is no off switch; a control word without a count stops the channel. */
void pit_stop(void)
{
	outb(PIT_CONTROL, PIT_LOW_HIGH | PIT_ONE_SHOT << 1);
}

u16 pit_read(void)
{
	u8 low;

	outb(PIT_CONTROL, PIT_LATCH_0);
	low = inb(PIT_CHANNEL0);
	return (u16)(low | inb(PIT_CHANNEL0) << 8);
}

/* Bit 7 is the OUT pin, bit 6 says that the count is not loaded yet. */
u8 pit_status(void)
{
	outb(PIT_CONTROL, PIT_READ_STATUS_0);
	return inb(PIT_CHANNEL0);
}
