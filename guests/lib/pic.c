/* The two 8259 interrupt controllers of a PC (Intel 8259A data sheet). */
#include "irq.h"

#define PIC1 0x20
#define PIC2 0xa0
#define ICW1_INIT 0x11 /* edge triggered, cascade, ICW4 follows */
#define ICW4_8086 0x01
#define OCW2_EOI 0x20
#define OCW3_READ_IRR 0x0a
#define OCW3_READ_ISR 0x0b
#define IRQ_CASCADE 2

void pic_init(void)
{
	outb(PIC1, ICW1_INIT);
	outb(PIC1 + 1, PIC_BASE);
	outb(PIC1 + 1, 1 << IRQ_CASCADE);
	outb(PIC1 + 1, ICW4_8086);
	outb(PIC2, ICW1_INIT);
	outb(PIC2 + 1, PIC_BASE + 8);
	outb(PIC2 + 1, IRQ_CASCADE);
	outb(PIC2 + 1, ICW4_8086);
	pic_mask_all();
}

void pic_mask_all(void)
{
	outb(PIC1 + 1, 0xff);
	outb(PIC2 + 1, 0xff);
}

void pic_unmask(u32 irq)
{
	if (irq >= 8) {
		outb(PIC2 + 1, (u8)(inb(PIC2 + 1) & ~(1u << (irq - 8))));
		irq = IRQ_CASCADE;
	}
	outb(PIC1 + 1, (u8)(inb(PIC1 + 1) & ~(1u << irq)));
}

void pic_mask(u32 irq)
{
	u16 port = irq >= 8 ? PIC2 + 1 : PIC1 + 1;

	outb(port, (u8)(inb(port) | 1u << (irq & 7)));
}

void pic_eoi(u32 irq)
{
	if (irq >= 8)
		outb(PIC2, OCW2_EOI);
	outb(PIC1, OCW2_EOI);
}

static u16 pic_read(u8 ocw3)
{
	outb(PIC1, ocw3);
	outb(PIC2, ocw3);
	return (u16)(inb(PIC1) | inb(PIC2) << 8);
}

u16 pic_irr(void)
{
	return pic_read(OCW3_READ_IRR);
}

u16 pic_isr(void)
{
	return pic_read(OCW3_READ_ISR);
}
