#pragma once
/*
 * The serial port: National Semiconductor PC16550D. What the guest sends leaves at once, so the
 * transmitter is always ready; what it receives is pulled from the back end as the FIFO has room.
 */
#include "vmm/dev/devices.h"

#define VUART_FIFO 16u

struct vuart_state {
	u8 ier, fcr, lcr, mcr, scr, dll, dlm;
	u8 lsr; /* error bits alone; DR, THRE and TEMT are computed */
	u8 msr; /* modem inputs and their delta bits */
	u8 rx[VUART_FIFO], rx_head, rx_count;
	bool thre_pending; /* "transmitter empty" has not been acknowledged */
	bool timeout_pending;
	bool output;	    /* level of the interrupt line */
	u64 rx_activity_ns; /* last byte in or out of the receive FIFO */
	u64 tx_lost;	    /* bytes that the back end did not take */
};

struct vuart {
	struct vuart_state state;
	struct irqline line;
	struct byte_backend backend;
	struct vclock *clock;
	struct vtimer timeout;
};

MUST_CHECK int vuart_init(struct vuart *u, struct iobus *bus, struct vclock *clock, u16 port,
			  const char *name, struct irqline line, struct byte_backend backend);
void vuart_reset(struct vuart *u);
/* The back end has input: takes as much as the receiver has room for. */
void vuart_rx_ready(struct vuart *u);
