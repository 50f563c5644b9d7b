// SOURCES: vmm/dev/vi8042.c vmm/iobus.c vmm/vclock.c
/* The keyboard controller: what a driver's probe and a reset by it meet. */
#include "tests/unit/stubs/devrig.h"
#include "vmm/dev/vi8042.h"

#define OBF 0x01
#define AUX 0x20
#define TIMEOUT 0x40

static struct devrig rig;
static struct vi8042 kbc;

static int setup(void **state)
{
	(void)state;
	devrig_init(&rig, 0);
	assert_int_equal(vi8042_init(&kbc, &rig.bus, devrig_irq(&rig, 1), devrig_irq(&rig, 12),
				     devrig_platform(&rig)),
			 0);
	return 0;
}

static void command(u8 v)
{
	assert_int_equal(inb(&rig, 0x64) & 0x02, 0); /* never busy */
	outb(&rig, 0x64, v);
}

/* The answer, which must be there, and nothing behind it. */
static u8 answer(void)
{
	u8 v;

	assert_int_equal(inb(&rig, 0x64) & (OBF | AUX | TIMEOUT), OBF);
	v = inb(&rig, 0x60);
	assert_int_equal(inb(&rig, 0x64) & OBF, 0);
	return v;
}

static void assert_silent(void)
{
	assert_int_equal(inb(&rig, 0x64) & OBF, 0);
}

static void test_power_on(void **state)
{
	(void)state;
	assert_int_equal(inb(&rig, 0x64), 0x14); /* tested, not locked */
	assert_false(rig.line[1].level);
}

/* Linux 6.1, drivers/input/serio/i8042.c: its steps in its order. */
static void test_linux_probe(void **state)
{
	u8 ctr;

	(void)state;
	assert_silent();
	command(0xaa);
	assert_int_equal(answer(), 0x55);
	command(0x20);
	ctr = answer();
	command(0x20);
	assert_int_equal(answer(), ctr);
	assert_int_equal(inb(&rig, 0x64) & 0x10, 0x10); /* "keylock active" otherwise */
	command(0x60);
	outb(&rig, 0x60, (ctr | 0x10) & ~0x01);
	command(0xd3); /* the loop without the mouse's bit, */
	outb(&rig, 0x60, 0x5a);
	assert_int_equal(answer(), 0x5a);
	command(0xa9); /* and a test that fails: no mouse port */
	assert_in_range(answer(), 1, 4);
	command(0xab);
	assert_int_equal(answer(), 0x00);
	command(0x60);
	outb(&rig, 0x60, 0x41); /* enable the interface and its interrupt */
	outb(&rig, 0x60, 0xf2); /* identify */
	assert_true(rig.line[1].level);
	assert_int_equal(inb(&rig, 0x64) & (OBF | AUX | TIMEOUT), OBF | TIMEOUT);
	assert_int_equal(inb(&rig, 0x60), 0xfe);
	assert_false(rig.line[1].level);
	assert_silent();
}

static void test_command_byte(void **state)
{
	(void)state;
	command(0x60);
	outb(&rig, 0x60, 0x00);
	command(0x20);
	assert_int_equal(answer(), 0x00);
	assert_int_equal(inb(&rig, 0x64) & 0x04, 0); /* the system flag is in both */
	command(0xad);
	command(0xa7);
	command(0x20);
	assert_int_equal(answer(), 0x30);
	command(0xae);
	command(0xa8);
	command(0x20);
	assert_int_equal(answer(), 0x00);
	for (u8 i = 1; i < 32; i++) {
		command(0x60 + i);
		outb(&rig, 0x60, (u8)(i * 3));
	}
	for (u8 i = 1; i < 32; i++) {
		command(0x20 + i);
		assert_int_equal(answer(), i * 3);
	}
	command(0x20);
	assert_int_equal(answer(), 0x00);
}

static void test_status_command_bit(void **state)
{
	(void)state;
	command(0xd1);
	assert_int_equal(inb(&rig, 0x64) & 0x08, 0x08);
	outb(&rig, 0x60, 0xdf);
	assert_int_equal(inb(&rig, 0x64) & 0x08, 0x00);
}

static void test_interrupts(void **state)
{
	(void)state;
	command(0x60);
	outb(&rig, 0x60, 0x02); /* the mouse's alone */
	command(0xd2);
	outb(&rig, 0x60, 0x99);
	assert_false(rig.line[1].level);
	assert_int_equal(answer(), 0x99);
	command(0xd2);
	outb(&rig, 0x60, 0x99);
	command(0xd0); /* the output port shows whose byte was there */
	assert_int_equal(answer() & 0x30, 0x10);
	command(0xd4);
	outb(&rig, 0x60, 0xff);
	command(0xd0);
	assert_int_equal(answer() & 0x30, 0x20);
	command(0xd4);
	outb(&rig, 0x60, 0xff);
	assert_true(rig.line[12].level);
	assert_int_equal(inb(&rig, 0x64) & (OBF | AUX | TIMEOUT), OBF | AUX | TIMEOUT);
	command(0xd0);
	assert_false(rig.line[12].level); /* replaced by a byte that is not the mouse's */
	inb(&rig, 0x60);
	command(0x60);
	outb(&rig, 0x60, 0x01);
	command(0xc0);
	assert_true(rig.line[1].level); /* answers of the controller interrupt as well */
	command(0x60);
	outb(&rig, 0x60, 0x00);
	assert_false(rig.line[1].level);
}

static void test_output_port(void **state)
{
	(void)state;
	command(0xd0);
	assert_int_equal(answer() & 0x03, 0x03); /* A20 open, no reset */
	command(0xd1);
	outb(&rig, 0x60, 0xdd);
	command(0xd0);
	assert_int_equal(answer() & 0x03, 0x01);
	command(0xdf);
	command(0xd0);
	assert_int_equal(answer() & 0x03, 0x03);
	command(0xdd);
	command(0xd0);
	assert_int_equal(answer() & 0x03, 0x01);
	assert_int_equal(rig.resets, 0);
	command(0xd1);
	outb(&rig, 0x60, 0xdc);
	assert_int_equal(rig.resets, 1);
}

static void test_pulse(void **state)
{
	(void)state;
	command(0xff); /* pulses nothing: the usual no-operation */
	command(0xfd);
	assert_int_equal(rig.resets, 0);
	command(0xfe);
	assert_int_equal(rig.resets, 1);
	command(0xf0);
	assert_int_equal(rig.resets, 2);
	assert_int_equal(rig.shutdowns, 0);
}

static void test_other_answers(void **state)
{
	(void)state;
	command(0xa4);
	assert_int_equal(answer(), 0xf1);
	command(0xc0);
	assert_int_equal(answer(), 0x80);
	command(0xe0);
	assert_int_equal(answer(), 0x03);
	command(0x00);
	command(0xb7);
	assert_silent();
	assert_int_equal(kbc.state.unknown, 2);
}

/* A command instead of the data that another one waits for cancels it. */
static void test_interrupted_command(void **state)
{
	(void)state;
	command(0xd1);
	command(0xae);
	outb(&rig, 0x60, 0x00); /* must not reset: it goes to the keyboard */
	assert_int_equal(rig.resets, 0);
	assert_int_equal(inb(&rig, 0x60), 0xfe);
}

static void test_fuzz(void **state)
{
	static const u16 ports[] = { 0x5f, 0x60, 0x61, 0x63, 0x64, 0x65 };

	(void)state;
	devrig_fuzz(&rig, ports, ARRAY_SIZE(ports), NS_PER_MS);
	vi8042_reset(&kbc);
	assert_int_equal(inb(&rig, 0x64), 0x14);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_power_on, setup),
		cmocka_unit_test_setup(test_linux_probe, setup),
		cmocka_unit_test_setup(test_command_byte, setup),
		cmocka_unit_test_setup(test_status_command_bit, setup),
		cmocka_unit_test_setup(test_interrupts, setup),
		cmocka_unit_test_setup(test_output_port, setup),
		cmocka_unit_test_setup(test_pulse, setup),
		cmocka_unit_test_setup(test_other_answers, setup),
		cmocka_unit_test_setup(test_interrupted_command, setup),
		cmocka_unit_test_setup(test_fuzz, setup),
	};

	return cmocka_run_group_tests_name("vi8042", tests, NULL, NULL);
}
