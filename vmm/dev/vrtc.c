/*
 * MC146818, by its data sheet (Motorola, 1984), with the 32.768 kHz time base of a PC and 114 bytes
 * of battery-backed memory, of which some have a meaning that firmware gave them.
 *
 * Nothing ticks here. The time registers are computed when a guest looks at them, and the flags of
 * register C are brought up to date at the same moments; a vtimer runs for enabled interrupts
 * alone.
 *
 * The clock's own seconds begin where (wall time + phase) is a whole second. The update is
 * instantaneous at that moment, and UIP is set during the 244 us before, as the data sheet
 * promises. "Daylight saving" is only remembered: its American rules of 1984 are worse than none.
 */
#include "vmm/dev/vrtc.h"

#include "error.h"
#include "lib/string.h"
#include "vmm/dev/vrtc_time.h"

#define PORT_INDEX 0
#define INDEX_MASK 0x7f /* bit 7 masks NMIs on a PC; there are none */

#define REG_A 0x0a
#define REG_B 0x0b
#define REG_C 0x0c
#define REG_D 0x0d

#define A_UIP BIT(7)
#define A_DIVIDER 0x70
#define A_DIVIDER_32K 0x20
#define A_RATE 0x0f
#define B_SET BIT(7)
#define B_PIE BIT(6)
#define B_AIE BIT(5)
#define B_UIE BIT(4)
#define B_SQWE BIT(3)
#define B_24H BIT(1)
#define C_IRQF BIT(7)
#define C_PF BIT(6) /* the flags have the bits of their enables in B */
#define C_AF BIT(5)
#define C_UF BIT(4)
#define D_VRT BIT(7)

/* What firmware leaves in the memory; from the AT's technical reference and SeaBIOS. */
#define CMOS_EQUIPMENT 0x14
#define EQUIPMENT_FPU BIT(1)
#define CMOS_BASE_KB 0x15
#define CMOS_EXTENDED_KB 0x17
#define CMOS_CHECKSUM 0x2e
#define CMOS_CHECKSUM_FIRST 0x10
#define CMOS_CHECKSUM_LAST 0x2d
#define CMOS_EXTENDED_KB_FOUND 0x30
#define CMOS_ABOVE_16M 0x34 /* in units of 64 KiB */
#define CMOS_ABOVE_4G 0x5b  /* three bytes, in units of 64 KiB */
#define BASE_KB 640

#define TICK_HZ 32768ull
#define UIP_NS (244 * NS_PER_US)
/* The first update comes half a second after the divider is let go. */
#define DIVIDER_START_NS (NS_PER_SEC / 2)

static bool divider_runs(const struct vrtc_state *s)
{
	return (s->ram[REG_A] & A_DIVIDER) <= A_DIVIDER_32K;
}

static bool clock_runs(const struct vrtc_state *s)
{
	return divider_runs(s) && !(s->ram[REG_B] & B_SET);
}

/* The clock's own time: its divider chain's position and its seconds. */
static u64 clock_ns(const struct vrtc *r)
{
	return vclock_wall(r->clock) + r->state.phase_ns;
}

static s64 clock_second(const struct vrtc *r)
{
	return (s64)(clock_ns(r) / NS_PER_SEC);
}

static u64 clock_tick(const struct vrtc *r)
{
	return vclock_ns_to_ticks(clock_ns(r), TICK_HZ);
}

/* The time of day, in seconds since 1970, at a second of the clock. */
static s64 time_at(const struct vrtc_state *s, s64 second)
{
	return s->raw ? vrtc_time_decode(s->ram) + (second - s->raw_second) : second + s->offset;
}

/* Register A's rates as a power of two of ticks; -1: none. */
static int rate_shift(const struct vrtc_state *s)
{
	unsigned rate = s->ram[REG_A] & A_RATE;

	return rate == 0 ? -1 : rate < 3 ? (int)rate + 6 : (int)rate - 1;
}

/*
 * Brings the time registers up to date and returns the clock's second. What the guest wrote stands
 * as it is until the next second, so that it may write a date that is only valid when all of it is
 * there.
 */
static s64 time_refresh(struct vrtc *r)
{
	struct vrtc_state *s = &r->state;
	s64 second = clock_second(r);

	if (!clock_runs(s) || (s->raw && second == s->raw_second))
		return second;
	if (s->raw) {
		s64 written = vrtc_time_decode(s->ram);

		s->offset = written - s->raw_second;
		s->weekday_shift = vrtc_weekday_shift(s->ram, written);
		s->raw = false;
	}
	vrtc_time_encode(s->ram, second + s->offset, s->weekday_shift);
	return second;
}

/* The registers hold the time of this second, whatever the clock did before. */
static void time_take(struct vrtc *r, s64 second)
{
	r->state.raw = true;
	r->state.raw_second = second;
}

/* Sets the flags for everything that happened since the last look, and drives the line. */
static void flags_update(struct vrtc *r)
{
	struct vrtc_state *s = &r->state;
	s64 second = clock_second(r);
	u64 tick = clock_tick(r);
	int shift = rate_shift(s);
	u8 *c = &s->ram[REG_C];

	if (clock_runs(s) && second > s->seen_second) {
		*c |= C_UF;
		if (vrtc_alarm_next(s->ram, time_at(s, s->seen_second)) <= time_at(s, second))
			*c |= C_AF;
	}
	if (divider_runs(s) && shift >= 0 && tick >> shift > s->seen_tick >> shift)
		*c |= C_PF;
	s->seen_second = second;
	s->seen_tick = tick;
	*c = (*c & ~C_IRQF) | (*c & s->ram[REG_B] & (C_PF | C_AF | C_UF) ? C_IRQF : 0);
	irqline_set(&r->line, *c & C_IRQF);
}

/* The clock_ns() of the next interrupt that is enabled and not flagged yet; ~0: none. */
static u64 next_interrupt(const struct vrtc *r)
{
	const struct vrtc_state *s = &r->state;
	u8 wanted = s->ram[REG_B] & ~s->ram[REG_C];
	int shift = rate_shift(s);
	s64 second = clock_second(r), now, alarm;
	u64 next = VCLOCK_NEVER;

	if ((wanted & C_PF) && divider_runs(s) && shift >= 0)
		next = vclock_ticks_to_ns(((clock_tick(r) >> shift) + 1) << shift, TICK_HZ);
	if (!clock_runs(s))
		return next;
	if (wanted & C_UF)
		next = MIN(next, (u64)(second + 1) * NS_PER_SEC);
	if (wanted & C_AF) {
		now = time_at(s, second);
		alarm = vrtc_alarm_next(s->ram, now);
		if (alarm != VRTC_NEVER)
			next = MIN(next, (u64)(second + (alarm - now)) * NS_PER_SEC);
	}
	return next;
}

static void vrtc_schedule(struct vrtc *r)
{
	u64 next = next_interrupt(r);

	if (next == VCLOCK_NEVER)
		vtimer_cancel(&r->timer);
	else
		vtimer_arm(&r->timer, vclock_now(r->clock) + (next - clock_ns(r)));
}

static void vrtc_update(struct vrtc *r)
{
	flags_update(r);
	vrtc_schedule(r);
}

static void vrtc_expired(void *arg)
{
	vrtc_update(arg);
}

static bool update_in_progress(const struct vrtc *r)
{
	return clock_runs(&r->state) && clock_ns(r) % NS_PER_SEC >= NS_PER_SEC - UIP_NS;
}

static u8 read_c(struct vrtc *r)
{
	u8 v;

	flags_update(r);
	v = r->state.ram[REG_C];
	r->state.ram[REG_C] = 0;
	vrtc_update(r);
	return v;
}

static u8 vrtc_read(struct vrtc *r)
{
	struct vrtc_state *s = &r->state;

	switch (s->index) {
	case REG_A: return s->ram[REG_A] | (update_in_progress(r) ? A_UIP : 0);
	case REG_C: return read_c(r);
	default:
		if (vrtc_is_time(s->index))
			(void)time_refresh(r);
		return s->ram[s->index];
	}
}

/* A divider that is let go starts a second of its own. */
static void divider_start(struct vrtc *r)
{
	struct vrtc_state *s = &r->state;
	u64 at = clock_ns(r) % NS_PER_SEC;

	s->phase_ns = (s->phase_ns + NS_PER_SEC + DIVIDER_START_NS - at) % NS_PER_SEC;
	s->seen_second = clock_second(r);
	s->seen_tick = clock_tick(r);
}

/* A and B: stop and start the clock. */
static void write_control(struct vrtc *r, unsigned reg, u8 v)
{
	struct vrtc_state *s = &r->state;
	bool ran = clock_runs(s), divided = divider_runs(s);

	(void)time_refresh(r);
	s->ram[reg] = v;
	if (!divided && divider_runs(s))
		divider_start(r);
	if (!ran && clock_runs(s))
		time_take(r, clock_second(r));
}

static void vrtc_write(struct vrtc *r, u8 v)
{
	struct vrtc_state *s = &r->state;

	flags_update(r); /* under the old settings */
	switch (s->index) {
	case REG_A: write_control(r, REG_A, v & ~A_UIP); break;
	case REG_B: write_control(r, REG_B, v & B_SET ? v & ~B_UIE : v); break;
	case REG_C:
	case REG_D: return;
	default:
		if (vrtc_is_time(s->index))
			time_take(r, time_refresh(r));
		s->ram[s->index] = v;
		break;
	}
	vrtc_update(r);
}

static void vrtc_io(void *dev, struct io_access *a)
{
	struct vrtc *r = dev;

	if (a->addr == PORT_INDEX && a->write)
		r->state.index = a->value & INDEX_MASK;
	else if (a->addr == PORT_INDEX)
		a->value = 0xff; /* the index cannot be read back on a PC */
	else if (a->write)
		vrtc_write(r, (u8)a->value);
	else
		a->value = vrtc_read(r);
}

static void cmos_set(struct vrtc_state *s, unsigned at, u64 value, unsigned bytes)
{
	u64 max = (1ull << bytes * 8) - 1;

	value = MIN(value, max);
	for (unsigned i = 0; i < bytes; i++)
		s->ram[at + i] = (u8)(value >> i * 8);
}

static void cmos_fill(struct vrtc_state *s, u64 below_4g, u64 above_4g)
{
	u64 extended = below_4g > MIB ? (below_4g - MIB) / KIB : 0;
	u64 above_16m = below_4g > 16 * MIB ? (below_4g - 16 * MIB) / (64 * KIB) : 0;
	u16 sum = 0;

	s->ram[CMOS_EQUIPMENT] = EQUIPMENT_FPU; /* no diskettes, a display with a ROM of its own */
	cmos_set(s, CMOS_BASE_KB, BASE_KB, 2);
	cmos_set(s, CMOS_EXTENDED_KB, extended, 2);
	cmos_set(s, CMOS_EXTENDED_KB_FOUND, extended, 2);
	cmos_set(s, CMOS_ABOVE_16M, above_16m, 2);
	cmos_set(s, CMOS_ABOVE_4G, above_4g / (64 * KIB), 3);
	for (unsigned i = CMOS_CHECKSUM_FIRST; i <= CMOS_CHECKSUM_LAST; i++)
		sum += s->ram[i];
	s->ram[CMOS_CHECKSUM] = sum >> 8;
	s->ram[CMOS_CHECKSUM + 1] = (u8)sum;
}

void vrtc_reset(struct vrtc *r)
{
	struct vrtc_state *s = &r->state;

	flags_update(r);
	s->index = 0;
	s->ram[REG_B] &= ~(B_PIE | B_AIE | B_UIE | B_SQWE);
	s->ram[REG_C] = 0;
	vrtc_update(r);
}

int vrtc_init(struct vrtc *r, struct iobus *bus, struct vclock *clock, struct irqline line,
	      u64 memory_below_4g, u64 memory_above_4g)
{
	struct vrtc_state *s = &r->state;

	memset(s, 0, sizeof(*s));
	r->line = line;
	r->clock = clock;
	vtimer_init(&r->timer, clock, vrtc_expired, r);
	s->ram[REG_A] = A_DIVIDER_32K | 6; /* 1024 Hz */
	s->ram[REG_B] = B_24H;
	s->ram[REG_D] = D_VRT;
	cmos_fill(s, memory_below_4g, memory_above_4g);
	s->seen_second = clock_second(r);
	s->seen_tick = clock_tick(r);
	vrtc_reset(r);
	return iobus_add_bytes(bus, IO_PORT, VRTC_PORT, 2, "rtc", vrtc_io, r);
}
