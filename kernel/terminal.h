#pragma once
/*
 * The terminal on COM1: shared by the kernel's log, the monitor and the console of one attached
 * partition. Output is interrupt-driven through a ring; a writer that finds it full waits.
 */
#include "compiler.h"
#include "types.h"

struct console;

void terminal_init(void); /* after threads run; takes over the log's output */
/* Thread context; waits while the ring is full. */
void terminal_write(const char *text, size_t len);
void terminal_printf(const char *fmt, ...) PRINTF(1, 2);
/* One line of log text: kept off the line that is being edited or that a guest is printing. */
void terminal_line(const char *text);
/* Attach a partition's console (its ring is replayed), or NULL: to the monitor. */
void terminal_attach(struct console *con);
struct console *terminal_attached(void);
/* A byte that an attached partition printed. */
void terminal_console_byte(struct console *con, u8 c);
/* Waits until everything has left the UART; used before power-off. */
void terminal_drain(void);
