/* 8254 data sheet (Intel 231164), "Mode definitions" and "Operation common to all modes". */
#include "vmm/dev/vpit_channel.h"

#define CONTROL_KEPT 0x3f

static bool periodic(const struct vpit_channel *c)
{
	return c->mode == VPIT_RATE || c->mode == VPIT_SQUARE;
}

static bool gate_triggered(const struct vpit_channel *c)
{
	return c->mode == VPIT_ONE_SHOT || c->mode == VPIT_HARD_STROBE;
}

static u32 channel_modulus(const struct vpit_channel *c)
{
	return c->control & VPIT_CONTROL_BCD ? 10000 : 65536;
}

static s64 channel_elapsed(const struct vpit_channel *c, s64 tick)
{
	return c->phase == VPIT_RUNNING ? tick - c->load_tick : c->held;
}

/* Mode 3: ticks of the period in which OUT is high; an odd count makes it one longer. */
static u32 square_high(u32 count)
{
	return (count + 1) / 2;
}

static u16 channel_encode(const struct vpit_channel *c, u32 v)
{
	v %= channel_modulus(c);
	if (!(c->control & VPIT_CONTROL_BCD))
		return (u16)v;
	return (u16)(v / 1000 << 12 | v / 100 % 10 << 8 | v / 10 % 10 << 4 | v % 10);
}

static u32 channel_decode(const struct vpit_channel *c, u16 v)
{
	if (c->control & VPIT_CONTROL_BCD)
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
	case VPIT_RATE: return channel_encode(c, c->count - (u32)(e % c->count));
	case VPIT_SQUARE: /* counts down by two, once in each half of the period */
		at = (u32)(e % c->count);
		high = square_high(c->count);
		return channel_encode(c, (c->count & ~1u) - 2 * (at < high ? at : at - high));
	default: /* goes on from 0 to the largest count */
		return channel_encode(c, c->count % m + m - (u32)(e % m));
	}
}

bool vpit_channel_out(const struct vpit_channel *c, s64 tick)
{
	s64 e = channel_elapsed(c, tick);
	bool counts = c->phase == VPIT_RUNNING && e >= 0;

	switch (c->mode) {
	case VPIT_TERMINAL_COUNT:
		return (c->phase == VPIT_RUNNING || c->phase == VPIT_HELD) && e >= c->count;
	case VPIT_ONE_SHOT: return !counts || e >= c->count;
	case VPIT_RATE: /* low during the last tick; a count of 1 is not allowed, never low here */
		return !counts || c->count == 1 || e % c->count != c->count - 1;
	case VPIT_SQUARE: return !counts || e % c->count < square_high(c->count);
	default: return !(c->phase == VPIT_RUNNING || c->phase == VPIT_HELD) || e != c->count;
	}
}

s64 vpit_channel_edges(const struct vpit_channel *c, s64 tick)
{
	s64 e = tick - c->load_tick;

	if (c->phase != VPIT_RUNNING || e < 0)
		return 0;
	if (periodic(c))
		return e / c->count;
	if (c->mode == VPIT_ONE_SHOT || c->mode == VPIT_TERMINAL_COUNT)
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

void vpit_channel_sync(struct vpit_channel *c, s64 tick)
{
	bool mid;

	if (!periodic(c) || c->phase != VPIT_RUNNING || !c->reload_pending || tick < c->reload_tick)
		return;
	mid = (c->reload_tick - c->load_tick) % c->count != 0;
	/* Interrupts that are owed stay owed. */
	c->edges_sent -= vpit_channel_edges(c, c->reload_tick);
	c->count = c->reload;
	c->reload_pending = false;
	/* Mode 3 loads at half time as well, and the new count's low half follows. */
	c->load_tick = c->reload_tick - (mid ? square_high(c->count) : 0);
}

/* Modes 2 and 3: when the present period, or in mode 3 its half, ends. */
static s64 channel_boundary(const struct vpit_channel *c, s64 tick)
{
	s64 e = tick - c->load_tick, start = c->load_tick + e / c->count * c->count;

	if (c->mode == VPIT_SQUARE && e % c->count < square_high(c->count) && c->count > 1)
		return start + square_high(c->count);
	return start + c->count;
}

void vpit_channel_write_count(struct vpit_channel *c, s64 tick, u16 value)
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

void vpit_channel_write(struct vpit_channel *c, s64 tick, u8 v)
{
	switch (VPIT_CONTROL_ACCESS(c->control)) {
	case VPIT_LOW: vpit_channel_write_count(c, tick, v); return;
	case VPIT_HIGH: vpit_channel_write_count(c, tick, (u16)(v << 8)); return;
	default: break;
	}
	if (c->write_second) {
		vpit_channel_write_count(c, tick, (u16)(v << 8 | c->write_low));
	} else {
		c->write_low = v;
		/* In mode 0 the first byte stops the counter. */
		if (c->mode == VPIT_TERMINAL_COUNT) {
			c->stale = channel_value(c, tick);
			c->phase = VPIT_EMPTY;
		}
	}
	c->write_second = !c->write_second;
}

void vpit_channel_program(struct vpit_channel *c, s64 tick, u8 control)
{
	u8 mode = VPIT_CONTROL_MODE(control);

	c->stale = channel_value(c, tick);
	c->phase = VPIT_EMPTY;
	c->control = control & CONTROL_KEPT;
	c->mode = mode > VPIT_HARD_STROBE ? mode - 4 : mode; /* 6 and 7 are 2 and 3 */
	c->reload_pending = c->write_second = c->read_second = c->status_latched = false;
	c->latch_left = 0;
	c->edges_sent = 0;
}

void vpit_channel_set_gate(struct vpit_channel *c, s64 tick, bool level)
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
void vpit_channel_latch(struct vpit_channel *c, s64 tick)
{
	if (c->latch_left)
		return;
	c->latch = channel_value(c, tick);
	c->latch_left = VPIT_CONTROL_ACCESS(c->control) == VPIT_BOTH ? 2 : 1;
}

void vpit_channel_latch_status(struct vpit_channel *c, s64 tick)
{
	bool null = c->phase == VPIT_EMPTY || c->reload_pending ||
		    (c->phase == VPIT_RUNNING && tick < c->load_tick);

	if (c->status_latched)
		return;
	c->status_latched = true;
	c->status = c->control | (null ? VPIT_STATUS_NULL : 0) |
		    (vpit_channel_out(c, tick) ? VPIT_STATUS_OUT : 0);
}

u8 vpit_channel_read(struct vpit_channel *c, s64 tick)
{
	u16 v = c->latch_left ? c->latch : channel_value(c, tick);
	bool high;

	if (c->status_latched) {
		c->status_latched = false;
		return c->status;
	}
	switch (VPIT_CONTROL_ACCESS(c->control)) {
	case VPIT_LOW: high = false; break;
	case VPIT_HIGH: high = true; break;
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

s64 vpit_channel_next_edge(const struct vpit_channel *c)
{
	s64 tick;

	if (c->phase != VPIT_RUNNING || gate_triggered(c))
		return VPIT_NO_TICK;
	if (periodic(c)) {
		tick = c->load_tick + (c->edges_sent + 1) * c->count;
		return c->reload_pending ? MIN(tick, c->reload_tick) : tick;
	}
	if (c->edges_sent)
		return VPIT_NO_TICK;
	return c->load_tick + c->count + (c->mode == VPIT_SOFT_STROBE ? 1 : 0);
}
