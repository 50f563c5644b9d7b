/* The kernel's log. Records lie in a byte ring; the oldest make room for new ones. */
#include "kernel/log.h"
#include "drivers/uart.h"
#include "drivers/vga.h"
#include "kernel/machine.h"
#include "kernel/timer.h"
#include "lib/format.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "vmm/console.h"

#define LOG_RING_SIZE (64 * KIB)
static_assert((LOG_RING_SIZE & (LOG_RING_SIZE - 1)) == 0, "positions wrap by a mask");

struct record {
	u64 time_ns;
	u16 length; /* of the text behind it, which has no terminator */
	u8 level;
};

enum log_level log_console_level = LOG_INFO;

/* Protects the ring and its positions; taken with interrupts off. */
static struct spinlock lock = SPINLOCK_INIT(LOCK_LOG);
static u8 ring[LOG_RING_SIZE];
/* Positions count bytes ever written: first <= printed <= end, end - first <= LOG_RING_SIZE. */
static u64 first, printed, end;

static void (*console_sink)(enum log_level level, const char *text);
static bool polled;

static void ring_write(u64 pos, const void *data, size_t length)
{
	const u8 *src = data;

	for (size_t i = 0; i < length; i++)
		ring[(pos + i) & (LOG_RING_SIZE - 1)] = src[i];
}

static void ring_read(u64 pos, void *data, size_t length)
{
	u8 *dst = data;

	for (size_t i = 0; i < length; i++)
		dst[i] = ring[(pos + i) & (LOG_RING_SIZE - 1)];
}

/* Caller holds the lock. */
static void append(enum log_level level, const char *text, size_t length)
{
	struct record rec = { .time_ns = clock_now_ns(), .length = length, .level = level };
	struct record oldest;

	while (end + sizeof(rec) + length - first > LOG_RING_SIZE) {
		ring_read(first, &oldest, sizeof(oldest));
		first += sizeof(oldest) + oldest.length;
	}
	ring_write(end, &rec, sizeof(rec));
	ring_write(end + sizeof(rec), text, length);
	end += sizeof(rec) + length;
	printed = MAX(printed, first);
}

/* Copies the record at *pos and moves on; false at the end. An overwritten position moves up. */
static bool read_record(u64 *pos, struct record *rec, char text[LOG_LINE_MAX])
{
	u64 flags = spin_lock_irq(&lock);
	bool found = false;

	*pos = MAX(*pos, first);
	if (*pos < end) {
		ring_read(*pos, rec, sizeof(*rec));
		ring_read(*pos + sizeof(*rec), text, rec->length);
		text[rec->length] = '\0';
		*pos += sizeof(*rec) + rec->length;
		found = true;
	}
	spin_unlock_irq(&lock, flags);
	return found;
}

static void put_vga(const char *text)
{
	for (; *text; text++)
		vga_put(*text);
}

static void put_polled(const char *text)
{
	for (; *text; text++)
		uart_put_polled(*text);
}

static void emit(enum log_level level, const char *text)
{
	if (level > log_console_level && level != LOG_GUEST)
		return;
	if (console_sink) {
		console_sink(level, text);
	} else if (polled) {
		put_polled(LOG_PREFIX);
		put_polled(text);
		put_polled("\r\n");
	}
}

/* Prints what has not been, in order, to where lines go now. */
static void flush(void)
{
	struct record rec;
	char text[LOG_LINE_MAX];

	if (!console_sink && !polled)
		return;
	while (read_record(&printed, &rec, text))
		emit(rec.level, text);
}

void log_print(enum log_level level, const char *fmt, ...)
{
	char text[LOG_LINE_MAX];
	va_list args;
	u64 flags;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);

	flags = spin_lock_irq(&lock);
	append(level, text, strlen(text));
	spin_unlock_irq(&lock, flags);
	if (!console_sink && level <= log_console_level) {
		put_vga(LOG_PREFIX);
		put_vga(text);
		vga_put('\n');
	}
	flush();
}

void log_console(const struct console *c, const char *line)
{
	char text[LOG_LINE_MAX];
	u64 flags;

	snprintf(text, sizeof(text), "%s: %s", c->name, line);
	flags = spin_lock_irq(&lock);
	append(LOG_GUEST, text, strlen(text));
	spin_unlock_irq(&lock, flags);
	flush();
}

void log_init(void)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };
	char value[16];

	if (machine_option(&machine, "loglevel", value, sizeof(value)))
		for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
			if (strcmp(value, names[i]) == 0 ||
			    (value[0] == (char)('0' + i) && !value[1]))
				log_console_level = (enum log_level)i;
	if (machine_option(&machine, "log", value, sizeof(value)) && strcmp(value, "polled") == 0)
		log_set_polled();
}

void log_for_each(void (*fn)(u64 time_ns, enum log_level level, const char *text, void *ctx),
		  void *ctx)
{
	struct record rec;
	char text[LOG_LINE_MAX];
	u64 pos = 0;

	while (read_record(&pos, &rec, text))
		fn(rec.time_ns, rec.level, text, ctx);
}

void log_set_sink(void (*sink)(enum log_level level, const char *text))
{
	polled = false;
	console_sink = sink;
	flush();
}

void log_set_polled(void)
{
	console_sink = NULL;
	polled = true;
	spin_init(&lock, LOCK_LOG); /* after a panic its holder never comes back */
	flush();
}
