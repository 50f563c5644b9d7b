/* The local APIC's timer (SDM 3A 11.5.4). */
#include "tests.h"

static void on_timer(struct trap_frame *frame)
{
	irq_log_add(frame);
	lapic_eoi();
}

static void start(u32 lvt, u32 divide, u32 count)
{
	irq_log_clear();
	lapic_write(LAPIC_TIMER_INITIAL, 0);
	lapic_write(LAPIC_TIMER_DIVIDE, divide);
	lapic_write(LAPIC_LVT_TIMER, lvt);
	lapic_write(LAPIC_TIMER_INITIAL, count);
}

static bool reaches_zero(void)
{
	u64 deadline = deadline_in_ms(WAIT_MS);

	while (lapic_read(LAPIC_TIMER_CURRENT))
		if (rdtsc() > deadline)
			return false;
	return true;
}

static void check_one_shot(void)
{
	u32 a, b;

	start(VECTOR_TIMER | LVT_MASKED, TIMER_DIVIDE_16, 0xfffffff0);
	a = lapic_read(LAPIC_TIMER_CURRENT);
	spin_ms(1);
	b = lapic_read(LAPIC_TIMER_CURRENT);
	check(a <= 0xfffffff0 && b < a, "timer: the current count falls");
	start(VECTOR_TIMER, TIMER_DIVIDE_16, 200000);
	check(wait_count(&irq_count, 1, WAIT_MS), "timer, one-shot: the interrupt comes");
	check_eq(lapic_read(LAPIC_TIMER_CURRENT), 0, "timer, one-shot: and the count stays 0");
	irq_on();
	spin_ms(20);
	irq_off();
	check_eq(irq_count, 1, "timer, one-shot: it comes once");
	check_eq(lapic_read(LAPIC_TIMER_INITIAL), 200000, "timer: the initial count is kept");
}

static void check_masked(void)
{
	start(VECTOR_TIMER | LVT_MASKED, TIMER_DIVIDE_1, 50000);
	check(reaches_zero(), "timer, masked: it counts down");
	irq_on();
	spin_ms(2);
	irq_off();
	check_eq(irq_count, 0, "timer, masked: and interrupts nobody");
	start(VECTOR_TIMER, TIMER_DIVIDE_16, 0x7fffffff);
	lapic_write(LAPIC_TIMER_INITIAL, 0);
	check_eq(lapic_read(LAPIC_TIMER_CURRENT), 0, "timer: an initial count of 0 stops it");
}

/* Reads the current count between two looks at the TSC; `gap` is how far they are apart. */
static u32 sample(u64 *tsc, u64 *gap)
{
	u32 count;

	*tsc = rdtsc();
	count = lapic_read(LAPIC_TIMER_CURRENT);
	*gap = rdtsc() - *tsc;
	return count;
}

/* Timer ticks per 2^20 TSC ticks. Of several tries the least disturbed counts. */
static u64 measure_rate(u32 divide)
{
	u64 best_gap = ~0ull, rate = 0;

	for (u32 i = 0; i < 7; i++) {
		u64 t0, t1, gap0, gap1;
		u32 c0, c1;

		start(VECTOR_TIMER | LVT_MASKED, divide, 0xffffffff);
		c0 = sample(&t0, &gap0);
		spin_ms(2);
		c1 = sample(&t1, &gap1);
		if (gap0 + gap1 >= best_gap)
			continue;
		best_gap = gap0 + gap1;
		rate = (u64)(c0 - c1) * (1 << 20) / (t1 - t0);
	}
	return rate;
}

static void check_divide(void)
{
	u64 by_1 = measure_rate(TIMER_DIVIDE_1), by_16 = measure_rate(TIMER_DIVIDE_16);

	check(by_1 > 0 && by_16 > 0, "timer: it runs at both rates");
	check_range(by_16 ? by_1 * 10 / by_16 : 0, 80, 320,
		    "timer: divided by 1 it is 16 times as fast as by 16 (times 10)");
}

static void check_periodic(void)
{
	u64 rate = measure_rate(TIMER_DIVIDE_16), begin, took;
	u32 count = (u32)((tsc_per_ms() * rate >> 20) + 1); /* 1 ms */

	start(VECTOR_TIMER | LVT_TIMER_PERIODIC, TIMER_DIVIDE_16, count);
	begin = rdtsc();
	check(wait_count(&irq_count, 10, WAIT_MS), "timer, periodic: 10 interrupts");
	took = rdtsc() - begin;
	check(took > 4 * tsc_per_ms(), "timer, periodic: and not before their time");
	check(lapic_read(LAPIC_TIMER_CURRENT) <= count, "timer, periodic: the count reloads");
	lapic_write(LAPIC_TIMER_INITIAL, 0);
	irq_on();
	spin_ms(5);
	irq_off();
	irq_log_clear();
	irq_on();
	spin_ms(10);
	irq_off();
	check_eq(irq_count, 0, "timer, periodic: stopped by an initial count of 0");
}

static void check_deadline(void)
{
	u64 deadline, took;

	if (!(cpuid(1, 0).ecx & CPUID1_ECX_TSC_DEADLINE)) {
		check_skip("CPUID does not offer it", "timer, TSC deadline");
		return;
	}
	irq_log_clear();
	lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER | LVT_TIMER_DEADLINE);
	/* far enough away not to pass between two instructions, however busy the host is */
	deadline = rdtsc() + WAIT_MS * tsc_per_ms();
	wrmsr(MSR_TSC_DEADLINE, deadline);
	check_eq(rdmsr(MSR_TSC_DEADLINE), deadline, "deadline: the MSR reads as written");
	deadline = rdtsc() + 3 * tsc_per_ms();
	wrmsr(MSR_TSC_DEADLINE, deadline);
	check(wait_count(&irq_count, 1, WAIT_MS), "deadline: the interrupt comes");
	took = rdtsc();
	check(took >= deadline, "deadline: not before it");
	check_eq_or_lax(rdmsr(MSR_TSC_DEADLINE), 0, "deadline: the MSR is 0 afterwards");
	wrmsr(MSR_TSC_DEADLINE, 1);
	check(wait_count(&irq_count, 2, WAIT_MS), "deadline: one in the past fires at once");
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + 50 * tsc_per_ms());
	wrmsr(MSR_TSC_DEADLINE, 0);
	irq_on();
	spin_ms(60);
	irq_off();
	check_eq(irq_count, 2, "deadline: writing 0 disarms it");
	lapic_write(LAPIC_TIMER_INITIAL, 100000);
	check_eq(lapic_read(LAPIC_TIMER_CURRENT), 0, "deadline: the counter does not run");
}

void irq_test_timer(void)
{
	trap_set_handler(VECTOR_TIMER, on_timer);
	check_one_shot();
	check_masked();
	check_divide();
	check_periodic();
	check_deadline();
	lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
	lapic_write(LAPIC_TIMER_INITIAL, 0);
}
