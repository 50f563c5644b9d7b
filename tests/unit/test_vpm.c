// SOURCES: vmm/dev/vpm.c vmm/iobus.c vmm/vclock.c
/* ACPI's fixed hardware against ACPI 6.4, 4.8. */
#include "tests/unit/stubs/devrig.h"
#include "vmm/dev/vpm.h"

#define STS 0x600
#define EN 0x602
#define CNT 0x604
#define TMR 0x608
#define GSI 9
#define TMR_STS 0x0001
#define PWRBTN 0x0100
#define HALF_NS vclock_ticks_to_ns(1 << 23, VPM_TIMER_HZ) /* 2.34 s */

static struct devrig rig;
static struct vpm pm;

static int setup(void **state)
{
	(void)state;
	devrig_init(&rig, 0);
	assert_int_equal(
	    vpm_init(&pm, &rig.bus, &rig.clock, devrig_irq(&rig, GSI), devrig_platform(&rig)), 0);
	return 0;
}

static void test_power_on(void **state)
{
	(void)state;
	assert_int_equal(inl(&rig, STS), 0);
	assert_int_equal(inw(&rig, CNT), 1); /* SCI_EN: there is no legacy mode */
	outw(&rig, CNT, 0);
	assert_int_equal(inw(&rig, CNT), 1);
}

static void test_timer(void **state)
{
	(void)state;
	assert_int_equal(inl(&rig, TMR), 0);
	devrig_advance(&rig, NS_PER_SEC);
	assert_int_equal(inl(&rig, TMR), 3579545);
	assert_int_equal(inw(&rig, TMR), 3579545 & 0xffff);
	assert_int_equal(inb(&rig, TMR + 2), 3579545 >> 16);
	outl(&rig, TMR, 0); /* cannot be written */
	assert_int_equal(inl(&rig, TMR), 3579545);
	devrig_advance(&rig, 9 * NS_PER_SEC);
	assert_int_equal(inl(&rig, TMR), 35795450 & 0xffffff); /* 24 bits */
	devrig_advance(&rig, 100000 * NS_PER_SEC);
	assert_int_equal(inl(&rig, TMR), 100010ull * 3579545 & 0xffffff); /* no drift */
}

static void test_overflow_status(void **state)
{
	(void)state;
	devrig_advance(&rig, HALF_NS - 1);
	assert_int_equal(inw(&rig, STS), 0);
	devrig_advance(&rig, 1);
	assert_int_equal(inl(&rig, TMR), 0x800000);
	assert_int_equal(inw(&rig, STS), TMR_STS); /* bit 23 rose */
	outw(&rig, STS, 0);			   /* zeros do nothing */
	assert_int_equal(inw(&rig, STS), TMR_STS);
	outw(&rig, STS, TMR_STS);
	assert_int_equal(inw(&rig, STS), 0);
	devrig_advance(&rig, HALF_NS); /* bit 23 fell */
	assert_int_equal(inw(&rig, STS), TMR_STS);
	assert_false(rig.line[GSI].level);
	assert_int_equal(rig.deadline, VCLOCK_NEVER); /* not enabled: nothing runs */
}

static void test_overflow_interrupt(void **state)
{
	(void)state;
	outw(&rig, EN, TMR_STS);
	devrig_advance(&rig, HALF_NS - 1);
	assert_false(rig.line[GSI].level);
	devrig_advance(&rig, 1);
	assert_true(rig.line[GSI].level);
	assert_int_equal(rig.deadline, VCLOCK_NEVER);
	outw(&rig, STS, TMR_STS);
	assert_false(rig.line[GSI].level);
	devrig_advance(&rig, HALF_NS);
	assert_true(rig.line[GSI].level);
	outw(&rig, EN, 0);
	assert_false(rig.line[GSI].level);
	outw(&rig, EN, TMR_STS); /* level-triggered: the status is still there */
	assert_true(rig.line[GSI].level);
}

static void test_power_button(void **state)
{
	(void)state;
	vpm_power_button(&pm);
	assert_int_equal(inw(&rig, STS), PWRBTN);
	assert_false(rig.line[GSI].level);
	outb(&rig, EN + 1, PWRBTN >> 8);
	assert_true(rig.line[GSI].level);
	outb(&rig, STS + 1, PWRBTN >> 8);
	assert_false(rig.line[GSI].level);
	outw(&rig, EN, 0xffff);
	assert_int_equal(inw(&rig, EN), 0x0521); /* what exists can be enabled */
}

static void test_sleep(void **state)
{
	(void)state;
	outw(&rig, CNT, 5 << 10); /* a type without SLP_EN */
	assert_int_equal(inw(&rig, CNT), 5 << 10 | 1);
	assert_int_equal(rig.shutdowns, 0);
	outw(&rig, CNT, 0x2000 | 5 << 10); /* one that does not exist: awake again at once */
	assert_int_equal(rig.shutdowns, 0);
	assert_int_equal(inw(&rig, CNT), 5 << 10 | 1); /* SLP_EN reads as 0 */
	assert_int_equal(inw(&rig, STS), 0x8000);
	outw(&rig, CNT, 0x2000 | VPM_SLP_TYP_S5 << 10);
	assert_int_equal(rig.shutdowns, 1);
	outb(&rig, CNT, 0x20); /* the lower byte has no SLP_EN */
	assert_int_equal(rig.shutdowns, 1);
	outb(&rig, CNT + 1, 0x20);
	assert_int_equal(rig.shutdowns, 2);
	outl(&rig, CNT, 0x2000);
	assert_int_equal(rig.shutdowns, 3);
	assert_int_equal(rig.resets, 0);
}

static void test_odd_accesses(void **state)
{
	(void)state;
	outl(&rig, STS, 0x01210000); /* status and enable together */
	assert_int_equal(inl(&rig, STS), 0x01210000);
	assert_int_equal(inw(&rig, EN + 1), 0x0101); /* across two registers */
	devrig_advance(&rig, NS_PER_SEC);
	assert_int_equal(inl(&rig, TMR - 2), (u32)(3579545 & 0xffff) << 16);
	assert_int_equal(inl(&rig, 0x60c), 0);
	assert_int_equal(inl(&rig, 0x60e), 0xffff0000); /* two bytes are nobody's */
}

static void test_reset(void **state)
{
	(void)state;
	outw(&rig, EN, TMR_STS);
	devrig_advance(&rig, HALF_NS);
	vpm_reset(&pm);
	assert_false(rig.line[GSI].level);
	assert_int_equal(inl(&rig, STS), 0);
	assert_int_equal(rig.deadline, VCLOCK_NEVER);
}

static void test_fuzz(void **state)
{
	static const u16 ports[] = { 0x5fe, 0x600, 0x601, 0x602, 0x603, 0x604,
				     0x605, 0x607, 0x608, 0x60b, 0x60f };

	(void)state;
	devrig_fuzz(&rig, ports, ARRAY_SIZE(ports), NS_PER_SEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_power_on, setup),
		cmocka_unit_test_setup(test_timer, setup),
		cmocka_unit_test_setup(test_overflow_status, setup),
		cmocka_unit_test_setup(test_overflow_interrupt, setup),
		cmocka_unit_test_setup(test_power_button, setup),
		cmocka_unit_test_setup(test_sleep, setup),
		cmocka_unit_test_setup(test_odd_accesses, setup),
		cmocka_unit_test_setup(test_reset, setup),
		cmocka_unit_test_setup(test_fuzz, setup),
	};

	return cmocka_run_group_tests_name("vpm", tests, NULL, NULL);
}
