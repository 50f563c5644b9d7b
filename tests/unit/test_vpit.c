// SOURCES: vmm/dev/vpit.c vmm/dev/vpit_channel.c vmm/iobus.c vmm/vclock.c
/* The 8254 against its data sheet, and port 61h. */
#include "tests/unit/stubs/devrig.h"
#include "vmm/dev/vpit.h"

#define CH0 0x40
#define CH2 0x42
#define CTL 0x43
#define P61 0x61
#define GATE2 0x01
#define OUT2 0x20
/* Control words: channel << 6 | access << 4 | mode << 1 | BCD. */
#define CW(ch, access, mode) ((ch) << 6 | (access) << 4 | (mode) << 1)
#define LO 1
#define HI 2
#define LOHI 3

static struct devrig rig;
static struct vpit pit;

static int setup(void **state)
{
	(void)state;
	devrig_init(&rig, 0);
	assert_int_equal(vpit_init(&pit, &rig.bus, &rig.clock, devrig_irq(&rig, 0)), 0);
	return 0;
}

/* Channel 2's gate is low at power-on; most tests of modes want it high. */
static int setup_gate(void **state)
{
	setup(state);
	outb(&rig, P61, GATE2);
	return 0;
}

static u64 ticks_ns(u64 ticks)
{
	return vclock_ticks_to_ns(ticks, VPIT_HZ);
}

/* Goes to the moment of the n-th tick after the one that is current now. */
static void tick(u64 n)
{
	u64 now = rig.now - DEVRIG_HOST_START;
	u64 at = vclock_ns_to_ticks(now, VPIT_HZ) + n;

	devrig_advance(&rig, ticks_ns(at) - now);
}

static u16 latched(unsigned ch)
{
	u8 low;

	outb(&rig, CTL, (u8)(ch << 6));
	low = inb(&rig, (u16)(CH0 + ch));
	return (u16)(low | inb(&rig, (u16)(CH0 + ch)) << 8);
}

static u8 status(unsigned ch)
{
	outb(&rig, CTL, (u8)(0xe0 | 2 << ch));
	return inb(&rig, (u16)(CH0 + ch));
}

static void load(unsigned ch, u8 control, u16 count)
{
	outb(&rig, CTL, control);
	outb(&rig, (u16)(CH0 + ch), (u8)count);
	outb(&rig, (u16)(CH0 + ch), count >> 8);
}

static bool out2(void)
{
	return inb(&rig, P61) & OUT2;
}

static void test_mode0(void **state)
{
	(void)state;
	outb(&rig, CTL, CW(2, LOHI, 0));
	assert_false(out2());
	load(2, CW(2, LOHI, 0), 4);
	assert_int_equal(status(2), 0x40 | 0x30); /* null count until the next clock */
	tick(1);
	assert_int_equal(status(2), 0x30);
	for (unsigned n = 4; n > 0; n--) {
		assert_int_equal(latched(2), n);
		assert_false(out2());
		tick(1);
	}
	assert_true(out2()); /* N + 1 clocks after the write */
	assert_int_equal(latched(2), 0);
	tick(1);
	assert_int_equal(latched(2), 0xffff); /* counts on */
	tick(5000);
	assert_true(out2());
	assert_int_equal(latched(2), 0xffff - 5000);
	outb(&rig, CH2, 100); /* the first byte of a new count stops it */
	assert_false(out2());
	tick(50000);
	assert_false(out2());
	outb(&rig, CH2, 0);
	tick(100);
	assert_false(out2());
	tick(1);
	assert_true(out2());
}

static void test_mode0_gate(void **state)
{
	(void)state;
	load(2, CW(2, LOHI, 0), 100);
	tick(1 + 40);
	outb(&rig, P61, 0);
	assert_int_equal(latched(2), 60);
	tick(1000);
	assert_int_equal(latched(2), 60); /* the gate holds the count */
	assert_false(out2());
	outb(&rig, P61, GATE2);
	tick(59);
	assert_int_equal(latched(2), 1);
	assert_false(out2());
	tick(1);
	assert_true(out2());
}

static void test_mode1(void **state)
{
	(void)state;
	load(2, CW(2, LOHI, 1), 10);
	tick(100);
	assert_true(out2()); /* waits for a rising gate */
	assert_int_equal(status(2), 0x80 | 0x40 | 0x32);
	outb(&rig, P61, 0);
	outb(&rig, P61, GATE2);
	tick(1);
	assert_false(out2());
	assert_int_equal(latched(2), 10);
	outb(&rig, P61, 0); /* its level does not matter */
	tick(9);
	assert_false(out2());
	tick(1);
	assert_true(out2());
	outb(&rig, P61, GATE2); /* again */
	tick(1 + 5);
	outb(&rig, P61, 0);
	outb(&rig, P61, GATE2); /* and while it runs */
	tick(1 + 9);
	assert_false(out2());
	tick(1);
	assert_true(out2());
	outb(&rig, P61, 0);
	outb(&rig, P61, GATE2);
	tick(1 + 5);
	outb(&rig, CH2, 50); /* a new count is for the next trigger */
	outb(&rig, CH2, 0);
	tick(5);
	assert_true(out2());
	outb(&rig, P61, 0);
	outb(&rig, P61, GATE2);
	tick(1 + 49);
	assert_false(out2());
	tick(1);
	assert_true(out2());
}

static void test_mode2(void **state)
{
	static const u8 want[] = { 3, 2, 1, 3, 2, 1, 3 };

	(void)state;
	load(2, CW(2, LOHI, 2), 3);
	assert_true(out2());
	tick(1);
	for (unsigned i = 0; i < sizeof(want); i++) {
		assert_int_equal(latched(2), want[i]);
		assert_int_equal(out2(), want[i] != 1);
		tick(1);
	}
	tick(1); /* the count is 1: OUT is low */
	assert_false(out2());
	outb(&rig, P61, 0); /* a low gate raises OUT at once */
	assert_true(out2());
	tick(100);
	assert_true(out2());
	assert_int_equal(latched(2), 1);
	outb(&rig, P61, GATE2); /* a rising one reloads */
	tick(1);
	assert_int_equal(latched(2), 3);
}

static void test_mode2_new_count(void **state)
{
	(void)state;
	load(2, CW(2, LOHI, 2), 10);
	tick(1 + 4);
	outb(&rig, CH2, 5);
	outb(&rig, CH2, 0);
	assert_int_equal(latched(2), 6); /* the present period goes on */
	assert_int_equal(status(2), 0x80 | 0x40 | 0x34);
	tick(5);
	assert_int_equal(latched(2), 1);
	tick(1);
	assert_int_equal(latched(2), 5);
	assert_int_equal(status(2), 0x80 | 0x34);
	tick(5);
	assert_int_equal(latched(2), 5);
}

static void test_mode3_even(void **state)
{
	(void)state;
	load(2, CW(2, LOHI, 3), 8);
	tick(1);
	for (unsigned i = 0; i < 32; i++) {
		assert_int_equal(latched(2), 8 - 2 * (i % 4));
		assert_int_equal(out2(), i % 8 < 4);
		tick(1);
	}
}

static void test_mode3_odd(void **state)
{
	static const u8 count[] = { 6, 4, 2, 0, 6, 4, 2 };

	(void)state;
	load(2, CW(2, LOHI, 7), 7); /* mode 7 is mode 3 */
	tick(1);
	for (unsigned i = 0; i < 28; i++) {
		assert_int_equal(latched(2), count[i % 7]);
		assert_int_equal(out2(), i % 7 < 4);
		tick(1);
	}
}

static void test_mode3_new_count(void **state)
{
	static const bool out[] = { 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1 };

	(void)state;
	load(2, CW(2, LOHI, 3), 8);
	tick(1 + 2); /* two of four high ticks are over */
	outb(&rig, CH2, 6);
	outb(&rig, CH2, 0);
	for (unsigned i = 0; i < sizeof(out); i++) { /* taken at the end of the half */
		assert_int_equal(out2(), out[i]);
		tick(1);
	}
	outb(&rig, P61, 0);
	assert_true(out2());
	tick(4);
	assert_true(out2());
}

static void test_mode4(void **state)
{
	(void)state;
	load(2, CW(2, LOHI, 4), 5);
	tick(1 + 4);
	assert_true(out2());
	tick(1);
	assert_false(out2()); /* one clock of strobe */
	assert_int_equal(latched(2), 0);
	tick(1);
	assert_true(out2());
	tick(70000);
	assert_true(out2()); /* no second strobe without a new count */
	outb(&rig, CH2, 3);
	outb(&rig, CH2, 0);
	tick(1 + 3);
	assert_false(out2());
}

static void test_mode5(void **state)
{
	(void)state;
	load(2, CW(2, LOHI, 5), 5);
	tick(100);
	assert_true(out2());
	outb(&rig, P61, 0);
	outb(&rig, P61, GATE2);
	tick(1 + 4);
	assert_true(out2());
	tick(1);
	assert_false(out2());
	tick(1);
	assert_true(out2());
}

static void test_bcd(void **state)
{
	(void)state;
	load(2, CW(2, LOHI, 0) | 1, 0x1000);
	tick(1);
	assert_int_equal(latched(2), 0x1000);
	tick(1);
	assert_int_equal(latched(2), 0x0999);
	tick(999);
	assert_true(out2());
	tick(1);
	assert_int_equal(latched(2), 0x9999);
	load(2, CW(2, LOHI, 0) | 1, 0); /* 10000 */
	tick(1);
	assert_int_equal(latched(2), 0x0000);
	tick(9999);
	assert_false(out2());
	tick(1);
	assert_true(out2());
}

static void test_largest_count(void **state)
{
	(void)state;
	load(2, CW(2, LOHI, 0), 0);
	tick(1);
	assert_int_equal(latched(2), 0);
	tick(65535);
	assert_int_equal(latched(2), 1);
	assert_false(out2());
	tick(1);
	assert_true(out2());
}

static void test_access_modes(void **state)
{
	(void)state;
	outb(&rig, CTL, CW(2, LO, 2));
	outb(&rig, CH2, 200);
	tick(1 + 8);
	assert_int_equal(inb(&rig, CH2), 192);
	outb(&rig, CTL, 0x80);
	tick(10);
	assert_int_equal(inb(&rig, CH2), 192); /* one latched byte */
	assert_int_equal(inb(&rig, CH2), 182);
	outb(&rig, CTL, CW(2, HI, 2));
	outb(&rig, CH2, 0x20);
	tick(1);
	assert_int_equal(inb(&rig, CH2), 0x20);
	tick(1);
	assert_int_equal(inb(&rig, CH2), 0x1f);
	load(2, CW(2, LOHI, 2), 0x1234);
	tick(1);
	assert_int_equal(inw(&rig, CH2) & 0xff, 0x34); /* a word reads 42h and 43h */
	assert_int_equal(inb(&rig, CH2), 0x12);
	assert_int_equal(inb(&rig, CTL), 0xff);
}

static void test_latch_holds(void **state)
{
	(void)state;
	load(2, CW(2, LOHI, 2), 1000);
	tick(1);
	outb(&rig, CTL, 0x80);
	tick(100);
	outb(&rig, CTL, 0x80); /* ignored: the first is unread */
	assert_int_equal(inb(&rig, CH2), 1000 & 0xff);
	tick(100);
	assert_int_equal(inb(&rig, CH2), 1000 >> 8);
	assert_int_equal(latched(2), 800);
	outb(&rig, CTL, 0x80);
	load(2, CW(2, LOHI, 2), 500); /* programming drops the latch */
	tick(1);
	assert_int_equal(latched(2), 500);
}

static void test_read_back(void **state)
{
	(void)state;
	load(2, CW(2, LOHI, 2), 1000);
	load(0, CW(0, LOHI, 2), 500);
	tick(1);
	outb(&rig, CTL, 0xc0 | 2 | 8); /* count and status of channels 0 and 2 */
	tick(100);
	assert_int_equal(inb(&rig, CH2), 0xb4); /* status first */
	assert_int_equal(inb(&rig, CH2), 1000 & 0xff);
	assert_int_equal(inb(&rig, CH2), 1000 >> 8);
	assert_int_equal(inb(&rig, CH0), 0xb4);
	assert_int_equal(inb(&rig, CH0), 500 & 0xff);
	assert_int_equal(inb(&rig, CH0), 500 >> 8);
	outb(&rig, CTL, 0xc0 | 0x20 | 8); /* status alone */
	outb(&rig, CTL, CW(2, LOHI, 0));
	assert_int_equal(status(2), 0x40 | 0x30); /* dropped by the control word */
	outb(&rig, CTL, 0xf0 | 8);		  /* neither */
	outb(&rig, CTL, CW(2, LO, 3) | 1);
	assert_int_equal(status(2), 0x80 | 0x40 | 0x17);
}

static void test_port61(void **state)
{
	unsigned changes = 0;
	u8 last;

	(void)state;
	outb(&rig, P61, 0xff);
	assert_int_equal(inb(&rig, P61) & 0x0f, 0x0f);
	assert_int_equal(inb(&rig, P61) & 0xc0, 0);
	outb(&rig, P61, 0x00);
	assert_int_equal(inb(&rig, P61) & 0x0f, 0x00);
	last = inb(&rig, P61) & 0x10;
	for (unsigned i = 0; i < 1000; i++) {
		u8 now;

		devrig_advance(&rig, NS_PER_US);
		now = inb(&rig, P61) & 0x10;
		changes += now != last;
		last = now;
	}
	assert_in_range(changes, 65, 67); /* every 15.085 us */
}

/* What Linux and memtest86+ do to calibrate: 50 ms on channel 2. */
static void test_calibration(void **state)
{
	u64 start, spent;

	(void)state;
	outb(&rig, P61, (inb(&rig, P61) & ~2) | GATE2);
	load(2, CW(2, LOHI, 0), VPIT_HZ / 20);
	start = rig.now;
	while (!out2())
		devrig_advance(&rig, NS_PER_US);
	spent = rig.now - start;
	assert_in_range(spent, 49998000, 50003000);
}

static unsigned irqs(void)
{
	return rig.line[0].rises;
}

static void test_irq_rate(void **state)
{
	unsigned before;

	(void)state;
	load(0, CW(0, LOHI, 2), 11932); /* 100 Hz */
	before = irqs();
	devrig_advance(&rig, 100 * NS_PER_SEC);
	/* 100 s * 1193182 Hz / 11932, exactly: no drift */
	assert_int_equal(irqs() - before, 100 * VPIT_HZ / 11932);
	assert_true(rig.line[0].level); /* high between edges */
	load(0, CW(0, LOHI, 3), 0);	/* 18.2 Hz */
	before = irqs();
	devrig_advance(&rig, 3600 * NS_PER_SEC);
	assert_int_equal(irqs() - before, 3600 * VPIT_HZ / 65536);
}

static void test_irq_phase(void **state)
{
	(void)state;
	load(0, CW(0, LOHI, 2), 1000);
	unsigned before = irqs();

	tick(1000);
	assert_int_equal(irqs() - before, 0);
	tick(1);
	assert_int_equal(irqs() - before, 1);
	assert_int_equal(latched(0), 1000);
	tick(999);
	assert_int_equal(irqs() - before, 1);
	tick(1);
	assert_int_equal(irqs() - before, 2);
}

static void test_irq_new_count(void **state)
{
	unsigned before;

	(void)state;
	load(0, CW(0, LOHI, 2), 1000);
	tick(1 + 500);
	before = irqs();
	outb(&rig, CH0, 2000 & 0xff);
	outb(&rig, CH0, 2000 >> 8);
	tick(500); /* the old period's edge */
	assert_int_equal(irqs() - before, 1);
	tick(1999);
	assert_int_equal(irqs() - before, 1);
	tick(1);
	assert_int_equal(irqs() - before, 2);
}

static void test_irq_one_shots(void **state)
{
	unsigned before;

	(void)state;
	load(0, CW(0, LOHI, 0), 1000);
	assert_false(rig.line[0].level); /* mode 0 takes the line down */
	before = irqs();
	tick(1000);
	assert_int_equal(irqs() - before, 0);
	tick(1);
	assert_int_equal(irqs() - before, 1);
	assert_true(rig.line[0].level);
	tick(200000);
	assert_int_equal(irqs() - before, 1);
	assert_int_equal(rig.deadline, VCLOCK_NEVER);
	load(0, CW(0, LOHI, 4), 1000); /* what Linux uses */
	before = irqs();
	tick(1 + 1000);
	assert_int_equal(irqs() - before, 0);
	tick(1);
	assert_int_equal(irqs() - before, 1);
	tick(200000);
	assert_int_equal(irqs() - before, 1);
	outb(&rig, CH0, 10); /* again, without a control word */
	outb(&rig, CH0, 0);
	tick(12);
	assert_int_equal(irqs() - before, 2);
	load(0, CW(0, LOHI, 1), 10); /* channel 0's gate never rises */
	tick(100000);
	assert_int_equal(irqs() - before, 2);
	assert_int_equal(rig.deadline, VCLOCK_NEVER);
}

static void test_stopped_by_control_word(void **state)
{
	unsigned before;

	(void)state;
	load(0, CW(0, LOHI, 2), 1000);
	tick(500);
	outb(&rig, CTL, CW(0, LOHI, 2));
	before = irqs();
	tick(10000);
	assert_int_equal(irqs() - before, 0);
	assert_int_equal(rig.deadline, VCLOCK_NEVER);
}

/* The guest was not running: late interrupts come at twice the rate, then on time again. */
static void test_catch_up(void **state)
{
	unsigned before;

	(void)state;
	load(0, CW(0, LOHI, 2), 11932); /* 10 ms */
	before = irqs();
	rig.now += 105 * NS_PER_MS;
	vclock_run(&rig.clock);
	assert_int_equal(irqs() - before, 1); /* not ten at once */
	devrig_advance(&rig, 40 * NS_PER_MS);
	assert_in_range(irqs() - before, 8, 10);
	devrig_advance(&rig, 156 * NS_PER_MS);
	assert_int_equal(irqs() - before, 30); /* all made up for, none too many */
	before = irqs();
	rig.now += 3600 * NS_PER_SEC; /* an hour is not made up for */
	devrig_advance(&rig, 500 * NS_PER_MS);
	assert_in_range(irqs() - before, 32 + 48, 32 + 52);
}

/*
 * The shortest periods: interrupts are spread, the clock is not run all the time, counts are right.
 */
static void test_shortest_periods(void **state)
{
	(void)state;
	for (unsigned count = 1; count < 5; count++) {
		unsigned before = irqs(), runs;

		load(0, CW(0, LOHI, 2 + (count & 1)), (u16)count);
		before = irqs();
		runs = devrig_advance(&rig, 100 * NS_PER_MS);
		assert_in_range(runs, 1000, 2001);
		assert_in_range(irqs() - before, 1000, 2001);
		assert_in_range(latched(0), 0, count);
	}
}

/* A one-shot whose end has come is not lost when the guest programs the next one first. */
static void test_due_before_write(void **state)
{
	unsigned before;

	(void)state;
	load(0, CW(0, LOHI, 4), 1000);
	before = irqs();
	rig.now += 10 * NS_PER_MS;
	load(0, CW(0, LOHI, 4), 1000);
	assert_int_equal(irqs() - before, 1);
}

static void test_power_on(void **state)
{
	(void)state;
	assert_int_equal(status(0) & 0x3f, 0x36);
	devrig_advance(&rig, NS_PER_SEC);
	assert_int_equal(irqs(), 1 + 18);
	assert_false(inb(&rig, P61) & GATE2);
	vpit_reset(&pit);
	devrig_advance(&rig, NS_PER_SEC);
	assert_int_equal(irqs(), 1 + 18 + 18);
}

static void test_fuzz(void **state)
{
	static const u16 ports[] = { 0x3f, 0x40, 0x41, 0x42, 0x43, 0x60, 0x61 };

	(void)state;
	devrig_fuzz(&rig, ports, ARRAY_SIZE(ports), 20 * NS_PER_MS);
}

/* The same with time standing still or leaping, as a debugger or a busy host makes it. */
static void test_fuzz_leaps(void **state)
{
	u64 seed = 77;

	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		u64 r = unit_random(&seed);

		devrig_access(&rig, IO_PORT, 0x40 + (r & 3), 1, r & 0x1c, r >> 8 & 0xff);
		outb(&rig, P61, r >> 16 & 1);
		out2();
		if ((r >> 20 & 15) == 0)
			rig.now += r >> 24 & 0xfffffffff;
		if ((r >> 20 & 15) == 1)
			vclock_run(&rig.clock);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_mode0, setup_gate),
		cmocka_unit_test_setup(test_mode0_gate, setup_gate),
		cmocka_unit_test_setup(test_mode1, setup_gate),
		cmocka_unit_test_setup(test_mode2, setup_gate),
		cmocka_unit_test_setup(test_mode2_new_count, setup_gate),
		cmocka_unit_test_setup(test_mode3_even, setup_gate),
		cmocka_unit_test_setup(test_mode3_odd, setup_gate),
		cmocka_unit_test_setup(test_mode3_new_count, setup_gate),
		cmocka_unit_test_setup(test_mode4, setup_gate),
		cmocka_unit_test_setup(test_mode5, setup_gate),
		cmocka_unit_test_setup(test_bcd, setup_gate),
		cmocka_unit_test_setup(test_largest_count, setup_gate),
		cmocka_unit_test_setup(test_access_modes, setup_gate),
		cmocka_unit_test_setup(test_latch_holds, setup_gate),
		cmocka_unit_test_setup(test_read_back, setup_gate),
		cmocka_unit_test_setup(test_port61, setup),
		cmocka_unit_test_setup(test_calibration, setup),
		cmocka_unit_test_setup(test_irq_rate, setup),
		cmocka_unit_test_setup(test_irq_phase, setup),
		cmocka_unit_test_setup(test_irq_new_count, setup),
		cmocka_unit_test_setup(test_irq_one_shots, setup),
		cmocka_unit_test_setup(test_stopped_by_control_word, setup),
		cmocka_unit_test_setup(test_catch_up, setup),
		cmocka_unit_test_setup(test_shortest_periods, setup),
		cmocka_unit_test_setup(test_due_before_write, setup),
		cmocka_unit_test_setup(test_power_on, setup),
		cmocka_unit_test_setup(test_fuzz, setup),
		cmocka_unit_test_setup(test_fuzz_leaps, setup),
	};

	return cmocka_run_group_tests_name("vpit", tests, NULL, NULL);
}
