// SOURCES: vmm/dev/vlapic.c vmm/dev/vlapic_ipi.c vmm/dev/vlapic_regs.c vmm/dev/vlapic_timer.c
// SOURCES: vmm/vclock.c
/* vmm/dev/vlapic_timer.c: one-shot, periodic, TSC deadline, dividers, masks. */
#include "tests/unit/stubs/apicrig.h"

static void timer(struct vlapic *a, u32 lvt, u32 divide, u32 initial)
{
	vlapic_write(a, APIC_LVT_TIMER, lvt);
	vlapic_write(a, APIC_TIMER_DIVIDE, divide);
	vlapic_write(a, APIC_TIMER_INITIAL, initial);
}

static void test_timer_oneshot(void **state)
{
	struct vlapic *a = &apic[0];

	(void)state;
	timer(a, 0x40, 0xb, 1000000); /* divider 1: nanoseconds */
	assert_int_equal(vlapic_read(a, APIC_TIMER_CURRENT), 1000000);
	advance(400000);
	assert_int_equal(vlapic_read(a, APIC_TIMER_CURRENT), 600000);
	assert_int_equal(serve(a), -1);
	advance(599999);
	assert_int_equal(vlapic_read(a, APIC_TIMER_CURRENT), 1);
	advance(1);
	assert_int_equal(vlapic_read(a, APIC_TIMER_CURRENT), 0);
	assert_int_equal(serve(a), 0x40);
	advance(10000000);
	assert_int_equal(serve(a), -1);
	assert_int_equal(vlapic_read(a, APIC_TIMER_CURRENT), 0);
	assert_int_equal(vlapic_read(a, APIC_TIMER_INITIAL), 1000000);
	timer(a, 0x40, 0xb, 1000);
	timer(a, 0x40, 0xb, 0); /* stops it */
	advance(10000000);
	assert_int_equal(serve(a), -1);
}

static void test_timer_dividers(void **state)
{
	static const u8 divide[8] = { 0x0, 0x1, 0x2, 0x3, 0x8, 0x9, 0xa, 0xb };
	static const u32 by[8] = { 2, 4, 8, 16, 32, 64, 128, 1 };
	struct vlapic *a = &apic[0];
	unsigned i;

	(void)state;
	for (i = 0; i < 8; i++) {
		timer(a, 0x40, divide[i], 100000);
		assert_int_equal(vlapic_read(a, APIC_TIMER_DIVIDE), divide[i]);
		advance((u64)by[i] * 100000 - 1);
		assert_int_equal(serve(a), -1);
		advance(1);
		assert_int_equal(serve(a), 0x40);
	}
	/* The longest: 2^32 - 1 counts of 128 ns. */
	timer(a, 0x40, 0xa, 0xffffffff);
	advance(128 * 0xffffffffull - 1);
	assert_int_equal(serve(a), -1);
	assert_int_equal(vlapic_read(a, APIC_TIMER_CURRENT), 1);
	advance(1);
	assert_int_equal(serve(a), 0x40);
}

/* A new divider lets the count go on from where it is. */
static void test_timer_divider_changes(void **state)
{
	struct vlapic *a = &apic[0];

	(void)state;
	timer(a, 0x40, 0xb, 1000000);
	advance(300000);
	vlapic_write(a, APIC_TIMER_DIVIDE, 0xa);
	assert_int_equal(vlapic_read(a, APIC_TIMER_CURRENT), 700000);
	advance(128 * 700000ull - 1);
	assert_int_equal(serve(a), -1);
	advance(1);
	assert_int_equal(serve(a), 0x40);
	timer(a, 0x20040, 0xa, 1000);
	advance(128 * 400);
	vlapic_write(a, APIC_TIMER_DIVIDE, 0xb);
	assert_int_equal(vlapic_read(a, APIC_TIMER_CURRENT), 600);
}

static void test_timer_periodic(void **state)
{
	struct vlapic *a = &apic[0];
	u64 start = now_ns;
	u64 i;

	(void)state;
	timer(a, 0x20040, 0xb, 1000000);
	for (i = 1; i <= 1000; i++) {
		u64 late = i * 37 % 1000;

		now_ns = start + i * 1000000 - 1;
		vclock_run(&clock);
		assert_int_equal(serve(a), -1);
		assert_int_equal(vlapic_read(a, APIC_TIMER_CURRENT), 1);
		now_ns += 1 + late;
		vclock_run(&clock);
		assert_int_equal(serve(a), 0x40);
		assert_int_equal(serve(a), -1);
		assert_int_equal(vlapic_read(a, APIC_TIMER_CURRENT), 1000000 - late);
		/* No drift: the next deadline is a multiple of the period since the start. */
		assert_int_equal(rearmed_ns, (i + 1) * 1000000);
	}
	/* Ten periods without the processor: one interrupt, and then again on time. */
	now_ns = start + 1010 * 1000000 + 5;
	vclock_run(&clock);
	assert_int_equal(serve(a), 0x40);
	assert_int_equal(vlapic_read(a, APIC_TIMER_CURRENT), 999995);
	advance(999994);
	assert_int_equal(serve(a), -1);
	advance(1);
	assert_int_equal(serve(a), 0x40);
	/* To one-shot: this round is the last. */
	vlapic_write(a, APIC_LVT_TIMER, 0x40);
	advance(1000000);
	assert_int_equal(serve(a), 0x40);
	advance(5000000);
	assert_int_equal(serve(a), -1);
}

/* Asking for an interrupt each nanosecond does not keep the kernel busy. */
static void test_timer_too_fast(void **state)
{
	struct vlapic *a = &apic[0];

	(void)state;
	timer(a, 0x20040, 0xb, 1);
	advance(20000);
	assert_int_equal(serve(a), 0x40);
	assert_true(rearmed_ns >= now_ns - 1000000 + 20000);
	advance(19999);
	assert_int_equal(serve(a), -1);
	advance(1);
	assert_int_equal(serve(a), 0x40);
}

static void test_timer_masked(void **state)
{
	struct vlapic *a = &apic[0];

	(void)state;
	timer(a, 0x10040, 0xb, 1000000);
	assert_int_equal(rearmed_ns, ~0ull); /* nobody is to be told */
	advance(500000);
	assert_int_equal(vlapic_read(a, APIC_TIMER_CURRENT), 500000);
	vlapic_write(a, APIC_LVT_TIMER, 0x41);
	advance(500000);
	assert_int_equal(serve(a), 0x41);
	timer(a, 0x10040, 0xb, 1000);
	advance(2000);
	vlapic_write(a, APIC_LVT_TIMER, 0x41); /* it expired before */
	advance(2000);
	assert_int_equal(serve(a), -1);
	/* Due, but not yet noticed when the register changes: it is not lost. */
	timer(a, 0x40, 0xb, 1000);
	now_ns += 1500;
	vlapic_write(a, APIC_LVT_TIMER, 0x10040);
	assert_int_equal(serve(a), 0x40);
	/* Disabling the APIC masks the timer. */
	timer(a, 0x40, 0xb, 1000);
	vlapic_write(a, APIC_SVR, 0xff);
	advance(2000);
	assert_int_equal(serve(a), -1);
	timer(a, 0x70040, 0xb, 1000); /* the reserved mode stands still */
	advance(2000);
	assert_int_equal(serve(a), -1);
}

static u64 deadline(struct vlapic *a)
{
	u64 value;

	assert_int_equal(vlapic_msr_read(a, MSR_TSC_DEADLINE, &value), 0);
	return value;
}

static void set_deadline(struct vlapic *a, u64 tsc)
{
	assert_int_equal(vlapic_msr_write(a, MSR_TSC_DEADLINE, tsc), 0);
}

static void test_timer_deadline(void **state)
{
	struct vlapic *a = &apic[0];
	u64 tsc = read_tsc(NULL);

	(void)state;
	set_deadline(a, tsc + 1); /* another mode: ignored */
	assert_int_equal(deadline(a), 0);
	vlapic_write(a, APIC_LVT_TIMER, 0x40040);
	set_deadline(a, tsc + 3000);
	assert_int_equal(deadline(a), tsc + 3000);
	vlapic_write(a, APIC_TIMER_INITIAL, 1234); /* ignored in this mode */
	assert_int_equal(vlapic_read(a, APIC_TIMER_INITIAL), 0);
	assert_int_equal(vlapic_read(a, APIC_TIMER_CURRENT), 0);
	advance(999);
	assert_int_equal(serve(a), -1);
	assert_int_equal(rearmed_ns, 1001);
	advance(2);
	assert_int_equal(deadline(a), 0);
	assert_int_equal(serve(a), 0x40);
	set_deadline(a, 1); /* long past: at once */
	vclock_run(&clock);
	assert_int_equal(serve(a), 0x40);
	set_deadline(a, tsc + 300000);
	set_deadline(a, 0);
	advance(1000000);
	assert_int_equal(serve(a), -1);
	set_deadline(a, ~0ull); /* further than the clock counts */
	advance(1000000000);
	assert_int_equal(serve(a), -1);
	assert_true(deadline(a) == ~0ull);
	vlapic_write(a, APIC_LVT_TIMER, 0x40); /* leaving the mode disarms */
	assert_int_equal(deadline(a), 0);
	vlapic_write(a, APIC_LVT_TIMER, 0x40040);
	advance(1000000000);
	assert_int_equal(serve(a), -1);
}

static void test_timer_deadline_masked(void **state)
{
	struct vlapic *a = &apic[0];

	(void)state;
	vlapic_write(a, APIC_LVT_TIMER, 0x50040);
	set_deadline(a, read_tsc(NULL) + 3000);
	advance(2000);
	assert_int_equal(deadline(a), 0);
	set_deadline(a, read_tsc(NULL) + 3000);
	advance(2000);
	vlapic_write(a, APIC_LVT_TIMER, 0x40040); /* it passed while masked */
	advance(2000);
	assert_int_equal(serve(a), -1);
	vlapic_write(a, APIC_LVT_TIMER, 0x50040);
	set_deadline(a, read_tsc(NULL) + 3000);
	vlapic_write(a, APIC_LVT_TIMER, 0x40040);
	advance(2000);
	assert_int_equal(serve(a), 0x40);
}

/* The clock's nanoseconds are coarser than the TSC: too early is looked at once more. */
static void test_timer_deadline_early(void **state)
{
	struct vlapic *a = &apic[0];
	u64 tsc = read_tsc(NULL);

	(void)state;
	vlapic_write(a, APIC_LVT_TIMER, 0x40040);
	set_deadline(a, tsc + 3000);
	a->state.tsc_deadline += 300; /* as if the TSC ran slower than was thought */
	advance(1001);
	assert_int_equal(serve(a), -1);
	advance(100);
	assert_int_equal(serve(a), 0x40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_timer_oneshot, setup),
		cmocka_unit_test_setup(test_timer_dividers, setup),
		cmocka_unit_test_setup(test_timer_divider_changes, setup),
		cmocka_unit_test_setup(test_timer_periodic, setup),
		cmocka_unit_test_setup(test_timer_too_fast, setup),
		cmocka_unit_test_setup(test_timer_masked, setup),
		cmocka_unit_test_setup(test_timer_deadline, setup),
		cmocka_unit_test_setup(test_timer_deadline_masked, setup),
		cmocka_unit_test_setup(test_timer_deadline_early, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
