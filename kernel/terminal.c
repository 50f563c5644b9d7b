#include "kernel/terminal.h"

#include "drivers/uart.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/thread.h"
#include "lib/format.h"
#include "lib/ring.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "vmm/console.h"
#include "x86/insn.h"
#include "x86/reg.h"

#define TX_SIZE (16 * 1024u)
#define RX_SIZE 1024u
#define EDIT_SIZE 256u
#define BACKLOG_HIGH (CONSOLE_RING / 2) /* a guest waits from here ... */
#define BACKLOG_LOW (CONSOLE_RING / 4)	/* ... to here */
#define ERASE_LINE "\r\x1b[K"

static struct {
	bool works;	      /* constant after terminal_init() */
	struct spinlock lock; /* protects the rest but rx; taken with interrupts off */
	u8 tx_buf[TX_SIZE];
	struct ring tx; /* log lines and the monitor's output */
	struct console *attached;
	u64 attached_pos;   /* next byte of its stream to send */
	u64 fence;	    /* the ring waits until the stream has been sent up to here */
	bool mid_line;	    /* the guest's last byte sent was no newline */
	const char *prompt; /* NULL: nothing is being edited */
	char edit[EDIT_SIZE];
	struct waitq room; /* writers and guests that wait */
	u8 rx_buf[RX_SIZE];
	struct ring rx; /* filled by the UART's interrupt, emptied by terminal_read() */
	struct waitq typed;
} term;

static u64 console_backlog(void)
{
	return term.attached ? READ_ONCE(term.attached->written) - term.attached_pos : 0;
}

/* With the lock held: the next byte to send, or -1. */
static int next_byte(void)
{
	u8 c;

	if (ring_used(&term.tx) && !(term.attached && term.attached_pos < term.fence)) {
		if (!term.mid_line)
			return ring_get(&term.tx);
		term.mid_line = false;
		return '\n'; /* its CR: the ring's text brings its own column */
	}
	if (!term.attached || console_read(term.attached, &term.attached_pos, &c, 1) == 0)
		return -1;
	term.mid_line = c != '\n';
	return c;
}

/* The UART asks for a byte. Interrupt context, or a kick. */
static int uart_wants_byte(void)
{
	u64 flags = spin_lock_irq(&term.lock);
	int c = next_byte();
	/* Writers wait for the ring, guests for their backlog: whoever may go on is woken. */
	bool low = ring_space(&term.tx) == TX_SIZE / 2 || ring_space(&term.tx) == TX_SIZE ||
		   console_backlog() == BACKLOG_LOW;

	spin_unlock_irq(&term.lock, flags);
	if (low && !list_empty(&term.room.waiters))
		waitq_wake_all(&term.room);
	return c;
}

static void uart_has_byte(u8 c)
{
	ring_put(&term.rx, c); /* a full ring loses the byte, as a UART's FIFO would */
	waitq_wake_all(&term.typed);
}

static bool may_wait(void)
{
	u64 flags = x86_irq_save(); /* this_cpu() must stay the one that we are on */
	bool may = (flags & RFLAGS_IF) && !this_cpu()->in_interrupt && !this_cpu()->preempt_count;

	x86_irq_restore(flags);
	return may;
}

/* Takes the lock, with more room in the ring than that; who may not wait gets what there is. */
static u64 lock_with_room(size_t need)
{
	bool wait = term.works && may_wait();
	u64 flags = spin_lock_irq(&term.lock);

	while (wait && ring_space(&term.tx) <= need) {
		spin_unlock_irq(&term.lock, flags);
		uart_kick_tx();
		wait_event(&term.room, ring_space(&term.tx) > need);
		flags = spin_lock_irq(&term.lock);
	}
	return flags;
}

static void push(const char *text)
{
	for (; *text; text++)
		ring_put(&term.tx, (u8)*text);
}

static void log_sink(enum log_level level, const char *text)
{
	char line[LOG_LINE_MAX + sizeof(LOG_PREFIX)];

	if (level == LOG_GUEST) {
		if (!READ_ONCE(term.attached))
			terminal_line(text);
		return;
	}
	snprintf(line, sizeof(line), LOG_PREFIX "%s", text);
	terminal_line(line);
}

void terminal_line(const char *text)
{
	size_t need = 2 * (strlen(text) + EDIT_SIZE); /* text, CR LF, the edited line again */
	u64 flags = lock_with_room(need);

	/* What the guest printed before comes before. */
	if (term.attached)
		term.fence = READ_ONCE(term.attached->written);
	if (term.prompt)
		push(ERASE_LINE);
	else if (term.mid_line)
		push("\r");
	push(text);
	push("\r\n");
	if (term.prompt) {
		push(term.prompt);
		push(term.edit);
	}
	spin_unlock_irq(&term.lock, flags);
	uart_kick_tx();
}

void terminal_write(const char *text, size_t len)
{
	u64 flags;

	if (!term.works)
		return;
	flags = lock_with_room(2 * len); /* a newline is two bytes */
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n')
			ring_put(&term.tx, '\r');
		ring_put(&term.tx, (u8)text[i]);
	}
	spin_unlock_irq(&term.lock, flags);
	uart_kick_tx();
}

void terminal_printf(const char *fmt, ...)
{
	char text[LOG_LINE_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	terminal_write(text, strlen(text));
}

void terminal_attach(struct console *con)
{
	u64 flags = spin_lock_irq(&term.lock);

	term.attached = con;
	term.attached_pos = 0; /* console_read() moves it to the oldest byte kept */
	term.fence = 0;
	if (term.mid_line)
		push("\r");
	spin_unlock_irq(&term.lock, flags);
	waitq_wake_all(&term.room);
	uart_kick_tx();
}

struct console *terminal_attached(void)
{
	return READ_ONCE(term.attached);
}

void terminal_console_byte(struct console *con)
{
	if (READ_ONCE(term.attached) != con || !term.works)
		return;
	uart_kick_tx();
	if (unlikely(console_backlog() > BACKLOG_HIGH))
		wait_event(&term.room,
			   READ_ONCE(term.attached) != con || console_backlog() < BACKLOG_HIGH);
}

void terminal_set_edit(const char *prompt, const char *line)
{
	u64 flags = spin_lock_irq(&term.lock);

	term.prompt = prompt;
	str_copy(term.edit, line, sizeof(term.edit));
	spin_unlock_irq(&term.lock, flags);
}

u8 terminal_read(void)
{
	wait_event(&term.typed, ring_used(&term.rx));
	return (u8)ring_get(&term.rx);
}

static bool drained(void)
{
	return !ring_used(&term.tx) && console_backlog() == 0;
}

void terminal_drain(void)
{
	uart_kick_tx();
	while (term.works && !drained())
		thread_sleep_ns(NS_PER_MS);
	while (term.works && !uart_sent())
		thread_sleep_ns(NS_PER_MS);
}

void terminal_flush_polled(void)
{
	int c;

	spin_init(&term.lock, LOCK_TERMINAL); /* after a panic its holder never comes back */
	if (term.attached)
		spin_init(&term.attached->lock, LOCK_CONSOLE);
	while (term.works && (c = next_byte()) >= 0)
		uart_put_polled((u8)c);
	term.works = false;
}

void terminal_init(void)
{
	spin_init(&term.lock, LOCK_TERMINAL);
	ring_init(&term.tx, term.tx_buf, TX_SIZE);
	ring_init(&term.rx, term.rx_buf, RX_SIZE);
	waitq_init(&term.room);
	waitq_init(&term.typed);
	term.works = uart_start(uart_has_byte, uart_wants_byte) == 0;
	log_set_sink(log_sink);
}
