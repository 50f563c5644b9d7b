/* The groups of checks of the exits guest; main.c runs them in this order. */
#ifndef GUEST_EXITS_H
#define GUEST_EXITS_H

#include "irq.h"
#include "lib.h"
#include "paging.h"
#include "trap.h"

void exits_cpuid(void);
void exits_io(void);
void exits_string_io(void);
void exits_msr(void);
void exits_cr(void);
void exits_xcr(void);
void exits_traps(void);
void exits_debug(void);
void exits_memory(void);
void exits_hypercall(void);
void exits_halt(void);
void exits_misc(void);

/* A port where a PC has nothing: reads give all ones. */
#define VOID_PORT 0x2f0
/* A register that keeps a byte: the UART's scratch register. */
#define BYTE_PORT (COM1 + UART_SCR)
/* A register that keeps 32 bits: the PCI configuration address (PCI 3.0, 3.2.2.3.2). */
#define LONG_PORT 0xcf8

#endif
