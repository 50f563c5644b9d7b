/*
 * 8254, by its data sheet (Intel 231164), all six modes. Time is counted in ticks of 1193182 Hz
 * since the partition's clock was 0, converted exactly, so that nothing drifts.
 *
 * Interrupts: a vtimer fires at each rising edge of channel 0's OUT; there the line falls and
 * rises, and it stays high between (in mode 3 the true output would fall halfway; then a request
 * that the guest was slow to take would be lost, and nobody would see the difference otherwise).
 *
 * When the guest was not running at an edge, the interrupt comes late, and edges that were missed
 * are made up for at twice the programmed rate, up to EDGES_OWED_MAX of them; older ones are
 * dropped, as a PC drops them while interrupts are off. Counts are always exact. No two interrupts
 * come within EDGE_GAP_NS, however short the programmed period is.
 */
#include "vmm/dev/vpit.h"

#include "error.h"
#include "lib/string.h"

#define CONTROL_REG 3
#define CONTROL_BCD BIT(0)
#define CONTROL_MODE(v) ((v) >> 1 & 7)
#define CONTROL_ACCESS(v) ((v) >> 4 & 3)
#define CONTROL_SELECT(v) ((v) >> 6)
#define CONTROL_KEPT 0x3f
#define SELECT_READ_BACK 3
#define READ_BACK_NO_COUNT BIT(5)
#define READ_BACK_NO_STATUS BIT(4)
#define READ_BACK_CHANNEL(n) BIT(1 + (n))

enum { ACCESS_LATCH, ACCESS_LOW, ACCESS_HIGH, ACCESS_BOTH };
enum { /* modes */
	TERMINAL_COUNT,
	ONE_SHOT,
	RATE,
	SQUARE,
	SOFT_STROBE,
	HARD_STROBE,
};

#define STATUS_OUT BIT(7)
#define STATUS_NULL BIT(6)

#define PORT61_GATE2 BIT(0)
#define PORT61_WRITABLE 0x0f /* gate, speaker, and the two NMI masks */
#define PORT61_REFRESH BIT(4)
#define PORT61_OUT2 BIT(5)
#define REFRESH_TICKS 18 /* what the PC's firmware programs channel 1 for: 15 us */

#define EDGES_OWED_MAX 32
#define EDGE_GAP_NS (50 * NS_PER_US)
#define NO_TICK INT64_MAX

static s64 vpit_tick(const struct vpit *p)
{
	return (s64)vclock_ns_to_ticks(vclock_now(p->clock), VPIT_HZ);
}

/* ---- what a channel's counter and output are at a given tick ---- */

static bool periodic(const struct vpit_channel *c)
{
	return c->mode == RATE || c->mode == SQUARE;
}

static bool gate_triggered(const struct vpit_channel *c)
{
	return c->mode == ONE_SHOT || c->mode == HARD_STROBE;
}

static u32 channel_modulus(const struct vpit_channel *c)
{
	return c->control & CONTROL_BCD ? 10000 : 65536;
}

static s64 channel_elapsed(const struct vpit_channel *c, s64 tick)
{
	return c->phase == VPIT_RUNNING ? tick - c->load_tick : c->held;
}

/*
 * Mode 3: ticks of the part of the period in which OUT is high; an odd count makes it one longer.
 */
static u32 square_high(u32 count)
{
	return (count + 1) / 2;
}

static u16 channel_encode(const struct vpit_channel *c, u32 v)
{
	v %= channel_modulus(c);
	if (!(c->control & CONTROL_BCD))
		return (u16)v;
	return (u16)(v / 1000 << 12 | v / 100 % 10 << 8 | v / 10 % 10 << 4 | v % 10);
}

static u32 channel_decode(const struct vpit_channel *c, u16 v)
{
	if (c->control & CONTROL_BCD)
		v = (u16)((v >> 12) * 1000 + (v >> 8 & 15) * 100 + (v >> 4 & 15) * 10 + (v & 15));
	return v ? v : channel_modulus(c);
}

/* The counter as the guest reads it. */
static u16 channel_value(const struct vpit_channel *c, s64 tick)
{
	s64 e = channel_elapsed(c, tick);
	u32 m = channel_modulus(c), at, high;

	if (c->phase == VPIT_EMPTY || c->phase == VPIT_WAITING || e < 0)
		return c->stale;
	switch (c->mode) {
	case RATE:
		return channel_encode(c, c->count - (u32)(e % c->count));
	case SQUARE: /* counts down by two, once in each half of the period */
		at = (u32)(e % c->count);
		high = square_high(c->count);
		return channel_encode(c, (c->count & ~1u) - 2 * (at < high ? at : at - high));
	default: /* goes on from 0 to the largest count */
		return channel_encode(c, c->count % m + m - (u32)(e % m));
	}
}

static bool channel_out(const struct vpit_channel *c, s64 tick)
{
	s64 e = channel_elapsed(c, tick);
	bool counts = c->phase == VPIT_RUNNING && e >= 0;

	switch (c->mode) {
	case TERMINAL_COUNT:
		return (c->phase == VPIT_RUNNING || c->phase == VPIT_HELD) && e >= c->count;
	case ONE_SHOT:
		return !counts || e >= c->count;
	case RATE: /* low during the last tick; a count of 1 is not allowed and never low here */
		return !counts || c->count == 1 || e % c->count != c->count - 1;
	case SQUARE:
		return !counts || e % c->count < square_high(c->count);
	default:
		return !(c->phase == VPIT_RUNNING || c->phase == VPIT_HELD) || e != c->count;
	}
}

/* Rising edges of OUT since the count was loaded. */
static s64 channel_edges(const struct vpit_channel *c, s64 tick)
{
	s64 e = tick - c->load_tick;

	if (c->phase != VPIT_RUNNING || e < 0)
		return 0;
	if (periodic(c))
		return e / c->count;
	if (c->mode == ONE_SHOT || c->mode == TERMINAL_COUNT)
		return e >= c->count;
	return e > c->count;
}

/* ---- loading ---- */

/* The next clock pulse takes the count into the counter. */
static void channel_load(struct vpit_channel *c, s64 tick)
{
	c->stale = channel_value(c, tick);
	c->count = c->reload;
	c->reload_pending = false;
	c->load_tick = tick + 1;
	c->held = 0;
	c->edges_sent = 0;
	c->phase = c->gate || gate_triggered(c) ? VPIT_RUNNING : VPIT_HELD;
}

/* Modes 2 and 3: a count that was written while another one counts has been loaded by now? */
static void channel_sync(struct vpit_channel *c, s64 tick)
{
	bool mid;

	if (!periodic(c) || c->phase != VPIT_RUNNING || !c->reload_pending || tick < c->reload_tick)
		return;
	mid = (c->reload_tick - c->load_tick) % c->count != 0;
	/* Interrupts that are owed stay owed. */
	c->edges_sent -= channel_edges(c, c->reload_tick);
	c->count = c->reload;
	c->reload_pending = false;
	/* Mode 3 loads at half time as well, and the new count's low half follows. */
	c->load_tick = c->reload_tick - (mid ? square_high(c->count) : 0);
}

/* Modes 2 and 3: when the present period, or in mode 3 its half, ends. */
static s64 channel_boundary(const struct vpit_channel *c, s64 tick)
{
	s64 e = tick - c->load_tick, start = c->load_tick + e / c->count * c->count;

	if (c->mode == SQUARE && e % c->count < square_high(c->count) && c->count > 1)
		return start + square_high(c->count);
	return start + c->count;
}

static void channel_write_count(struct vpit_channel *c, s64 tick, u16 value)
{
	c->reload = channel_decode(c, value);
	if (gate_triggered(c)) {
		c->reload_pending = true;
		if (c->phase == VPIT_EMPTY)
			c->phase = VPIT_WAITING;
	} else if (periodic(c) && c->phase == VPIT_RUNNING && tick >= c->load_tick) {
		c->reload_pending = true;
		c->reload_tick = channel_boundary(c, tick);
	} else {
		channel_load(c, tick);
	}
}

static void channel_write(struct vpit_channel *c, s64 tick, u8 v)
{
	switch (CONTROL_ACCESS(c->control)) {
	case ACCESS_LOW:
		channel_write_count(c, tick, v);
		return;
	case ACCESS_HIGH:
		channel_write_count(c, tick, (u16)(v << 8));
		return;
	default:
		break;
	}
	if (c->write_second) {
		channel_write_count(c, tick, (u16)(v << 8 | c->write_low));
	} else {
		c->write_low = v;
		/* In mode 0 the first byte stops the counter. */
		if (c->mode == TERMINAL_COUNT) {
			c->stale = channel_value(c, tick);
			c->phase = VPIT_EMPTY;
		}
	}
	c->write_second = !c->write_second;
}

static void channel_program(struct vpit_channel *c, s64 tick, u8 control)
{
	u8 mode = CONTROL_MODE(control);

	c->stale = channel_value(c, tick);
	c->phase = VPIT_EMPTY;
	c->control = control & CONTROL_KEPT;
	c->mode = mode > HARD_STROBE ? mode - 4 : mode; /* 6 and 7 are 2 and 3 */
	c->reload_pending = c->write_second = c->read_second = c->status_latched = false;
	c->latch_left = 0;
	c->edges_sent = 0;
}

static void channel_set_gate(struct vpit_channel *c, s64 tick, bool level)
{
	if (c->gate == level)
		return;
	c->gate = level;
	if (gate_triggered(c)) {
		if (level && c->phase != VPIT_EMPTY)
			channel_load(c, tick);
	} else if (level && c->phase == VPIT_HELD) {
		if (periodic(c)) {
			channel_load(c, tick);
		} else {
			c->load_tick = tick - c->held;
			c->phase = VPIT_RUNNING;
		}
	} else if (!level && c->phase == VPIT_RUNNING) {
		c->held = MAX(tick - c->load_tick, 0);
		c->phase = VPIT_HELD;
	}
}

/* ---- reading ---- */

/* A count that was latched and not read stays. */
static void channel_latch(struct vpit_channel *c, s64 tick)
{
	if (c->latch_left)
		return;
	c->latch = channel_value(c, tick);
	c->latch_left = CONTROL_ACCESS(c->control) == ACCESS_BOTH ? 2 : 1;
}

static void channel_latch_status(struct vpit_channel *c, s64 tick)
{
	bool null = c->phase == VPIT_EMPTY || c->reload_pending ||
		    (c->phase == VPIT_RUNNING && tick < c->load_tick);

	if (c->status_latched)
		return;
	c->status_latched = true;
	c->status = c->control | (channel_out(c, tick) ? STATUS_OUT : 0) | (null ? STATUS_NULL : 0);
}

static u8 channel_read(struct vpit_channel *c, s64 tick)
{
	u16 v = c->latch_left ? c->latch : channel_value(c, tick);
	bool high;

	if (c->status_latched) {
		c->status_latched = false;
		return c->status;
	}
	switch (CONTROL_ACCESS(c->control)) {
	case ACCESS_LOW:
		high = false;
		break;
	case ACCESS_HIGH:
		high = true;
		break;
	default:
		high = c->latch_left ? c->latch_left == 1 : c->read_second;
		if (!c->latch_left)
			c->read_second = !c->read_second;
		break;
	}
	if (c->latch_left)
		c->latch_left--;
	return high ? v >> 8 : (u8)v;
}

/* ---- channel 0's interrupts ---- */

/* The tick at which channel 0 has to be looked at again. */
static s64 next_edge(const struct vpit_channel *c)
{
	s64 tick;

	if (c->phase != VPIT_RUNNING || gate_triggered(c))
		return NO_TICK;
	if (periodic(c)) {
		tick = c->load_tick + (c->edges_sent + 1) * c->count;
		return c->reload_pending ? MIN(tick, c->reload_tick) : tick;
	}
	if (c->edges_sent)
		return NO_TICK;
	return c->load_tick + c->count + (c->mode == SOFT_STROBE ? 1 : 0);
}

static u64 tick_to_ns(s64 tick)
{
	return tick > 0 ? vclock_ticks_to_ns((u64)tick, VPIT_HZ) : 0;
}

static void vpit_schedule(struct vpit *p, u64 earliest)
{
	s64 next = next_edge(&p->state.channel[0]);

	if (next == NO_TICK)
		vtimer_cancel(&p->timer);
	else
		vtimer_arm(&p->timer, MAX(tick_to_ns(next), earliest));
}

/* Delivers an edge that is due, at most one. True if there was one. */
static bool vpit_deliver(struct vpit *p)
{
	struct vpit_channel *c = &p->state.channel[0];
	s64 tick = vpit_tick(p), owed;

	channel_sync(c, tick);
	owed = channel_edges(c, tick) - c->edges_sent;
	if (owed <= 0)
		return false;
	if (owed > EDGES_OWED_MAX)
		c->edges_sent += owed - EDGES_OWED_MAX;
	c->edges_sent++;
	irqline_set(&p->line, false);
	irqline_set(&p->line, true);
	return true;
}

static void vpit_expired(void *arg)
{
	struct vpit *p = arg;
	struct vpit_channel *c = &p->state.channel[0];
	bool sent = vpit_deliver(p), behind = channel_edges(c, vpit_tick(p)) > c->edges_sent;
	u64 gap = sent ? EDGE_GAP_NS : 0;

	if (sent && behind)
		gap = MAX(gap, tick_to_ns(c->count) / 2);
	vpit_schedule(p, vclock_now(p->clock) + gap);
}

/* The line between two edges: high, but for mode 0 before its end. */
static void vpit_drive(struct vpit *p)
{
	const struct vpit_channel *c = &p->state.channel[0];

	irqline_set(&p->line, c->mode != TERMINAL_COUNT || c->edges_sent > 0);
	vpit_schedule(p, 0);
}

/* ---- ports ---- */

static void read_back(struct vpit *p, s64 tick, u8 v)
{
	for (unsigned i = 0; i < ARRAY_SIZE(p->state.channel); i++) {
		struct vpit_channel *c = &p->state.channel[i];

		if (!(v & READ_BACK_CHANNEL(i)))
			continue;
		channel_sync(c, tick);
		if (!(v & READ_BACK_NO_COUNT))
			channel_latch(c, tick);
		if (!(v & READ_BACK_NO_STATUS))
			channel_latch_status(c, tick);
	}
}

static void write_control(struct vpit *p, s64 tick, u8 v)
{
	unsigned n = CONTROL_SELECT(v);
	struct vpit_channel *c;

	if (n == SELECT_READ_BACK) {
		read_back(p, tick, v);
		return;
	}
	c = &p->state.channel[n];
	channel_sync(c, tick);
	if (CONTROL_ACCESS(v) == ACCESS_LATCH) {
		channel_latch(c, tick);
		return;
	}
	channel_program(c, tick, v);
	if (n == 0)
		vpit_drive(p);
}

static void vpit_write(struct vpit *p, unsigned reg, u8 v)
{
	s64 tick = vpit_tick(p);

	/* What was due before a change happens before it. */
	if (reg == 0 || reg == CONTROL_REG)
		vpit_deliver(p);
	if (reg == CONTROL_REG) {
		write_control(p, tick, v);
		return;
	}
	channel_sync(&p->state.channel[reg], tick);
	channel_write(&p->state.channel[reg], tick, v);
	if (reg == 0)
		vpit_drive(p);
}

static u8 vpit_read(struct vpit *p, unsigned reg)
{
	s64 tick = vpit_tick(p);

	if (reg == CONTROL_REG)
		return 0xff; /* the control word cannot be read: nobody drives the bus */
	channel_sync(&p->state.channel[reg], tick);
	return channel_read(&p->state.channel[reg], tick);
}

static void vpit_io(void *dev, struct io_access *a)
{
	if (a->write)
		vpit_write(dev, (unsigned)a->addr, (u8)a->value);
	else
		a->value = vpit_read(dev, (unsigned)a->addr);
}

/* There is no loudspeaker behind the speaker bit. */
static void port61_io(void *dev, struct io_access *a)
{
	struct vpit *p = dev;
	struct vpit_channel *c = &p->state.channel[2];
	s64 tick = vpit_tick(p);

	channel_sync(c, tick);
	if (a->write) {
		p->state.port61 = a->value & PORT61_WRITABLE;
		channel_set_gate(c, tick, a->value & PORT61_GATE2);
	} else {
		a->value = p->state.port61 | (tick / REFRESH_TICKS & 1 ? PORT61_REFRESH : 0) |
			   (channel_out(c, tick) ? PORT61_OUT2 : 0);
	}
}

/*
 * The data sheet leaves the state at power-on undefined. There is no firmware that would program
 * the chip, so it starts as one leaves it: channel 0 at 18.2 Hz, channel 1 for refresh, channel 2
 * silent.
 */
void vpit_reset(struct vpit *p)
{
	s64 tick = vpit_tick(p);

	memset(&p->state, 0, sizeof(p->state));
	for (unsigned i = 0; i < 2; i++)
		p->state.channel[i].gate = true;
	channel_program(&p->state.channel[0], tick, ACCESS_BOTH << 4 | SQUARE << 1);
	channel_write_count(&p->state.channel[0], tick, 0);
	channel_program(&p->state.channel[1], tick, ACCESS_LOW << 4 | RATE << 1);
	channel_write_count(&p->state.channel[1], tick, REFRESH_TICKS);
	channel_program(&p->state.channel[2], tick, ACCESS_BOTH << 4 | SQUARE << 1);
	vpit_drive(p);
}

int vpit_init(struct vpit *p, struct iobus *bus, struct vclock *clock, struct irqline line)
{
	int r;

	p->line = line;
	p->clock = clock;
	vtimer_init(&p->timer, clock, vpit_expired, p);
	vpit_reset(p);
	r = iobus_add_bytes(bus, IO_PORT, VPIT_PORT, 4, "pit", vpit_io, p);
	if (r == 0)
		r = iobus_add_bytes(bus, IO_PORT, VPIT_PORT61, 1, "port61", port61_io, p);
	return r;
}
