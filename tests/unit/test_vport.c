// SOURCES: vmm/dev/vport.c vmm/iobus.c vmm/vclock.c
/* Single ports. */
#include "tests/unit/stubs/devrig.h"
#include "vmm/dev/vport.h"

static struct devrig rig;
static struct vport port;

static int setup(void **state)
{
	(void)state;
	devrig_init(&rig, 0);
	assert_int_equal(vport_init(&port, &rig.bus, devrig_platform(&rig)), 0);
	return 0;
}

static void test_post(void **state)
{
	(void)state;
	outb(&rig, 0x80, 0xa5);
	assert_int_equal(inb(&rig, 0x80), 0xa5);
	assert_int_equal(rig.bus.stray_ports, 0);
	vport_reset(&port);
	assert_int_equal(inb(&rig, 0x80), 0x00);
}

static void test_port92(void **state)
{
	(void)state;
	assert_int_equal(inb(&rig, 0x92), 0x02); /* A20 is open */
	outb(&rig, 0x92, 0x00);
	assert_int_equal(inb(&rig, 0x92), 0x00);
	outb(&rig, 0x92, 0x02);
	assert_int_equal(inb(&rig, 0x92), 0x02);
	assert_int_equal(rig.resets, 0);
	outb(&rig, 0x92, 0x03);
	assert_int_equal(rig.resets, 1);
	outb(&rig, 0x92, 0x01); /* only a rising edge counts */
	assert_int_equal(rig.resets, 1);
	outb(&rig, 0x92, 0x00);
	outb(&rig, 0x92, 0x01);
	assert_int_equal(rig.resets, 2);
	assert_int_equal(rig.shutdowns, 0);
}

static void test_quiet(void **state)
{
	static const u16 ports[] = { 0xed, 0xf0, 0x2e9, 0x2f8, 0x2ff, 0x3e9, 0x3ef };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(ports); i++) {
		outb(&rig, ports[i], 0x00);
		assert_int_equal(inb(&rig, ports[i]), 0xff);
	}
	assert_int_equal(inl(&rig, 0x2f8), 0xffffffff);
	assert_int_equal(rig.bus.stray_ports, 0);
}

static void test_fuzz(void **state)
{
	static const u16 ports[] = { 0x7e, 0x80, 0x92, 0xec, 0xef, 0xf1, 0x2e6, 0x2ff, 0x3ee };

	(void)state;
	devrig_fuzz(&rig, ports, ARRAY_SIZE(ports), NS_PER_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_post, setup),
		cmocka_unit_test_setup(test_port92, setup),
		cmocka_unit_test_setup(test_quiet, setup),
		cmocka_unit_test_setup(test_fuzz, setup),
	};

	return cmocka_run_group_tests_name("vport", tests, NULL, NULL);
}
