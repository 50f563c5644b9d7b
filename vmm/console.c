#include "vmm/console.h"

#include "error.h"
#include "kernel/log.h"
#include "kernel/terminal.h"
#include "lib/string.h"
#include "mm/heap.h"

int console_init(struct console *c, const char *name, bool log)
{
	c->output = heap_alloc(CONSOLE_RING);
	if (!c->output)
		return -ENOMEM;
	str_copy(c->name, name, sizeof(c->name));
	c->log = log;
	spin_init(&c->lock, LOCK_CONSOLE);
	ring_init(&c->input, c->input_buf, CONSOLE_INPUT);
	return 0;
}

void console_set_notify(struct console *c, void (*notify)(void *ctx), void *ctx)
{
	u64 flags = spin_lock_irq(&c->lock);

	c->notify = notify;
	c->notify_ctx = ctx;
	spin_unlock_irq(&c->lock, flags);
}

/* Control characters would move the cursor of whoever reads the log. */
static bool console_printable(u8 byte)
{
	return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
}

/* Gathers a line for the log. True: the line is complete and *line holds it. */
static bool console_gather(struct console *c, u8 byte, char line[CONSOLE_LINE])
{
	bool full;

	if (console_printable(byte))
		c->line[c->line_len++] = (char)byte;
	full = c->line_len == CONSOLE_LINE - 1;
	if (byte != '\n' && !full)
		return false;
	memcpy(line, c->line, c->line_len);
	line[c->line_len] = '\0';
	c->line_len = 0;
	return byte == '\n' || full;
}

static void console_log_line(struct console *c, const char *line)
{
	if (c->log)
		log_console(c, line);
}

void console_put(struct console *c, u8 byte)
{
	char line[CONSOLE_LINE];
	u64 flags = spin_lock_irq(&c->lock);
	bool complete;

	c->output[c->written++ % CONSOLE_RING] = byte;
	complete = console_gather(c, byte, line);
	spin_unlock_irq(&c->lock, flags);
	terminal_console_byte(c);
	if (complete)
		console_log_line(c, line);
}

void console_flush(struct console *c)
{
	char line[CONSOLE_LINE];
	u64 flags = spin_lock_irq(&c->lock);
	u32 len = c->line_len;

	memcpy(line, c->line, len);
	line[len] = '\0';
	c->line_len = 0;
	spin_unlock_irq(&c->lock, flags);
	if (len)
		console_log_line(c, line);
}

bool console_type(struct console *c, u8 byte)
{
	u64 flags = spin_lock_irq(&c->lock);
	bool ok = ring_put(&c->input, byte);

	if (c->notify)
		c->notify(c->notify_ctx);
	spin_unlock_irq(&c->lock, flags);
	return ok;
}

int console_get(struct console *c)
{
	return ring_get(&c->input);
}

u32 console_read(struct console *c, u64 *pos, u8 *buf, u32 len)
{
	u64 flags = spin_lock_irq(&c->lock);
	u64 oldest = c->written > CONSOLE_RING ? c->written - CONSOLE_RING : 0;
	u32 n = 0;

	if (*pos < oldest)
		*pos = oldest;
	while (n < len && *pos < c->written)
		buf[n++] = c->output[(*pos)++ % CONSOLE_RING];
	spin_unlock_irq(&c->lock, flags);
	return n;
}
