/*
 * echo: reads lines from COM1 and prints each one as `echo: TEXT`; the line `quit` ends it with a
 * verdict. `mode=poll` (default) asks the line status register, `mode=irq` sleeps until the
 * receiver's interrupt on IRQ 4, through the 8259 and its virtual wire to the local APIC.
 */
#include "irq.h"
#include "trap.h"

#define LSR_DATA_READY 0x01
#define LSR_OVERRUN 0x02

static volatile char ring[256];
static volatile u32 ring_in, ring_out, overruns, interrupts;

static void receive_all(void)
{
	u8 status;

	while ((status = inb(COM1 + UART_LSR)) & LSR_DATA_READY) {
		if (status & LSR_OVERRUN)
			overruns++;
		ring[ring_in++ % sizeof(ring)] = (char)inb(COM1 + UART_THR);
	}
}

static void on_com1(struct trap_frame *frame)
{
	(void)frame;
	interrupts++;
	(void)inb(COM1 + UART_IIR);
	receive_all();
	pic_eoi(IRQ_COM1);
}

static void start_irq(void)
{
	pic_init();
	lapic_init();
	trap_set_handler(PIC_BASE + IRQ_COM1, on_com1);
	serial_interrupt(SERIAL_RECEIVED);
	pic_unmask(IRQ_COM1);
}

static char get_char(bool by_irq)
{
	while (ring_in == ring_out) {
		if (!by_irq) {
			receive_all();
			continue;
		}
		irq_off();
		if (ring_in == ring_out)
			irq_on_and_halt();
		irq_off();
	}
	return ring[ring_out++ % sizeof(ring)];
}

static void get_line(char *line, size_t size, bool by_irq)
{
	size_t n = 0;
	char c;

	while ((c = get_char(by_irq)) != '\r' && c != '\n')
		if (n < size - 1)
			line[n++] = c;
	line[n] = 0;
}

void guest_main(u32 mb_magic, u32 mb_info)
{
	bool by_irq = cmdline_is("mode", "irq");
	static char line[128];

	(void)mb_magic;
	(void)mb_info;
	if (by_irq)
		start_irq();
	print("echo: ready (mode=%s)\n", by_irq ? "irq" : "poll");
	for (;;) {
		get_line(line, sizeof(line), by_irq);
		if (str_equal(line, "quit"))
			break;
		if (line[0])
			print("echo: %s\n", line);
	}
	serial_interrupt(0);
	check_eq(overruns, 0, "no character was lost");
	if (by_irq)
		check(interrupts > 0, "characters came by interrupt");
}
