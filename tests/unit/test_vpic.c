// SOURCES: vmm/dev/vpic.c vmm/iobus.c vmm/vclock.c
/* The 8259A pair against its data sheet. */
#include "tests/unit/stubs/devrig.h"
#include "vmm/dev/vpic.h"

#define M0 0x20
#define M1 0x21
#define S0 0xa0
#define S1 0xa1
#define ELCR 0x4d0
#define EOI 0x20
#define MASTER_BASE 0x30
#define SLAVE_BASE 0x70

static struct devrig rig;
static struct vpic pic;
static bool output;
static unsigned outputs;

static void set_output(void *ctx, bool level)
{
	assert_ptr_equal(ctx, &rig);
	assert_int_not_equal(level, output); /* changes alone are told */
	output = level;
	outputs++;
}

static void initialise(u8 icw1, u8 icw4)
{
	outb(&rig, M0, icw1);
	outb(&rig, M1, MASTER_BASE | 5); /* the lower bits are ignored */
	outb(&rig, M1, 0x04);
	outb(&rig, M1, icw4);
	outb(&rig, S0, icw1);
	outb(&rig, S1, SLAVE_BASE);
	outb(&rig, S1, 0x02);
	outb(&rig, S1, icw4 & ~0x10);
}

static int setup(void **state)
{
	(void)state;
	devrig_init(&rig, 0);
	output = false;
	outputs = 0;
	memset(&pic, 0xa5, sizeof(pic));
	assert_int_equal(vpic_init(&pic, &rig.bus, set_output, &rig), 0);
	return 0;
}

static int setup_ready(void **state)
{
	setup(state);
	initialise(0x11, 0x01);
	return 0;
}

static void pulse(unsigned irq)
{
	vpic_set(&pic, irq, false);
	vpic_set(&pic, irq, true);
}

static u8 read_irr(u16 port)
{
	outb(&rig, port, 0x0a);
	return inb(&rig, port);
}

static u8 read_isr(u16 port)
{
	outb(&rig, port, 0x0b);
	return inb(&rig, port);
}

static void test_power_on(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 16; i++)
		pulse(i);
	assert_false(output);
	assert_int_equal(inb(&rig, M1), 0xff);
}

static void test_initialisation(void **state)
{
	(void)state;
	pulse(3);
	outb(&rig, M1, 0x00);
	outb(&rig, M0, 0x11);
	assert_false(output); /* not before all words are there */
	vpic_set(&pic, 3, false);
	pulse(4);
	outb(&rig, M1, MASTER_BASE);
	outb(&rig, M1, 0x04);
	assert_false(output);
	outb(&rig, M1, 0x01);
	assert_true(output);
	assert_int_equal(inb(&rig, M1), 0x00); /* the mask is clear */
	assert_int_equal(read_irr(M0), 0x10);
	outb(&rig, M0, 0x11); /* forgets edges: line 4 is high and must rise again */
	outb(&rig, M1, MASTER_BASE);
	outb(&rig, M1, 0x04);
	outb(&rig, M1, 0x01);
	assert_false(output);
	pulse(4);
	assert_int_equal(vpic_ack(&pic), MASTER_BASE + 4);
}

/* Without IC4 there is no ICW4, and a single chip has no ICW3. */
static void test_short_initialisation(void **state)
{
	(void)state;
	outb(&rig, M0, 0x12);
	outb(&rig, M1, 0x40);
	outb(&rig, M1, 0xf7); /* the mask already */
	assert_int_equal(inb(&rig, M1), 0xf7);
	pulse(3);
	assert_int_equal(vpic_ack(&pic), 0x43);
	outb(&rig, M0, 0x10);
	outb(&rig, M1, 0x40);
	outb(&rig, M1, 0x04);
	outb(&rig, M1, 0x55);
	assert_int_equal(inb(&rig, M1), 0x55);
}

static void test_fully_nested(void **state)
{
	(void)state;
	pulse(5);
	pulse(3);
	assert_true(output);
	assert_int_equal(read_irr(M0), 0x28);
	assert_int_equal(vpic_ack(&pic), MASTER_BASE + 3);
	assert_false(output); /* 5 waits for 3 */
	pulse(1);
	assert_true(output); /* 1 does not */
	assert_int_equal(vpic_ack(&pic), MASTER_BASE + 1);
	assert_int_equal(read_isr(M0), 0x0a);
	assert_int_equal(read_irr(M0), 0x20);
	outb(&rig, M0, EOI); /* ends 1 */
	assert_int_equal(read_isr(M0), 0x08);
	assert_false(output);
	outb(&rig, M0, EOI);
	assert_true(output);
	assert_int_equal(vpic_ack(&pic), MASTER_BASE + 5);
	outb(&rig, M0, EOI);
	assert_int_equal(read_isr(M0), 0x00);
	outb(&rig, M0, EOI); /* nothing in service: harmless */
	assert_false(output);
}

static void test_edges(void **state)
{
	(void)state;
	pulse(4);
	assert_int_equal(vpic_ack(&pic), MASTER_BASE + 4);
	outb(&rig, M0, EOI);
	assert_false(output); /* still high, but no new edge */
	pulse(4);
	assert_true(output);
	pulse(4); /* a second edge while one waits is the same */
	assert_int_equal(vpic_ack(&pic), MASTER_BASE + 4);
	pulse(4); /* an edge while it is in service waits */
	outb(&rig, M0, EOI);
	assert_int_equal(vpic_ack(&pic), MASTER_BASE + 4);
}

static void test_mask(void **state)
{
	(void)state;
	outb(&rig, M1, 0x10);
	pulse(4);
	assert_false(output);
	assert_int_equal(read_irr(M0), 0x10); /* requested all the same */
	outb(&rig, M1, 0x00);
	assert_true(output);
	outb(&rig, M1, 0x10);
	assert_false(output);
}

static void test_spurious(void **state)
{
	(void)state;
	pulse(4);
	vpic_set(&pic, 4, false); /* gone before the acknowledge */
	assert_false(output);
	assert_int_equal(vpic_ack(&pic), MASTER_BASE + 7);
	assert_int_equal(read_isr(M0), 0x00); /* a spurious one is not in service */
}

static void test_slave(void **state)
{
	(void)state;
	pulse(10);
	pulse(8);
	assert_true(output);
	assert_int_equal(read_irr(M0), 0x04);
	assert_int_equal(read_irr(S0), 0x05);
	assert_int_equal(vpic_ack(&pic), SLAVE_BASE + 0);
	assert_int_equal(read_isr(M0), 0x04);
	assert_int_equal(read_isr(S0), 0x01);
	assert_false(output);
	outb(&rig, M0, EOI); /* the master is free, the slave not */
	assert_false(output);
	outb(&rig, S0, EOI);
	assert_true(output);
	assert_int_equal(vpic_ack(&pic), SLAVE_BASE + 2);
	pulse(1); /* more urgent than the whole slave */
	assert_int_equal(vpic_ack(&pic), MASTER_BASE + 1);
	outb(&rig, M0, EOI);
	outb(&rig, M0, EOI);
	outb(&rig, S0, EOI);
	pulse(3);
	pulse(15); /* the slave comes before input 3 */
	assert_int_equal(vpic_ack(&pic), SLAVE_BASE + 7);
}

/*
 * The slave's request ends between the master's decision and the slave's: data sheet, "spurious".
 */
static void test_slave_spurious(void **state)
{
	(void)state;
	pulse(9);
	outb(&rig, S0, 0x0c); /* a poll takes the request away ... */
	assert_int_equal(inb(&rig, S0), 0x81);
	assert_false(output); /* ... which the master sees */
	outb(&rig, S0, EOI);
	pulse(9);
	pic.state.chip[1].edges = 0; /* as if it fell during the first INTA pulse */
	assert_int_equal(vpic_ack(&pic), SLAVE_BASE + 7);
	assert_int_equal(read_isr(S0), 0x00);
	assert_int_equal(read_isr(M0), 0x04); /* the master needs its EOI */
}

static void test_cascade_input_is_not_a_line(void **state)
{
	(void)state;
	pulse(2);
	vpic_set(&pic, 16, true);
	vpic_set(&pic, 0xffff, true);
	assert_int_equal(outputs, 0);
}

static void test_special_fully_nested(void **state)
{
	(void)state;
	initialise(0x11, 0x11);
	pulse(12);
	assert_int_equal(vpic_ack(&pic), SLAVE_BASE + 4);
	pulse(13);
	assert_false(output); /* less urgent within the slave */
	pulse(9);
	assert_true(output); /* more urgent: passes although the master's input 2 is in service */
	assert_int_equal(vpic_ack(&pic), SLAVE_BASE + 1);
	initialise(0x11, 0x01);
	pulse(12);
	assert_int_equal(vpic_ack(&pic), SLAVE_BASE + 4);
	pulse(9);
	assert_false(output); /* not in the ordinary mode */
}

static void test_level(void **state)
{
	(void)state;
	outw(&rig, ELCR, 0xffff);
	assert_int_equal(inw(&rig, ELCR), 0xdef8);
	vpic_set(&pic, 5, true);
	assert_int_equal(vpic_ack(&pic), MASTER_BASE + 5);
	assert_false(output);
	outb(&rig, M0, EOI);
	assert_true(output); /* still high: again */
	vpic_set(&pic, 5, false);
	assert_false(output);
	pulse(4); /* 4 is level-triggered now, too */
	vpic_set(&pic, 4, false);
	assert_false(output);
	pulse(1); /* 1 is not */
	assert_int_equal(vpic_ack(&pic), MASTER_BASE + 1);
	outb(&rig, M0, EOI);
	assert_false(output);
}

static void test_ltim(void **state)
{
	(void)state;
	initialise(0x19, 0x01);
	vpic_set(&pic, 0, true);
	vpic_ack(&pic);
	outb(&rig, M0, EOI);
	assert_true(output);
	vpic_set(&pic, 0, false);
	assert_false(output);
}

static void test_specific_eoi(void **state)
{
	(void)state;
	pulse(5);
	vpic_ack(&pic);
	pulse(2 + 1);
	vpic_ack(&pic);
	outb(&rig, M0, 0x65); /* ends 5, though 3 is more urgent */
	assert_int_equal(read_isr(M0), 0x08);
	outb(&rig, M0, 0x40); /* no operation */
	assert_int_equal(read_isr(M0), 0x08);
	outb(&rig, M0, 0x63);
	assert_int_equal(read_isr(M0), 0x00);
}

static void test_rotation(void **state)
{
	(void)state;
	pulse(4);
	pulse(6);
	assert_int_equal(vpic_ack(&pic), MASTER_BASE + 4);
	outb(&rig, M0, 0xa0); /* rotate on EOI: 4 has the lowest priority now, 5 the highest */
	assert_int_equal(read_isr(M0), 0x00);
	pulse(4);
	assert_int_equal(vpic_ack(&pic), MASTER_BASE + 6);
	outb(&rig, M0, 0x66);
	assert_int_equal(vpic_ack(&pic), MASTER_BASE + 4);
	outb(&rig, M0, 0x64);
	outb(&rig, M0, 0xc5); /* set priority: 5 is the lowest, 6 the highest */
	pulse(0);
	pulse(7);
	assert_int_equal(vpic_ack(&pic), MASTER_BASE + 7);
	pulse(6);
	assert_true(output); /* 6 interrupts 7 */
	assert_int_equal(vpic_ack(&pic), MASTER_BASE + 6);
	outb(&rig, M0, 0xe7); /* rotate on specific EOI of 7: 0 is the highest */
	assert_int_equal(read_isr(M0), 0x40);
	assert_int_equal(vpic_ack(&pic), MASTER_BASE + 0);
}

static void test_automatic_eoi(void **state)
{
	(void)state;
	initialise(0x11, 0x03);
	pulse(4);
	pulse(5);
	assert_int_equal(vpic_ack(&pic), MASTER_BASE + 4);
	assert_int_equal(read_isr(M0), 0x00);
	assert_true(output);
	assert_int_equal(vpic_ack(&pic), MASTER_BASE + 5);
	pulse(8);
	pulse(9);
	assert_int_equal(vpic_ack(&pic), SLAVE_BASE + 0);
	assert_true(output); /* the slave asks on */
	assert_int_equal(vpic_ack(&pic), SLAVE_BASE + 1);
	assert_false(output);
	outb(&rig, M0, 0x80); /* rotate at each automatic EOI */
	pulse(3);
	pulse(4);
	assert_int_equal(vpic_ack(&pic), MASTER_BASE + 3);
	pulse(3);
	assert_int_equal(vpic_ack(&pic), MASTER_BASE + 4);
	outb(&rig, M0, 0x00);
	assert_int_equal(vpic_ack(&pic), MASTER_BASE + 3);
	pulse(5);
	pulse(4);
	assert_int_equal(vpic_ack(&pic), MASTER_BASE + 5); /* 4 was the last to rotate */
}

static void test_special_mask(void **state)
{
	(void)state;
	pulse(4);
	vpic_ack(&pic);
	outb(&rig, M1, 0x10);
	pulse(6);
	assert_false(output); /* 4 is in service */
	outb(&rig, M0, 0x68); /* special mask mode: masked, it blocks nobody */
	assert_true(output);
	assert_int_equal(vpic_ack(&pic), MASTER_BASE + 6);
	outb(&rig, M0, EOI); /* ends 6: 4 is masked and is passed over */
	assert_int_equal(read_isr(M0), 0x10);
	outb(&rig, M0, EOI);
	assert_int_equal(read_isr(M0), 0x10);
	outb(&rig, M0, 0x08); /* without ESMM nothing changes */
	pulse(7);
	assert_true(output);
	outb(&rig, M0, 0x48); /* off again */
	assert_false(output);
	outb(&rig, M0, EOI);
	assert_int_equal(read_isr(M0), 0x00);
}

static void test_poll(void **state)
{
	(void)state;
	outb(&rig, M0, 0x0c);
	assert_int_equal(inb(&rig, M0), 0x00);
	pulse(4);
	outb(&rig, M0, 0x0c);
	assert_int_equal(inb(&rig, M0), 0x84); /* acknowledges */
	assert_false(output);
	assert_int_equal(read_isr(M0), 0x10);
	outb(&rig, M0, EOI);
	pulse(14);
	outb(&rig, M0, 0x0c);
	assert_int_equal(inb(&rig, M0), 0x82);
	outb(&rig, S0, 0x0c);
	assert_int_equal(inb(&rig, S0), 0x86);
	assert_int_equal(inb(&rig, S0), 0x00); /* one poll, one answer: now IRR */
}

/* OCW3 chooses what the even port reads, until it is chosen again. */
static void test_read_choice(void **state)
{
	(void)state;
	pulse(4);
	assert_int_equal(inb(&rig, M0), 0x10); /* IRR after initialisation */
	assert_int_equal(read_isr(M0), 0x00);
	outb(&rig, M0, 0x08); /* no read register command */
	assert_int_equal(inb(&rig, M0), 0x00);
	assert_int_equal(read_irr(M0), 0x10);
}

static void test_reset(void **state)
{
	(void)state;
	pulse(1);
	pulse(4);
	vpic_reset(&pic);
	assert_false(output);
	initialise(0x11, 0x01);
	assert_false(output);
	pulse(4); /* the line was high all the time */
	assert_true(output);
}

static void test_fuzz(void **state)
{
	static const u16 ports[] = { 0x1f, M0, M1, S0, S1, ELCR - 1, ELCR, ELCR + 1 };
	u64 seed = 1;

	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		u64 r = unit_random(&seed);
		u16 port = ports[(r >> 8) % ARRAY_SIZE(ports)];

		devrig_access(&rig, IO_PORT, port, 1u << r % 3, r & 0x80, (u32)(r >> 32));
		vpic_set(&pic, r >> 16 & 31, r & 0x40);
		if (r & 0x1000000) {
			bool asked = output;
			int v = vpic_ack(&pic);

			assert_in_range(v, 0, 255);
			assert_true(asked || (v & 7) == 7);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_power_on, setup),
		cmocka_unit_test_setup(test_initialisation, setup),
		cmocka_unit_test_setup(test_short_initialisation, setup),
		cmocka_unit_test_setup(test_fully_nested, setup_ready),
		cmocka_unit_test_setup(test_edges, setup_ready),
		cmocka_unit_test_setup(test_mask, setup_ready),
		cmocka_unit_test_setup(test_spurious, setup_ready),
		cmocka_unit_test_setup(test_slave, setup_ready),
		cmocka_unit_test_setup(test_slave_spurious, setup_ready),
		cmocka_unit_test_setup(test_cascade_input_is_not_a_line, setup_ready),
		cmocka_unit_test_setup(test_special_fully_nested, setup_ready),
		cmocka_unit_test_setup(test_level, setup_ready),
		cmocka_unit_test_setup(test_ltim, setup_ready),
		cmocka_unit_test_setup(test_specific_eoi, setup_ready),
		cmocka_unit_test_setup(test_rotation, setup_ready),
		cmocka_unit_test_setup(test_automatic_eoi, setup_ready),
		cmocka_unit_test_setup(test_special_mask, setup_ready),
		cmocka_unit_test_setup(test_poll, setup_ready),
		cmocka_unit_test_setup(test_read_choice, setup_ready),
		cmocka_unit_test_setup(test_reset, setup_ready),
		cmocka_unit_test_setup(test_fuzz, setup_ready),
	};

	return cmocka_run_group_tests_name("vpic", tests, NULL, NULL);
}
