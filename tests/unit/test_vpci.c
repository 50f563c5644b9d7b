// SOURCES: vmm/dev/vpci.c vmm/iobus.c vmm/vclock.c
/* PCI configuration on an empty bus, and the reset control register. */
#include "tests/unit/stubs/devrig.h"
#include "vmm/dev/vpci.h"

static struct devrig rig;
static struct vpci pci;

static int setup(void **state)
{
	(void)state;
	devrig_init(&rig, 0);
	assert_int_equal(vpci_init(&pci, &rig.bus, devrig_platform(&rig)), 0);
	return 0;
}

/* Linux' pci_check_type1() and type2(). */
static void test_linux_probe(void **state)
{
	(void)state;
	outb(&rig, 0xcfb, 0x01);
	assert_int_equal(inl(&rig, 0xcf8), 0);
	outl(&rig, 0xcf8, 0x80000000);
	assert_int_equal(inl(&rig, 0xcf8), 0x80000000); /* mechanism 1 */
	outb(&rig, 0xcfb, 0x00);
	outb(&rig, 0xcf8, 0x00);
	outb(&rig, 0xcfa, 0x00);
	assert_int_equal(inb(&rig, 0xcf8), 0xff); /* not mechanism 2 */
	assert_int_equal(inl(&rig, 0xcf8), 0x80000000);
}

static void test_nothing_here(void **state)
{
	(void)state;
	for (u32 f = 0; f < 0x10000; f += 37) {
		outl(&rig, 0xcf8, 0x80000000 | f << 8 | 0x0b);
		assert_int_equal(inl(&rig, 0xcf8), 0x80000000 | f << 8 | 0x08);
		outl(&rig, 0xcfc, 0x12345678);
		assert_int_equal(inl(&rig, 0xcfc), 0xffffffff);
		assert_int_equal(inw(&rig, 0xcfe), 0xffff);
		assert_int_equal(inb(&rig, 0xcfd), 0xff);
	}
	outl(&rig, 0xcf8, 0x7fffffff);
	assert_int_equal(inl(&rig, 0xcf8), 0x00fffffc);
	assert_int_equal(inl(&rig, 0xcfc), 0xffffffff);
	assert_int_equal(rig.bus.stray_ports, 0);
}

static void test_reset_control(void **state)
{
	(void)state;
	assert_int_equal(inb(&rig, 0xcf9), 0);
	outb(&rig, 0xcf9, 0x02); /* a hard reset is chosen first, as Linux does */
	assert_int_equal(inb(&rig, 0xcf9), 0x02);
	assert_int_equal(rig.resets, 0);
	outb(&rig, 0xcf9, VRESET_VALUE);
	assert_int_equal(rig.resets, 1);
	assert_int_equal(inb(&rig, 0xcf9), 0x06);
	outb(&rig, 0xcf9, 0x06); /* no rising edge */
	assert_int_equal(rig.resets, 1);
	vpci_reset(&pci);
	outb(&rig, 0xcf9, 0x0e);
	assert_int_equal(rig.resets, 2);
	assert_int_equal(inb(&rig, 0xcf9), 0x0e);
	vpci_reset(&pci);
	outl(&rig, 0xcf8, 0x80000600); /* not by the address register's bytes */
	outw(&rig, 0xcf8, 0x0600);
	outw(&rig, 0xcf9, 0x0606);
	assert_int_equal(rig.resets, 2);
	assert_int_equal(inl(&rig, 0xcf8), 0x80000600);
	assert_int_equal(rig.shutdowns, 0);
}

static void test_fuzz(void **state)
{
	static const u16 ports[] = {
		0xcf7, 0xcf8, 0xcf9, 0xcfa, 0xcfb, 0xcfc, 0xcfd, 0xcff, 0xd00
	};

	(void)state;
	devrig_fuzz(&rig, ports, ARRAY_SIZE(ports), NS_PER_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_linux_probe, setup),
		cmocka_unit_test_setup(test_nothing_here, setup),
		cmocka_unit_test_setup(test_reset_control, setup),
		cmocka_unit_test_setup(test_fuzz, setup),
	};

	return cmocka_run_group_tests_name("vpci", tests, NULL, NULL);
}
