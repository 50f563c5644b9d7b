/*
 * count: counts work, so that tests can measure how much of the processor a partition gets. One
 * processor of the guest does it; any others sleep. A unit of work is a fixed loop; every
 *`interval=MS` it says how many there were in how long, and what part of a processor that is,
 *measured by the fastest unit so far:
 *
 *	count: 12345 in 100017 us, 24.70 %
 *
 * `lines=N` ends after N lines with a verdict; without it there is no end. With `sleep=MS` it
 * sleeps so long (HLT) after every `busy=MS` of work, counted by the clock.
 *
 * The clock is the KVM clock: calibrating the TSC against another timer would go wrong just where
 * this guest is wanted, among many that compete for the processor. On a bare machine nobody does.
 */
#include "irq.h"
#include "trap.h"

#define MSR_KVM_SYSTEM_TIME 0x4b564d01
#define KVM_ENABLE 1
#define UNIT 1000 /* rounds of the loop */
#define NAP_MAX_MS 50

/* What the hypervisor fills in: nanoseconds are ((ticks << shift) * mul) >> 32. */
static volatile struct {
	u32 version, pad0;
	u64 tsc, ns;
	u32 mul;
	signed char shift;
	u8 flags, pad[2];
} clock __attribute__((aligned(32)));

static u64 ticks_per_ms;

static u64 ticks_to_us(u64 ticks)
{
	if (!clock.mul)
		return ticks * 1000 / ticks_per_ms;
	ticks = clock.shift < 0 ? ticks >> -clock.shift : ticks << clock.shift;
	return (u64)((unsigned __int128)ticks * clock.mul >> 32) / 1000;
}

static void clock_init(void)
{
	if (!in_partition()) {
		ticks_per_ms = tsc_per_ms();
		return;
	}
	wrmsr(MSR_KVM_SYSTEM_TIME, (u64)(size_t)&clock | KVM_ENABLE);
	ticks_per_ms = 1;
	while (ticks_to_us(ticks_per_ms) < 1000)
		ticks_per_ms *= 2;
	ticks_per_ms = ticks_per_ms * 1000 / ticks_to_us(ticks_per_ms);
}

static void work(void)
{
	u64 rounds = UNIT;

	asm volatile("1: dec %0\n\tjnz 1b" : "+r"(rounds) : : "cc");
}

static volatile bool ticked;

static void on_timer(struct trap_frame *frame)
{
	(void)frame;
	ticked = true;
	pic_eoi(IRQ_PIT);
}

static void sleep_ms(u64 ms)
{
	while (ms) {
		u64 nap = ms < NAP_MAX_MS ? ms : NAP_MAX_MS;

		pit_start(PIT_ONE_SHOT, (u16)(PIT_HZ * nap / 1000));
		irq_off();
		ticked = false;
		while (!ticked) {
			irq_on_and_halt();
			irq_off();
		}
		irq_on();
		ms -= nap;
	}
}

static void timer_init(void)
{
	pic_init();
	lapic_init();
	trap_set_handler(PIC_BASE + IRQ_PIT, on_timer);
	pic_unmask(IRQ_PIT);
}

static void print_line(u64 count, u64 ticks, u64 unit)
{
	u64 part = ticks ? count * unit * 10000 / ticks : 0;

	print("count: %llu in %llu us, %llu.%02llu %%\n", count, ticks_to_us(ticks), part / 100,
	      part % 100);
}

void guest_main(u32 mb_magic, u32 mb_info)
{
	u64 interval = cmdline_number("interval", 1000), lines = cmdline_number("lines", 0);
	u64 sleep = cmdline_number("sleep", 0), busy = cmdline_number("busy", 1);
	u64 count = 0, line = 0, unit = ~0ull, start, awake, last, now;

	(void)mb_magic;
	(void)mb_info;
	clock_init();
	timer_init();
	interval *= ticks_per_ms;
	busy *= ticks_per_ms;
	print("count: %llu ticks in 1 ms\n", ticks_per_ms);
	irq_on(); /* as everybody works; some emulators hold back the host's interrupts otherwise */
	for (last = awake = start = rdtsc(); !lines || line < lines; last = now) {
		work();
		count++;
		now = rdtsc();
		if (now - last < unit)
			unit = now - last;
		if (now - start >= interval) {
			print_line(count, now - start, unit);
			line++;
			count = 0;
			start = now;
		}
		if (sleep && now - awake >= busy) {
			sleep_ms(sleep);
			awake = rdtsc();
		}
	}
	irq_off();
	check(true, "all lines are printed");
}
