#pragma once
/*
 * The kernel's log: a ring in memory, printed to COM1 (and VGA text until the terminal runs).
 * A line is one record; the monitor's "log" command prints the ring. Any context.
 */
#include "compiler.h"
#include "types.h"

/* LOG_GUEST marks a line that a partition printed: log_console() makes those. */
enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_GUEST };

/* On the console every log line begins with this; the ring and the sink have the bare text. */
#define LOG_PREFIX "partita: "
#define LOG_LINE_MAX 512

/* Lines above this level go to the ring only. From the option loglevel=; LOG_INFO. */
extern enum log_level log_console_level;

/* One line, without a newline at its end; longer than 512 characters is cut. */
void log_print(enum log_level level, const char *fmt, ...) PRINTF(2, 3);
#define log_error(...) log_print(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_print(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_print(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_print(LOG_DEBUG, __VA_ARGS__)

/*
 * Takes the options: loglevel=error|warn|info|debug (or 0..3), and log=polled, which prints every
 * line at once by polling, for whoever looks for a hang before the terminal runs.
 */
void log_init(void);
/* Calls fn for each kept line, oldest first; text is a copy. Thread context. */
void log_for_each(void (*fn)(u64 time_ns, enum log_level level, const char *text, void *ctx),
		  void *ctx);
/*
 * Where finished lines go: the terminal (kernel/terminal.c) registers itself here once it runs, and
 * gets at once what has been kept so far: polled output would cost thousands of instructions a
 * line, so boot messages wait for it. The sink is called without locks, in the context of the
 * log_print().
 */
void log_set_sink(void (*sink)(enum log_level level, const char *text));
/* For panics: prints what was never printed, and from now on everything, by polling. */
void log_set_polled(void);

struct console;
/*
 * A line that a partition printed: kept in the ring as "NAME: line" and shown on COM1 in that form
 * unless the partition is the attached one (its bytes are there already) or another is attached.
 */
void log_console(const struct console *c, const char *line);
