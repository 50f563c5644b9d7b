/* Stands in for parts that others are writing. Goes away when they exist. */
#include "drivers/uart.h"
#include "kernel/log.h"
#include "kernel/terminal.h"
#include "kernel/thread.h"
#include "lib/format.h"
#include "lib/ring.h"

#define WEAK __attribute__((weak))

WEAK void vmm_init(void);
WEAK void vmm_init(void)
{
}
WEAK void monitor_start(void);
WEAK void monitor_start(void)
{
}
static u8 out_buf[65536];
static struct ring out;

static int tx(void)
{
	return ring_get(&out);
}

static void rx(u8 c)
{
	if (ring_put(&out, c))
		uart_kick_tx();
}

WEAK void terminal_printf(const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	for (const char *s = text; *s; s++) {
		if (*s == '\n')
			ring_put(&out, '\r');
		ring_put(&out, *s);
	}
	uart_kick_tx();
}

static void sink(enum log_level level, const char *text)
{
	(void)level;
	terminal_printf(LOG_PREFIX "%s\n", text);
}

WEAK void terminal_init(void)
{
	ring_init(&out, out_buf, sizeof(out_buf));
	if (uart_start(rx, tx) < 0)
		log_set_polled();
	else
		log_set_sink(sink);
}

WEAK void terminal_drain(void)
{
	while (ring_used(&out) || !uart_sent())
		thread_sleep_ns(NS_PER_MS);
}

WEAK void terminal_flush_polled(void)
{
	int c;

	while ((c = ring_get(&out)) >= 0)
		uart_put_polled(c);
}
