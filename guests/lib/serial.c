/* COM1, a 16550: polled output at 115200 8N1 (National Semiconductor PC16550D data sheet). */
#include "lib.h"

#define LCR_8N1 0x03
#define LCR_DLAB 0x80
#define FCR_ENABLE 0x07 /* FIFOs on, both cleared */
#define MCR_DTR_RTS 0x03
#define MCR_OUT2 0x08 /* connects the interrupt to the PC's IRQ line */
#define LSR_THRE 0x20

void serial_init(void)
{
	outb(COM1 + UART_IER, 0);
	outb(COM1 + UART_LCR, LCR_8N1 | LCR_DLAB);
	outb(COM1 + 0, 1); /* divisor 1: 115200 baud */
	outb(COM1 + 1, 0);
	outb(COM1 + UART_LCR, LCR_8N1); /* without it Bochs cuts characters to 5 bits */
	outb(COM1 + UART_FCR, FCR_ENABLE);
	outb(COM1 + UART_MCR, MCR_DTR_RTS);
}

void serial_interrupt(u8 causes)
{
	outb(COM1 + UART_MCR, MCR_DTR_RTS | (causes ? MCR_OUT2 : 0));
	outb(COM1 + UART_IER, causes);
}

void serial_putc(char c)
{
	if (c == '\n')
		serial_putc('\r');
	/* Bounded: a console that is never ready must not hang the guest. */
	for (u32 tries = 0; tries < 1000000; tries++)
		if (inb(COM1 + UART_LSR) & LSR_THRE)
			break;
	outb(COM1 + UART_THR, (u8)c);
}
