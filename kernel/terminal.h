#pragma once
/*
 * The terminal on COM1: shared by the kernel's log, the monitor's line and the console of one
 * attached partition. The UART's interrupt pulls bytes: log lines first, then the attached console
 * from its own ring, so that attaching replays what is kept, and a guest that prints faster than
 * the line waits.
 */
#include "compiler.h"
#include "types.h"

struct console;

#define TERMINAL_ESCAPE 0x1d /* Ctrl-] */

void terminal_init(void); /* after threads run; takes over the log's output */
/*
 * In one piece: no log line of another CPU comes between; at most LOG_LINE_MAX bytes. Newlines
 * become CR LF. Thread context; waits while the ring is full.
 */
void terminal_write(const char *text, size_t len);
void terminal_printf(const char *fmt, ...) PRINTF(1, 2);
/*
 * One whole line, kept off the one that is being edited or that a guest is printing. Any context.
 */
void terminal_line(const char *text);
/* Attach a partition's console (its ring is replayed), or NULL: the monitor has the terminal. */
void terminal_attach(struct console *con);
struct console *terminal_attached(void);
/* A partition has printed. vCPU thread; waits when the terminal is far behind. */
void terminal_console_byte(struct console *con);
/*
 * The monitor's prompt and line, redrawn after each log line; prompt NULL: nothing is being edited.
 */
void terminal_set_edit(const char *prompt, const char *line);
/* The next byte typed; waits. Monitor thread. */
u8 terminal_read(void);
/* Waits until everything has left the UART; before power-off. Thread context. */
void terminal_drain(void);
/* Panics: prints what has not left yet, by polling. */
void terminal_flush_polled(void);
