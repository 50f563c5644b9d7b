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
#define CONTROL_SELECT(v) ((v) >> 6)
#define SELECT_READ_BACK 3
#define READ_BACK_NO_COUNT BIT(5)
#define READ_BACK_NO_STATUS BIT(4)
#define READ_BACK_CHANNEL(n) BIT(1 + (n))

#define PORT61_GATE2 BIT(0)
#define PORT61_WRITABLE 0x0f /* gate, speaker, and the two NMI masks */
#define PORT61_REFRESH BIT(4)
#define PORT61_OUT2 BIT(5)
#define REFRESH_TICKS 18 /* what the PC's firmware programs channel 1 for: 15 us */

#define EDGES_OWED_MAX 32
#define EDGE_GAP_NS (50 * NS_PER_US)

static s64 vpit_tick(const struct vpit *p)
{
	return (s64)vclock_ns_to_ticks(vclock_now(p->clock), VPIT_HZ);
}

/* ---- channel 0's interrupts ---- */

static u64 tick_to_ns(s64 tick)
{
	return tick > 0 ? vclock_ticks_to_ns((u64)tick, VPIT_HZ) : 0;
}

static void vpit_schedule(struct vpit *p, u64 earliest)
{
	s64 next = vpit_channel_next_edge(&p->state.channel[0]);

	if (next == VPIT_NO_TICK)
		vtimer_cancel(&p->timer);
	else
		vtimer_arm(&p->timer, MAX(tick_to_ns(next), earliest));
}

/* Delivers an edge that is due, at most one. True if there was one. */
static bool vpit_deliver(struct vpit *p)
{
	struct vpit_channel *c = &p->state.channel[0];
	s64 tick = vpit_tick(p), owed;

	vpit_channel_sync(c, tick);
	owed = vpit_channel_edges(c, tick) - c->edges_sent;
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
	bool sent = vpit_deliver(p), behind = vpit_channel_edges(c, vpit_tick(p)) > c->edges_sent;
	u64 gap = sent ? EDGE_GAP_NS : 0;

	if (sent && behind)
		gap = MAX(gap, tick_to_ns(c->count) / 2);
	vpit_schedule(p, vclock_now(p->clock) + gap);
}

/* The line between two edges: high, but for mode 0 before its end. */
static void vpit_drive(struct vpit *p)
{
	const struct vpit_channel *c = &p->state.channel[0];

	irqline_set(&p->line, c->mode != VPIT_TERMINAL_COUNT || c->edges_sent > 0);
	vpit_schedule(p, 0);
}

/* ---- ports ---- */

static void read_back(struct vpit *p, s64 tick, u8 v)
{
	for (unsigned i = 0; i < ARRAY_SIZE(p->state.channel); i++) {
		struct vpit_channel *c = &p->state.channel[i];

		if (!(v & READ_BACK_CHANNEL(i)))
			continue;
		vpit_channel_sync(c, tick);
		if (!(v & READ_BACK_NO_COUNT))
			vpit_channel_latch(c, tick);
		if (!(v & READ_BACK_NO_STATUS))
			vpit_channel_latch_status(c, tick);
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
	vpit_channel_sync(c, tick);
	if (VPIT_CONTROL_ACCESS(v) == VPIT_LATCH) {
		vpit_channel_latch(c, tick);
		return;
	}
	vpit_channel_program(c, tick, v);
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
	vpit_channel_sync(&p->state.channel[reg], tick);
	vpit_channel_write(&p->state.channel[reg], tick, v);
	if (reg == 0)
		vpit_drive(p);
}

static u8 vpit_read(struct vpit *p, unsigned reg)
{
	s64 tick = vpit_tick(p);

	if (reg == CONTROL_REG)
		return 0xff; /* the control word cannot be read: nobody drives the bus */
	vpit_channel_sync(&p->state.channel[reg], tick);
	return vpit_channel_read(&p->state.channel[reg], tick);
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

	vpit_channel_sync(c, tick);
	if (a->write) {
		p->state.port61 = a->value & PORT61_WRITABLE;
		vpit_channel_set_gate(c, tick, a->value & PORT61_GATE2);
	} else {
		a->value = p->state.port61 | (tick / REFRESH_TICKS & 1 ? PORT61_REFRESH : 0) |
			   (vpit_channel_out(c, tick) ? PORT61_OUT2 : 0);
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
	vpit_channel_program(&p->state.channel[0], tick, VPIT_BOTH << 4 | VPIT_SQUARE << 1);
	vpit_channel_write_count(&p->state.channel[0], tick, 0);
	vpit_channel_program(&p->state.channel[1], tick, VPIT_LOW << 4 | VPIT_RATE << 1);
	vpit_channel_write_count(&p->state.channel[1], tick, REFRESH_TICKS);
	vpit_channel_program(&p->state.channel[2], tick, VPIT_BOTH << 4 | VPIT_SQUARE << 1);
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
