/* The 16550 UART of COM1. National PC16550D data sheet; the numbers of the tables are its. */
#include "drivers/uart.h"
#include "error.h"
#include "kernel/irq.h"
#include "lib/spinlock.h"
#include "x86/insn.h"

#define COM1 0x3f8
#define COM1_IRQ 4

/* Registers by their offset; some depend on the direction, or on LCR_DLAB. */
enum { RBR = 0, THR = 0, IER = 1, IIR = 2, FCR = 2, LCR = 3, MCR = 4, LSR = 5, MSR = 6, SCR = 7 };
enum { DLL = 0, DLM = 1 };

#define IER_RX 0x01
#define IER_THRE 0x02
#define IIR_NONE 0x01
#define IIR_ID 0x0f
#define IIR_MODEM 0x00
#define FCR_ENABLE 0x01
#define FCR_CLEAR 0x06
#define FCR_TRIGGER_8 0x80
#define LCR_8N1 0x03
#define LCR_DLAB 0x80
#define MCR_DTR_RTS 0x03
#define MCR_OUT2 0x08 /* connects the interrupt line on a PC */
#define LSR_DR 0x01
#define LSR_THRE 0x20
#define LSR_TEMT 0x40

#define DIVISOR_115200 1
#define TX_FIFO 16
#define POLL_LIMIT 1000000 /* many characters' time on any machine: then the line is dead */
#define INTERRUPT_ROUNDS 256

static bool present;
/* Protects THR and the pair below; taken with interrupts off. */
static struct spinlock tx_lock = SPINLOCK_INIT(LOCK_UART);
static void (*rx_byte)(u8 c);
static int (*tx_byte)(void);

static u8 reg_read(unsigned reg)
{
	return x86_inb(COM1 + reg);
}

static void reg_write(unsigned reg, u8 value)
{
	x86_outb(COM1 + reg, value);
}

void uart_init(void)
{
	reg_write(SCR, 0x5a);
	present = reg_read(SCR) == 0x5a;
	if (!present)
		return;
	reg_write(IER, 0);
	reg_write(LCR, LCR_DLAB);
	reg_write(DLL, DIVISOR_115200);
	reg_write(DLM, 0);
	reg_write(LCR, LCR_8N1);
	reg_write(FCR, FCR_ENABLE | FCR_CLEAR | FCR_TRIGGER_8);
	reg_write(MCR, MCR_DTR_RTS | MCR_OUT2);
}

bool uart_present(void)
{
	return present;
}

void uart_put_polled(u8 c)
{
	unsigned tries = 0;

	if (!present)
		return;
	while (!(reg_read(LSR) & LSR_THRE))
		if (++tries == POLL_LIMIT)
			return;
	reg_write(THR, c);
}

bool uart_sent(void)
{
	return !present || reg_read(LSR) & LSR_TEMT;
}

/* Fills the empty FIFO. Caller holds the lock. */
static void fill_tx(void)
{
	int c;

	if (!tx_byte || !(reg_read(LSR) & LSR_THRE))
		return;
	for (unsigned n = 0; n < TX_FIFO; n++) {
		c = tx_byte();
		if (c < 0)
			return;
		reg_write(THR, c);
	}
}

void uart_kick_tx(void)
{
	u64 flags = spin_lock_irq(&tx_lock);

	fill_tx();
	spin_unlock_irq(&tx_lock, flags);
}

static void uart_interrupt(void *ctx)
{
	(void)ctx;
	/* The line is an edge to the IOAPIC: leave only when the UART has nothing more to say. */
	for (unsigned round = 0; round < INTERRUPT_ROUNDS; round++) {
		u8 id = reg_read(IIR); /* reading it also ends a THRE interrupt */

		if (id & IIR_NONE)
			return;
		if ((id & IIR_ID) == IIR_MODEM)
			(void)reg_read(MSR);
		while (reg_read(LSR) & LSR_DR)
			rx_byte(reg_read(RBR));
		uart_kick_tx();
	}
	/* It had more to say than we had time: off and on again gives the IOAPIC a new edge. */
	reg_write(IER, 0);
	reg_write(IER, IER_RX | IER_THRE);
}

int uart_start(void (*rx)(u8 c), int (*tx)(void))
{
	int err;

	if (!present)
		return -ENODEV;
	rx_byte = rx;
	err = irq_register_isa(COM1_IRQ, uart_interrupt, NULL);
	if (err)
		return err;
	tx_byte = tx;
	reg_write(IER, IER_RX | IER_THRE);
	uart_kick_tx();
	return 0;
}

void uart_stop(void)
{
	spin_init(&tx_lock, LOCK_UART); /* its holder never comes back */
	tx_byte = NULL;
	if (present)
		reg_write(IER, 0);
}
