/* Intel 8259A data sheet, "Initialization command words". */
#include "drivers/pic.h"
#include "x86/insn.h"

#define PIC1_COMMAND 0x20
#define PIC1_DATA 0x21
#define PIC2_COMMAND 0xa0
#define PIC2_DATA 0xa1
#define ICW1_INIT_ICW4 0x11
#define ICW3_MASTER 0x04 /* the slave is on line 2 */
#define ICW3_SLAVE 0x02
#define ICW4_8086 0x01
#define MASK_ALL 0xff

void pic_disable(u8 vector_base)
{
	x86_outb(PIC1_COMMAND, ICW1_INIT_ICW4);
	x86_outb(PIC2_COMMAND, ICW1_INIT_ICW4);
	x86_outb(PIC1_DATA, vector_base);
	x86_outb(PIC2_DATA, vector_base + 8);
	x86_outb(PIC1_DATA, ICW3_MASTER);
	x86_outb(PIC2_DATA, ICW3_SLAVE);
	x86_outb(PIC1_DATA, ICW4_8086);
	x86_outb(PIC2_DATA, ICW4_8086);
	x86_outb(PIC1_DATA, MASK_ALL);
	x86_outb(PIC2_DATA, MASK_ALL);
}
