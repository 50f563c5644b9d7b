/* Time, from the TSC; its frequency is measured against the PIT. */
#include "drivers/apic.h"
#include "drivers/cmos.h"
#include "drivers/pit.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/machine.h"
#include "kernel/timer.h"
#include "x86/insn.h"

#define SAMPLE_TICKS (PIT_HZ / 1000) /* one sample each millisecond */
#define SAMPLES_MAX 20		     /* of the 54 ms that the PIT's channel counts */
#define TOLERANCE 256		     /* two milliseconds in a row must agree to 1/256 */
#define ENOUGH_TICKS 500000	     /* of the TSC */
#define TSC_KHZ_ASSUMED 1000000ull   /* where nothing can be measured */
#define PIT_DEAD_TSC 2000000000ull
#define FIXED_SHIFT 32

/* Factors in 32.32 fixed point. Constant after clock_init(); 0 before, so that time stands at 0. */
static u64 ns_per_tick, ticks_per_ns, lapic_per_ns;
static u64 wall_at_start;

struct sample {
	u64 tsc;
	u16 pit;
	u32 lapic;
};

static u64 scale(u64 value, u64 factor)
{
	return (u64)(((unsigned __int128)value * factor) >> FIXED_SHIFT);
}

u64 clock_tsc_to_ns(u64 ticks)
{
	return scale(ticks, ns_per_tick);
}

u64 clock_ns_to_tsc(u64 ns)
{
	return scale(ns, ticks_per_ns);
}

u64 clock_now_ns(void)
{
	return scale(x86_rdtsc() - boot_tsc, ns_per_tick);
}

u64 clock_wall_seconds(void)
{
	return wall_at_start + clock_now_ns() / NS_PER_SEC;
}

u32 clock_ns_to_lapic(u64 ns)
{
	u64 ticks = scale(MIN(ns, 1000 * NS_PER_SEC), lapic_per_ns) + 1;

	return (u32)MIN(ticks, (u64)UINT32_MAX);
}

/* The reading that took the shortest of three: the host of an emulator may stop us anywhere. */
static struct sample take_sample(void)
{
	struct sample best = { 0 };
	u64 best_time = UINT64_MAX;

	for (unsigned i = 0; i < 3; i++) {
		struct sample s;
		u64 time;

		s.tsc = x86_rdtsc();
		s.pit = pit_read();
		s.lapic = lapic_timer_current();
		time = x86_rdtsc() - s.tsc;
		if (time < best_time) {
			best_time = time;
			best = s;
		}
	}
	return best;
}

static u64 rate_khz(const struct sample *from, const struct sample *to, u64 ticks)
{
	u16 pit_ticks = from->pit - to->pit;

	/* Zero: the host of an emulator stopped us for the PIT's whole round. */
	return pit_ticks ? ticks * PIT_HZ / (pit_ticks * 1000ull) : 0;
}

static u64 tsc_rate_khz(const struct sample *from, const struct sample *to)
{
	return rate_khz(from, to, to->tsc - from->tsc);
}

/* Waits for the PIT to go a millisecond on. False when it does not move. */
static bool next_sample(const struct sample *last, struct sample *next)
{
	while ((u16)(last->pit - pit_read()) < SAMPLE_TICKS)
		if (x86_rdtsc() - last->tsc > PIT_DEAD_TSC)
			return false;
	*next = take_sample();
	return true;
}

/*
 * Two neighbouring milliseconds of the same length show that the samples are good. A slow TSC is
 * then measured for longer, since that costs little and the PIT's own tick counts for less.
 */
static bool measure(u64 *tsc_khz, u64 *lapic_khz)
{
	struct sample first, middle, last;
	bool agreed = false;

	pit_start();
	first = take_sample();
	if (!next_sample(&first, &middle) || !next_sample(&middle, &last))
		return false;
	for (unsigned n = 2; n < SAMPLES_MAX; n++) {
		u64 before = tsc_rate_khz(&first, &middle), after = tsc_rate_khz(&middle, &last);

		agreed = agreed || MAX(before, after) - MIN(before, after) < after / TOLERANCE;
		if (agreed && last.tsc - first.tsc >= ENOUGH_TICKS)
			break;
		if (!agreed)
			first = middle;
		middle = last;
		if (!next_sample(&middle, &last))
			return false;
	}
	*tsc_khz = tsc_rate_khz(&first, &last);
	*lapic_khz = rate_khz(&first, &last, first.lapic - last.lapic);
	return *tsc_khz > 0;
}

void clock_init(void)
{
	u64 tsc_khz, lapic_khz;

	lapic_timer_oneshot(UINT32_MAX);
	if (!measure(&tsc_khz, &lapic_khz)) {
		log_warn("the PIT does not count: the TSC's frequency is a guess");
		tsc_khz = lapic_khz = TSC_KHZ_ASSUMED;
	}
	lapic_timer_stop();
	machine.tsc_khz = tsc_khz;
	ns_per_tick = (1000000ull << FIXED_SHIFT) / tsc_khz;
	ticks_per_ns = (tsc_khz << FIXED_SHIFT) / 1000000;
	lapic_per_ns = (lapic_khz << FIXED_SHIFT) / 1000000;
	wall_at_start = cmos_read_time() - clock_now_ns() / NS_PER_SEC;
}
