/* The kernel's log on the build host: keeps the last line and counts, prints nothing. */
#include <stdarg.h>
#include <stdio.h>

#include "kernel/log.h"
#include "tests/unit/stubs/log.h"

enum log_level log_console_level = LOG_INFO;
char log_last[512];
unsigned log_lines[4];

void log_print(enum log_level level, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(log_last, sizeof(log_last), fmt, args);
	va_end(args);
	log_lines[level]++;
}
