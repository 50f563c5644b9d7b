/*
 * One time for all processors: clock_now_ns() reads the TSC of the CPU that it runs on, and guests'
 * TSCs are an offset to it, so that a thread may move.
 *
 * The boot CPU asks the other one for its TSC and looks at its own before and after. The answer
 * lies somewhere between, so half of the time that the quickest question took is how exact it is.
 */
#include "kernel/cpu.h"
#include "kernel/irq.h"
#include "kernel/log.h"
#include "kernel/smp_internal.h"
#include "kernel/timer.h"
#include "lib/format.h"
#include "x86/insn.h"
#include "x86/msr.h"

#define ROUNDS_MIN 8
#define ROUNDS_MAX 64
#define ROUNDS_NS (5 * NS_PER_MS) /* on an emulator a round may take very long */

struct tsc_distance {
	s64 ticks; /* the other one's TSC is ahead by so much */
	u64 error;
};

static bool ask_once(struct tsc_distance *d)
{
	u64 flags = x86_irq_save(), before, after;
	s64 theirs = 0;
	bool answered;

	before = tsc_ordered();
	answered = ap_order(AP_ORDER_READ_TSC, &theirs);
	after = tsc_ordered();
	x86_irq_restore(flags);
	d->error = (after - before + 1) / 2;
	d->ticks = theirs - (s64)(before + (after - before) / 2);
	return answered;
}

static bool measure(struct tsc_distance *best)
{
	u64 end = clock_now_ns() + ROUNDS_NS;

	best->error = UINT64_MAX;
	for (unsigned i = 0; i < ROUNDS_MAX && (i < ROUNDS_MIN || clock_now_ns() < end); i++) {
		struct tsc_distance d;

		if (!ask_once(&d))
			return false;
		if (d.error < best->error)
			*best = d;
	}
	return true;
}

static bool is_far(const struct tsc_distance *d)
{
	return (u64)(d->ticks < 0 ? -d->ticks : d->ticks) > d->error;
}

bool tsc_synchronise(char *why, size_t size)
{
	struct tsc_distance d;
	bool answered = measure(&d);

	if (answered && is_far(&d)) {
		s64 back = -d.ticks;

		log_info("a TSC is %ld ticks ahead, +-%lu: set back", d.ticks, d.error);
		answered = ap_order(AP_ORDER_MOVE_TSC, &back) && measure(&d);
	}
	if (!answered)
		snprintf(why, size, "does not answer any more");
	else if (is_far(&d))
		snprintf(why, size, "its TSC is %ld ticks ahead and cannot be set", d.ticks);
	return answered && !is_far(&d);
}

/* SDM 3B 17.17.3: the adjustment is exact; writing the TSC itself loses what passes meanwhile. */
void tsc_move(s64 ticks)
{
	u64 adjust;

	if (x86_cpuid(0, 0).eax >= 7 && x86_cpuid(7, 0).ebx & BIT(1) &&
	    x86_rdmsr_safe(MSR_TSC_ADJUST, &adjust) == 0 &&
	    x86_wrmsr_safe(MSR_TSC_ADJUST, adjust + (u64)ticks) == 0)
		return;
	x86_wrmsr(MSR_TSC, x86_rdtsc() + (u64)ticks);
}
