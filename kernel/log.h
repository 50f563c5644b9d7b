#pragma once
/*
 * The kernel's log: a ring in memory, printed to COM1 (and VGA text until the monitor runs).
 * A line is one record; the monitor's "log" command prints the ring. Any context.
 */
#include "compiler.h"
#include "types.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Lines above this level go to the ring only. From loglevel= on the kernel command line; LOG_INFO. */
extern enum log_level log_console_level;

/* One line, without a newline at its end; longer than 512 characters is cut. */
void log_print(enum log_level level, const char *fmt, ...) PRINTF(2, 3);
#define log_error(...) log_print(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_print(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_print(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_print(LOG_DEBUG, __VA_ARGS__)

/* Calls fn for each kept line, oldest first; text is a copy. Thread context. */
void log_for_each(void (*fn)(u64 time_ns, enum log_level level, const char *text, void *ctx), void *ctx);
/*
 * Where finished lines go: the terminal (kernel/terminal.c) registers itself here once it runs.
 * Before that, and after a panic, lines go to COM1 by polling.
 */
void log_set_sink(void (*sink)(enum log_level level, const char *text));
