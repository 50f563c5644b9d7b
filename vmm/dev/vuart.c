/*
 * PC16550D, by its data sheet (National Semiconductor, June 1995). Two things have no wire behind
 * them: bytes sent leave as they were written, whatever word length and speed are set, so that a
 * guest that relies on a firmware's settings can be read; and the back end waits when the receiver
 * is full, so that an overrun happens in loopback alone.
 */
#include "vmm/dev/vuart.h"

#include "lib/string.h"

/* Registers; the first two are the divisor's when LCR.DLAB is set. */
enum {
	REG_DATA,
	REG_IER,
	REG_IIR_FCR,
	REG_LCR,
	REG_MCR,
	REG_LSR,
	REG_MSR,
	REG_SCR,
	REG_COUNT,
};

#define IER_ERBFI BIT(0) /* received data available, and timeout */
#define IER_ETBEI BIT(1) /* transmitter holding register empty */
#define IER_ELSI BIT(2)	 /* receiver line status */
#define IER_EDSSI BIT(3) /* modem status */
#define IER_MASK 0x0f

#define IIR_NONE 0x01
#define IIR_MODEM 0x00
#define IIR_THRE 0x02
#define IIR_RX_DATA 0x04
#define IIR_LINE_STATUS 0x06
#define IIR_TIMEOUT 0x0c
#define IIR_FIFOS 0xc0

#define FCR_ENABLE BIT(0)
#define FCR_RX_RESET BIT(1)
#define FCR_DMA BIT(3)
#define FCR_TRIGGER 0xc0
#define FCR_TRIGGER_SHIFT 6

#define LCR_WORD_LENGTH 0x03
#define LCR_STOP BIT(2)
#define LCR_PARITY BIT(3)
#define LCR_DLAB BIT(7)

#define MCR_DTR BIT(0)
#define MCR_RTS BIT(1)
#define MCR_OUT1 BIT(2)
#define MCR_OUT2 BIT(3) /* on a PC: connects the interrupt line */
#define MCR_LOOP BIT(4)
#define MCR_MASK 0x1f

#define LSR_DR BIT(0)
#define LSR_OE BIT(1)
#define LSR_THRE BIT(5)
#define LSR_TEMT BIT(6)

#define MSR_DCTS BIT(0)
#define MSR_DDSR BIT(1)
#define MSR_TERI BIT(2)
#define MSR_DDCD BIT(3)
#define MSR_DELTAS 0x0f
#define MSR_CTS BIT(4)
#define MSR_DSR BIT(5)
#define MSR_RI BIT(6)
#define MSR_DCD BIT(7)

#define CLOCK_HZ 1843200ull /* the PC's crystal; 16 cycles of it per bit at divisor 1 */
#define TIMEOUT_CHARACTERS 4

static unsigned rx_trigger(const struct vuart_state *s)
{
	static const u8 level[] = { 1, 4, 8, 14 };

	return s->fcr & FCR_ENABLE ? level[s->fcr >> FCR_TRIGGER_SHIFT] : 1;
}

static unsigned rx_room(const struct vuart_state *s)
{
	return (s->fcr & FCR_ENABLE ? VUART_FIFO : 1) - s->rx_count;
}

/* The pending interrupt of the highest priority: the data sheet's table IV. */
static u8 interrupt_id(const struct vuart_state *s)
{
	if ((s->ier & IER_ELSI) && s->lsr)
		return IIR_LINE_STATUS;
	if (s->ier & IER_ERBFI) {
		if (s->timeout_pending)
			return IIR_TIMEOUT;
		if (s->rx_count >= rx_trigger(s))
			return IIR_RX_DATA;
	}
	if ((s->ier & IER_ETBEI) && s->thre_pending)
		return IIR_THRE;
	if ((s->ier & IER_EDSSI) && (s->msr & MSR_DELTAS))
		return IIR_MODEM;
	return IIR_NONE;
}

/* Start, data, parity and stop bits; a byte's stop bit and a half of 5-bit words counts as two. */
static u64 character_ns(const struct vuart_state *s)
{
	unsigned divisor = s->dlm << 8 | s->dll;
	unsigned bits = 1 + 5 + (s->lcr & LCR_WORD_LENGTH) + (s->lcr & LCR_PARITY ? 1 : 0) +
			(s->lcr & LCR_STOP ? 2 : 1);

	return bits * MAX(divisor, 1u) * 16ull * NS_PER_SEC / CLOCK_HZ;
}

/*
 * The timer is not moved at each byte, which would be dear: when it fires it looks whether the FIFO
 * has been quiet for long enough.
 */
static void timeout_start(struct vuart *u)
{
	struct vuart_state *s = &u->state;

	if (s->rx_count && (s->fcr & FCR_ENABLE) && (s->ier & IER_ERBFI) && !s->timeout_pending &&
	    !u->timeout.armed)
		vtimer_arm(&u->timeout, s->rx_activity_ns + TIMEOUT_CHARACTERS * character_ns(s));
}

/* In loopback all modem outputs are inactive, so that OUT2 disconnects the line. */
static void vuart_update(struct vuart *u)
{
	struct vuart_state *s = &u->state;
	bool level = (s->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2 && interrupt_id(s) != IIR_NONE;

	if (s->rx_count)
		timeout_start(u);
	if (level == s->output)
		return;
	s->output = level;
	irqline_set(&u->line, level);
}

static void timeout_expired(void *arg)
{
	struct vuart *u = arg;
	struct vuart_state *s = &u->state;

	if (s->rx_count && (s->fcr & FCR_ENABLE) &&
	    vclock_now(u->clock) >= s->rx_activity_ns + TIMEOUT_CHARACTERS * character_ns(s))
		s->timeout_pending = true;
	vuart_update(u);
}

static void rx_clear(struct vuart_state *s)
{
	s->rx_head = s->rx_count = 0;
	s->timeout_pending = false;
}

static void rx_push(struct vuart *u, u8 c)
{
	struct vuart_state *s = &u->state;

	s->rx[(s->rx_head + s->rx_count) % VUART_FIFO] = c;
	s->rx_count++;
	s->rx_activity_ns = vclock_now(u->clock);
}

/* A byte that the transmitter sent to our own receiver. */
static void rx_loop(struct vuart *u, u8 c)
{
	struct vuart_state *s = &u->state;

	c &= 0xff >> (3 - (s->lcr & LCR_WORD_LENGTH));
	if (rx_room(s) == 0) {
		/* The FIFO keeps what it has; without it the new byte replaces the old one. */
		s->lsr |= LSR_OE;
		if (s->fcr & FCR_ENABLE)
			return;
		s->rx_count = 0;
	}
	rx_push(u, c);
}

/* Takes what there is room for. In loopback the receiver's pin is disconnected. */
static void rx_fill(struct vuart *u)
{
	struct vuart_state *s = &u->state;

	while (u->backend.get && !(s->mcr & MCR_LOOP) && rx_room(s)) {
		int c = u->backend.get(u->backend.ctx);

		if (c < 0)
			break;
		rx_push(u, (u8)c);
	}
}

void vuart_rx_ready(struct vuart *u)
{
	rx_fill(u);
	vuart_update(u);
}

static u8 read_data(struct vuart *u)
{
	struct vuart_state *s = &u->state;
	u8 c = s->rx[s->rx_head];

	if (s->rx_count == 0)
		return c; /* whatever the register still holds */
	s->rx_head = (s->rx_head + 1) % VUART_FIFO;
	s->rx_count--;
	s->rx_activity_ns = vclock_now(u->clock);
	s->timeout_pending = false;
	vuart_rx_ready(u);
	return c;
}

static u8 read_iir(struct vuart *u)
{
	struct vuart_state *s = &u->state;
	u8 id = interrupt_id(s);

	if (id == IIR_THRE) {
		s->thre_pending = false;
		vuart_update(u);
	}
	return id | (s->fcr & FCR_ENABLE ? IIR_FIFOS : 0);
}

static u8 read_lsr(struct vuart *u)
{
	struct vuart_state *s = &u->state;
	u8 v = s->lsr | LSR_THRE | LSR_TEMT | (s->rx_count ? LSR_DR : 0);

	if (s->lsr) {
		s->lsr = 0;
		vuart_update(u);
	}
	return v;
}

static u8 read_msr(struct vuart *u)
{
	u8 v = u->state.msr;

	if (v & MSR_DELTAS) {
		u->state.msr &= ~MSR_DELTAS;
		vuart_update(u);
	}
	return v;
}

/* The holding register empties at once, which is a new reason to interrupt. */
static void write_data(struct vuart *u, u8 v)
{
	struct vuart_state *s = &u->state;

	if (s->mcr & MCR_LOOP)
		rx_loop(u, v);
	else if (!u->backend.put || !u->backend.put(u->backend.ctx, v))
		s->tx_lost++;
	s->thre_pending = true;
	vuart_update(u);
}

static void write_ier(struct vuart *u, u8 v)
{
	struct vuart_state *s = &u->state;

	/* Enabling it while the transmitter is empty, as ours always is, interrupts. */
	if ((v & IER_ETBEI) && !(s->ier & IER_ETBEI))
		s->thre_pending = true;
	s->ier = v & IER_MASK;
	vuart_update(u);
}

static void write_fcr(struct vuart *u, u8 v)
{
	struct vuart_state *s = &u->state;

	if ((v ^ s->fcr) & FCR_ENABLE)
		rx_clear(s);
	/* The other bits are only taken together with the enabling one. */
	if (v & FCR_ENABLE) {
		if (v & FCR_RX_RESET)
			rx_clear(s);
		s->fcr = v & (FCR_ENABLE | FCR_DMA | FCR_TRIGGER);
	} else {
		s->fcr = 0;
	}
	vuart_rx_ready(u);
}

/* The modem's inputs: a terminal that is always there, or in loopback our own outputs. */
static u8 modem_inputs(u8 mcr)
{
	if (!(mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	return (mcr & MCR_RTS ? MSR_CTS : 0) | (mcr & MCR_DTR ? MSR_DSR : 0) |
	       (mcr & MCR_OUT1 ? MSR_RI : 0) | (mcr & MCR_OUT2 ? MSR_DCD : 0);
}

static void write_mcr(struct vuart *u, u8 v)
{
	struct vuart_state *s = &u->state;
	u8 inputs = modem_inputs(v), changed = (s->msr ^ inputs) & ~MSR_DELTAS;
	u8 deltas = (changed & (MSR_CTS | MSR_DSR | MSR_DCD)) >> 4;

	/* Of the ring indicator only the trailing edge counts. */
	if ((changed & MSR_RI) && !(inputs & MSR_RI))
		deltas |= MSR_TERI;
	s->mcr = v & MCR_MASK;
	s->msr = inputs | (s->msr & MSR_DELTAS) | deltas;
	vuart_rx_ready(u);
}

static u8 vuart_read(struct vuart *u, unsigned reg)
{
	struct vuart_state *s = &u->state;

	switch (reg) {
	case REG_DATA: return s->lcr & LCR_DLAB ? s->dll : read_data(u);
	case REG_IER: return s->lcr & LCR_DLAB ? s->dlm : s->ier;
	case REG_IIR_FCR: return read_iir(u);
	case REG_LCR: return s->lcr;
	case REG_MCR: return s->mcr;
	case REG_LSR: return read_lsr(u);
	case REG_MSR: return read_msr(u);
	default: return s->scr;
	}
}

static void vuart_write(struct vuart *u, unsigned reg, u8 v)
{
	struct vuart_state *s = &u->state;

	switch (reg) {
	case REG_DATA:
		if (s->lcr & LCR_DLAB)
			s->dll = v;
		else
			write_data(u, v);
		break;
	case REG_IER:
		if (s->lcr & LCR_DLAB)
			s->dlm = v;
		else
			write_ier(u, v);
		break;
	case REG_IIR_FCR: write_fcr(u, v); break;
	case REG_LCR: s->lcr = v; break;
	case REG_MCR: write_mcr(u, v); break;
	case REG_SCR: s->scr = v; break;
	default: /* LSR and MSR: "writing is not recommended"; nothing happens */ break;
	}
}

static void vuart_io(void *dev, struct io_access *a)
{
	if (a->write)
		vuart_write(dev, (unsigned)a->addr, (u8)a->value);
	else
		a->value = vuart_read(dev, (unsigned)a->addr);
}

void vuart_reset(struct vuart *u)
{
	memset(&u->state, 0, sizeof(u->state));
	u->state.msr = modem_inputs(0);
	u->state.dll = 1; /* 115200; the data sheet leaves it undefined */
	vtimer_cancel(&u->timeout);
	irqline_set(&u->line, false);
}

int vuart_init(struct vuart *u, struct iobus *bus, struct vclock *clock, u16 port, const char *name,
	       struct irqline line, struct byte_backend backend)
{
	u->line = line;
	u->backend = backend;
	u->clock = clock;
	vtimer_init(&u->timeout, clock, timeout_expired, u);
	vuart_reset(u);
	return iobus_add_bytes(bus, IO_PORT, port, REG_COUNT, name, vuart_io, u);
}
