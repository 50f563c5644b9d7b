#pragma once
/* COM1, the physical 16550. Polled output for early boot and panics; interrupts once IRQs work. */
#include "compiler.h"
#include "types.h"

void uart_init(void); /* 115200 8N1, FIFO on */
bool uart_present(void);
void uart_put_polled(u8 c); /* waits for room; any context */
/*
 * Interrupt mode: rx is called for each byte received, tx asks for the next byte or -1. rx in
 * interrupt context; tx there or in uart_kick_tx(), always under the driver's lock with interrupts
 * off, so that it must not call the driver.
 */
MUST_CHECK int uart_start(void (*rx)(u8 c), int (*tx)(void));
void uart_kick_tx(void); /* there is something to send now; any context */
bool uart_sent(void);	 /* everything has left the UART, FIFO included */
/* For panics: leaves interrupt mode, whoever holds the driver's lock. */
void uart_stop(void);
