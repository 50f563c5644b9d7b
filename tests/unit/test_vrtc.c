// SOURCES: vmm/dev/vrtc.c vmm/dev/vrtc_time.c vmm/iobus.c vmm/vclock.c
/* The MC146818 against its data sheet, and the PC's use of its memory. */
#include <stdio.h>
#include <time.h>

#include "tests/unit/stubs/devrig.h"
#include "vmm/dev/vrtc.h"
#include "vmm/dev/vrtc_time.h"

#define GSI 8
#define WALL 1577934245ull /* Thursday 2020-01-02 03:04:05 */
#define A 0x0a
#define B 0x0b
#define C 0x0c
#define D 0x0d
#define SET 0x80
#define PIE 0x40
#define AIE 0x20
#define UIE 0x10
#define DM 0x04
#define H24 0x02

static struct devrig rig;
static struct vrtc rtc;

static void start(u64 wall_ns, u64 below, u64 above)
{
	devrig_init(&rig, wall_ns);
	memset(&rtc, 0xa5, sizeof(rtc));
	assert_int_equal(vrtc_init(&rtc, &rig.bus, &rig.clock, devrig_irq(&rig, GSI), below, above),
			 0);
}

static int setup(void **state)
{
	(void)state;
	start(WALL * NS_PER_SEC, 256 * MIB, 0);
	return 0;
}

static u8 get(u8 reg)
{
	outb(&rig, 0x70, reg);
	return inb(&rig, 0x71);
}

static void set(u8 reg, u8 v)
{
	outb(&rig, 0x70, reg);
	outb(&rig, 0x71, v);
}

/* "YYYYMMDDw hhmmss", as the registers show it. */
static const char *shown(void)
{
	static char text[32];

	snprintf(text, sizeof(text), "%02x%02x%02x%02x%x %02x%02x%02x", get(0x32), get(9), get(8),
		 get(7), get(6), get(4), get(2), get(0));
	return text;
}

static void test_power_on(void **state)
{
	(void)state;
	assert_int_equal(get(A), 0x26);
	assert_int_equal(get(B), 0x02);
	assert_int_equal(get(C), 0x00);
	assert_int_equal(get(D), 0x80);
	assert_string_equal(shown(), "202001025 030405");
	assert_int_equal(inb(&rig, 0x70), 0xff);
	assert_int_equal(get(0x80), 0x05); /* the NMI mask bit is no part of the index */
}

static void test_formats(void **state)
{
	(void)state;
	devrig_advance(&rig, (19 * 3600) * NS_PER_SEC); /* 22:04:05 */
	assert_string_equal(shown(), "202001025 220405");
	set(B, H24 | DM);
	assert_string_equal(shown(), "141401025 160405");
	set(B, DM);
	assert_string_equal(shown(), "141401025 8a0405"); /* 10 PM */
	set(B, 0);
	assert_string_equal(shown(), "202001025 900405");
	devrig_advance(&rig, 2 * 3600 * NS_PER_SEC);
	assert_string_equal(shown(), "202001036 120405"); /* midnight is 12 AM */
	devrig_advance(&rig, 12 * 3600 * NS_PER_SEC);
	assert_string_equal(shown(), "202001036 920405"); /* noon is 12 PM */
}

static void set_time(const char *digits) /* as shown() */
{
	unsigned century, year, month, day, weekday, h, m, s;

	assert_int_equal(sscanf(digits, "%2x%2x%2x%2x%1x %2x%2x%2x", &century, &year, &month, &day,
				&weekday, &h, &m, &s),
			 8);
	set(B, get(B) | SET);
	set(0, (u8)s);
	set(2, (u8)m);
	set(4, (u8)h);
	set(6, (u8)weekday);
	set(7, (u8)day);
	set(8, (u8)month);
	set(9, (u8)year);
	set(0x32, (u8)century);
	set(B, get(B) & ~SET);
}

static void test_set_time(void **state)
{
	(void)state;
	set_time("199912316 235958");
	assert_string_equal(shown(), "199912316 235958");
	devrig_advance(&rig, 999 * NS_PER_MS);
	assert_string_equal(shown(), "199912316 235958");
	devrig_advance(&rig, NS_PER_MS); /* SET does not stop the divider: updates stay in phase */
	assert_string_equal(shown(), "199912316 235959");
	devrig_advance(&rig, NS_PER_SEC);
	assert_string_equal(shown(), "200001017 000000");
	set_time("202402285 235959");
	devrig_advance(&rig, NS_PER_SEC);
	assert_string_equal(shown(), "202402296 000000"); /* leap year */
	set_time("210002283 235959"); /* none; and a weekday of the guest's own */
	devrig_advance(&rig, NS_PER_SEC);
	assert_string_equal(shown(), "210003014 000000");
	devrig_advance(&rig, 4 * 86400 * NS_PER_SEC);
	assert_string_equal(shown(), "210003051 000000");
}

static void test_set_bit_freezes(void **state)
{
	(void)state;
	set(B, H24 | SET);
	devrig_advance(&rig, 10 * NS_PER_SEC);
	assert_string_equal(shown(), "202001025 030405");
	assert_int_equal(get(C) & 0x10, 0); /* no updates */
	set(7, 0x31);
	set(8, 0x02); /* not a date: stays while SET */
	assert_string_equal(shown(), "202002315 030405");
	set(7, 0x11);
	set(B, H24);
	devrig_advance(&rig, NS_PER_SEC);
	assert_string_equal(shown(), "202002115 030406");
}

/* Without SET, writes within one second are taken together. */
static void test_set_while_running(void **state)
{
	(void)state;
	set(7, 0x31);
	set(8, 0x12);
	set(9, 0x21);
	assert_string_equal(shown(), "202112315 030405");
	devrig_advance(&rig, NS_PER_SEC);
	assert_string_equal(shown(), "202112315 030406");
	set(7, 0x30); /* 30 Feb, when the second ends before the month is written */
	set(8, 0x02);
	devrig_advance(&rig, NS_PER_SEC);
	assert_string_equal(shown(), "202103025 030407");
}

static void test_uip(void **state)
{
	(void)state;
	devrig_advance(&rig, NS_PER_SEC - 245 * NS_PER_US);
	assert_int_equal(get(A) & 0x80, 0x00);
	devrig_advance(&rig, 2 * NS_PER_US);
	assert_int_equal(get(A) & 0x80, 0x80);
	assert_string_equal(shown(), "202001025 030405");
	set(B, H24 | SET);
	assert_int_equal(get(A) & 0x80, 0x00); /* SET ends it */
	set(B, H24);
	devrig_advance(&rig, 242 * NS_PER_US);
	assert_int_equal(get(A) & 0x80, 0x80);
	devrig_advance(&rig, NS_PER_US);
	assert_int_equal(get(A) & 0x80, 0x00);
	assert_string_equal(shown(), "202001025 030406");
	set(A, 0xa6); /* UIP cannot be written */
	assert_int_equal(get(A), 0x26);
}

static void test_divider_reset(void **state)
{
	(void)state;
	devrig_advance(&rig, 900 * NS_PER_MS);
	set(A, 0x76);
	get(C);
	devrig_advance(&rig, 10 * NS_PER_SEC);
	assert_string_equal(shown(), "202001025 030405");
	assert_int_equal(get(C), 0);
	set(A, 0x26);
	devrig_advance(&rig, 499 * NS_PER_MS); /* the first update comes after half a second */
	assert_string_equal(shown(), "202001025 030405");
	devrig_advance(&rig, 2 * NS_PER_MS);
	assert_string_equal(shown(), "202001025 030406");
	devrig_advance(&rig, NS_PER_SEC);
	assert_string_equal(shown(), "202001025 030407");
}

static void test_update_interrupt(void **state)
{
	(void)state;
	assert_int_equal(rig.deadline, VCLOCK_NEVER); /* nothing enabled: nothing runs */
	devrig_advance(&rig, 1500 * NS_PER_MS);
	assert_int_equal(get(C), 0x50); /* the flags are set all the same; 1024 Hz is selected */
	assert_int_equal(get(C), 0x00);
	set(B, H24 | UIE);
	devrig_advance(&rig, 499 * NS_PER_MS);
	assert_false(rig.line[GSI].level);
	devrig_advance(&rig, NS_PER_MS);
	assert_true(rig.line[GSI].level);
	assert_int_equal(devrig_advance(&rig, 10 * NS_PER_SEC), 0); /* until C is read */
	assert_int_equal(rig.line[GSI].rises, 1);
	assert_int_equal(get(C), 0xd0);
	assert_false(rig.line[GSI].level);
	devrig_advance(&rig, NS_PER_SEC);
	assert_true(rig.line[GSI].level);
	set(B, H24); /* the line follows the enable */
	assert_false(rig.line[GSI].level);
	set(B, H24 | UIE);
	assert_true(rig.line[GSI].level);
	set(B, H24 | SET | UIE | AIE); /* SET clears UIE */
	assert_int_equal(get(B), H24 | SET | AIE);
}

static unsigned count_periodic(u8 rate)
{
	unsigned n = 0;
	u64 end = rig.now + 10 * NS_PER_SEC;

	set(A, 0x20 | rate);
	get(C);
	while (rig.deadline != VCLOCK_NEVER && rig.deadline + DEVRIG_HOST_START <= end) {
		devrig_advance(&rig, rig.deadline + DEVRIG_HOST_START - rig.now);
		n += (get(C) & 0xc0) == 0xc0;
	}
	rig.now = end;
	return n;
}

static void test_periodic(void **state)
{
	static const unsigned hz[] = { 0,   256, 128, 8192, 4096, 2048, 1024, 512,
				       256, 128, 64,  32,   16,	  8,	4,    2 };

	(void)state;
	set(B, H24 | PIE);
	for (u8 rate = 0; rate < 16; rate++)
		assert_int_equal(count_periodic(rate), 10 * hz[rate]);
	set(B, H24 | PIE | SET); /* SET does not stop it, */
	assert_int_equal(count_periodic(6), 10240);
	set(A, 0x76); /* the divider's reset does */
	get(C);
	devrig_advance(&rig, NS_PER_SEC);
	assert_int_equal(get(C), 0);
}

static void test_alarm(void **state)
{
	(void)state;
	set(5, 0x03);
	set(3, 0x04);
	set(1, 0x07);
	set(B, H24 | AIE);
	get(C);
	devrig_advance(&rig, 2 * NS_PER_SEC - 1);
	assert_false(rig.line[GSI].level);
	devrig_advance(&rig, 1);
	assert_true(rig.line[GSI].level);
	assert_int_equal(get(C) & 0xa0, 0xa0);
	assert_int_equal(devrig_advance(&rig, 86400 * NS_PER_SEC - 1), 0);
	assert_int_equal(devrig_advance(&rig, 1), 1); /* a day later, and nothing between */
	assert_int_equal(get(C) & 0xa0, 0xa0);
	set(5, 0xff); /* every hour */
	assert_int_equal(devrig_advance(&rig, 3600 * NS_PER_SEC), 1);
	assert_int_equal(get(C) & 0xa0, 0xa0);
	set(1, 0xc0); /* every second of minute 4 */
	devrig_advance(&rig, NS_PER_SEC);
	assert_int_equal(get(C) & 0xa0, 0xa0);
	set(1, 0x60); /* never */
	assert_int_equal(rig.deadline, VCLOCK_NEVER);
	devrig_advance(&rig, 100000 * NS_PER_SEC);
	assert_int_equal(get(C) & 0x20, 0);
}

static void test_alarm_flag_without_enable(void **state)
{
	(void)state;
	set(1, 0x00);
	set(3, 0xc0);
	set(5, 0xc0);
	get(C);
	devrig_advance(&rig, 54 * NS_PER_SEC);
	assert_int_equal(get(C) & 0xa0, 0x00);
	devrig_advance(&rig, NS_PER_SEC);
	assert_int_equal(get(C) & 0xa0, 0x20);
	set_time("202001025 115950");
	set(B, get(B) & ~H24);
	get(C);
	set(5, 0x92); /* 12 PM */
	set(3, 0x00);
	devrig_advance(&rig, 9 * NS_PER_SEC);
	assert_int_equal(get(C) & 0x20, 0x00);
	devrig_advance(&rig, NS_PER_SEC);
	assert_int_equal(get(C) & 0x20, 0x20);
}

/* The look ahead against going second by second. */
static void test_alarm_search(void **state)
{
	u8 ram[128] = { 0 };
	u64 seed = 4;

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		u64 r = unit_random(&seed);
		s64 t = (s64)(r >> 32) - 1000000000, want = t;
		u8 now[128] = { 0 };

		ram[B] = now[B] = r & 6;
		vrtc_time_encode(ram, t, 0);
		vrtc_time_encode(now, t + (s64)(unit_random(&seed) % 200000), 0);
		for (unsigned f = 0; f < 3; f++)
			ram[2 * f + 1] = r >> 8 & 1 << f ? 0xc0 | (r >> 16 & 0x3f) : now[2 * f];
		do {
			vrtc_time_encode(now, ++want, 0);
		} while ((ram[1] < 0xc0 && ram[1] != now[0]) ||
			 (ram[3] < 0xc0 && ram[3] != now[2]) ||
			 (ram[5] < 0xc0 && ram[5] != now[4]));
		assert_int_equal(vrtc_alarm_next(ram, t), want);
	}
}

/* The calendar against the host's. */
static void test_calendar(void **state)
{
	u64 seed = 6;

	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		u64 r = unit_random(&seed);
		s64 t = (s64)(r % 251000000000ull); /* up to the year 9923 */
		time_t host = t;
		struct tm tm;
		u8 ram[128] = { 0 };

		gmtime_r(&host, &tm);
		ram[B] = DM | H24;
		vrtc_time_encode(ram, t, 0);
		assert_int_equal(ram[0], tm.tm_sec);
		assert_int_equal(ram[2], tm.tm_min);
		assert_int_equal(ram[4], tm.tm_hour);
		assert_int_equal(ram[6], tm.tm_wday + 1);
		assert_int_equal(ram[7], tm.tm_mday);
		assert_int_equal(ram[8], tm.tm_mon + 1);
		assert_int_equal(ram[0x32] * 100 + ram[9], tm.tm_year + 1900);
		ram[B] = r >> 60 & 6;
		vrtc_time_encode(ram, t, 3);
		assert_int_equal(vrtc_time_decode(ram), t);
		assert_int_equal(vrtc_weekday_shift(ram, t), 3);
	}
}

static u64 bytes(u8 at, unsigned n)
{
	u64 v = 0;

	while (n-- > 0)
		v = v << 8 | get((u8)(at + n));
	return v;
}

static void test_memory_sizes(void **state)
{
	unsigned sum = 0;

	(void)state;
	assert_int_equal(bytes(0x15, 2), 640);
	assert_int_equal(bytes(0x17, 2), 0xffff); /* 255 MiB are more than it can say */
	assert_int_equal(bytes(0x34, 2), 240 * 16);
	assert_int_equal(bytes(0x5b, 3), 0);
	for (u8 i = 0x10; i <= 0x2d; i++)
		sum += get(i);
	assert_int_equal(get(0x2e) << 8 | get(0x2f), sum);
	start(0, 16 * MIB, 0);
	assert_int_equal(bytes(0x17, 2), 15 * 1024);
	assert_int_equal(bytes(0x30, 2), 15 * 1024);
	assert_int_equal(bytes(0x34, 2), 0);
	start(0, 512 * KIB, 0);
	assert_int_equal(bytes(0x17, 2), 0);
	start(0, 3 * GIB, 5 * GIB);
	assert_int_equal(bytes(0x34, 2), (3 * GIB - 16 * MIB) / (64 * KIB));
	assert_int_equal(bytes(0x5b, 3), 5 * GIB / (64 * KIB));
	start(0, 3 * GIB, 1ull << 50);
	assert_int_equal(bytes(0x5b, 3), 0xffffff);
}

static void test_memory(void **state)
{
	(void)state;
	for (unsigned i = 0x0e; i < 128; i++)
		if (i != 0x32)
			set((u8)i, (u8)(i ^ 0x5a));
	devrig_advance(&rig, 10 * NS_PER_SEC);
	vrtc_reset(&rtc);
	for (unsigned i = 0x0e; i < 128; i++)
		if (i != 0x32)
			assert_int_equal(get((u8)i), i ^ 0x5a);
	set(C, 0xff);
	set(D, 0x00);
	assert_int_equal(get(C) & 0x0f, 0);
	assert_int_equal(get(D), 0x80);
	outw(&rig, 0x70, 0x770f); /* a word: index, then data */
	assert_int_equal(get(0x0f), 0x77);
}

static void test_reset_pin(void **state)
{
	(void)state;
	set_time("203405061 070808");
	devrig_advance(&rig, NS_PER_SEC); /* the new format is for what comes after */
	set(B, H24 | DM | PIE | AIE | UIE | 0x08);
	devrig_advance(&rig, NS_PER_SEC);
	assert_true(rig.line[GSI].level);
	vrtc_reset(&rtc);
	assert_false(rig.line[GSI].level);
	assert_int_equal(get(B), H24 | DM);
	set(B, H24);
	assert_string_equal(shown(), "203405061 070810");
}

static void test_fuzz(void **state)
{
	static const u16 ports[] = { 0x6f, 0x70, 0x71, 0x72 };
	u64 seed = 2;

	(void)state;
	devrig_fuzz(&rig, ports, ARRAY_SIZE(ports), 10 * NS_PER_MS);
	for (unsigned i = 0; i < 50000; i++) { /* garbage in the clock's own registers */
		u64 r = unit_random(&seed);

		set(r & 0xf, (u8)(r >> 8));
		get(r >> 4 & 0xf);
		set(0x32, (u8)(r >> 32));
		rig.now += r >> 40 & 0xfffff;
		if (r >> 60 == 0)
			rig.now += 1000 * NS_PER_SEC;
		if (r >> 60 == 1)
			vclock_run(&rig.clock);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_power_on, setup),
		cmocka_unit_test_setup(test_formats, setup),
		cmocka_unit_test_setup(test_set_time, setup),
		cmocka_unit_test_setup(test_set_bit_freezes, setup),
		cmocka_unit_test_setup(test_set_while_running, setup),
		cmocka_unit_test_setup(test_uip, setup),
		cmocka_unit_test_setup(test_divider_reset, setup),
		cmocka_unit_test_setup(test_update_interrupt, setup),
		cmocka_unit_test_setup(test_periodic, setup),
		cmocka_unit_test_setup(test_alarm, setup),
		cmocka_unit_test_setup(test_alarm_flag_without_enable, setup),
		cmocka_unit_test(test_alarm_search),
		cmocka_unit_test(test_calendar),
		cmocka_unit_test_setup(test_memory_sizes, setup),
		cmocka_unit_test_setup(test_memory, setup),
		cmocka_unit_test_setup(test_reset_pin, setup),
		cmocka_unit_test_setup(test_fuzz, setup),
	};

	return cmocka_run_group_tests_name("vrtc", tests, NULL, NULL);
}
