// SOURCES: vmm/dev/vuart.c vmm/iobus.c vmm/vclock.c
/* The serial port against the PC16550D's data sheet. */
#include "tests/unit/stubs/devrig.h"
#include "vmm/dev/vuart.h"

#define COM 0x3f8
#define DATA (COM + 0)
#define IER (COM + 1)
#define IIR (COM + 2)
#define FCR (COM + 2)
#define LCR (COM + 3)
#define MCR (COM + 4)
#define LSR (COM + 5)
#define MSR (COM + 6)
#define SCR (COM + 7)
#define GSI 4
#define CHAR_NS (10 * NS_PER_SEC / 115200) /* 8N1 */

static struct devrig rig;
static struct vuart uart;
static struct {
	u8 out[256];
	unsigned out_len;
	bool refuse;
	u8 in[256];
	unsigned in_len, in_at;
} wire;

static bool wire_put(void *ctx, u8 c)
{
	(void)ctx;
	if (wire.refuse)
		return false;
	wire.out[wire.out_len++ % sizeof(wire.out)] = c;
	return true;
}

static int wire_get(void *ctx)
{
	(void)ctx;
	return wire.in_at < wire.in_len ? wire.in[wire.in_at++] : -1;
}

/* Bytes 1, 2, 3 ... arrive. */
static void receive(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		wire.in[i] = (u8)(i + 1);
	wire.in_len = n;
	wire.in_at = 0;
	vuart_rx_ready(&uart);
}

static int setup(void **state)
{
	struct byte_backend backend = { .put = wire_put, .get = wire_get };

	(void)state;
	devrig_init(&rig, 0);
	memset(&wire, 0, sizeof(wire));
	assert_int_equal(
	    vuart_init(&uart, &rig.bus, &rig.clock, COM, "com1", devrig_irq(&rig, GSI), backend),
	    0);
	return 0;
}

/* As a driver does: 115200 8N1, the line connected. */
static int setup_driver(void **state)
{
	setup(state);
	outb(&rig, LCR, 0x03);
	outb(&rig, MCR, 0x0b);
	return 0;
}

static bool line(void)
{
	return rig.line[GSI].level;
}

static void test_reset_state(void **state)
{
	(void)state;
	assert_int_equal(inb(&rig, IER), 0);
	assert_int_equal(inb(&rig, IIR), 0x01);
	assert_int_equal(inb(&rig, LCR), 0);
	assert_int_equal(inb(&rig, MCR), 0);
	assert_int_equal(inb(&rig, LSR), 0x60);
	assert_int_equal(inb(&rig, MSR), 0xb0);
	assert_false(line());
}

static void test_registers(void **state)
{
	(void)state;
	outb(&rig, SCR, 0xa5);
	assert_int_equal(inb(&rig, SCR), 0xa5);
	outb(&rig, IER, 0xff);
	assert_int_equal(inb(&rig, IER), 0x0f);
	outb(&rig, MCR, 0xef);
	assert_int_equal(inb(&rig, MCR), 0x0f);
	outb(&rig, LCR, 0x83);
	outw(&rig, DATA, 0x1234); /* a word write sets both halves of the divisor */
	assert_int_equal(inb(&rig, DATA), 0x34);
	assert_int_equal(inb(&rig, IER), 0x12);
	outb(&rig, LCR, 0x03);
	assert_int_equal(inb(&rig, IER), 0x0f);
	assert_int_equal(wire.out_len, 0); /* the divisor was not sent */
	outb(&rig, LSR, 0x00);
	assert_int_equal(inb(&rig, LSR), 0x60);
	assert_int_equal(inl(&rig, MCR), 0xa5b0600f);
}

static void test_transmit(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(inb(&rig, LSR) & 0x60, 0x60);
		outb(&rig, DATA, (u8)i);
	}
	assert_int_equal(wire.out_len, 100);
	assert_int_equal(wire.out[99], 99);
	wire.refuse = true;
	outb(&rig, DATA, 'x');
	assert_int_equal(inb(&rig, LSR), 0x60); /* never stuck */
	assert_int_equal(uart.state.tx_lost, 1);
}

static void test_thre_interrupt(void **state)
{
	(void)state;
	outb(&rig, IER, 0x02); /* enabling it with an empty register interrupts */
	assert_true(line());
	assert_int_equal(inb(&rig, IIR), 0x02); /* reading it as the source acknowledges */
	assert_false(line());
	assert_int_equal(inb(&rig, IIR), 0x01);
	outb(&rig, DATA, 'a');
	assert_true(line());
	assert_int_equal(inb(&rig, IIR), 0x02);
	outb(&rig, IER, 0x02); /* was enabled already */
	assert_false(line());
	outb(&rig, IER, 0x00); /* as Linux's test for broken chips does it */
	outb(&rig, IER, 0x02);
	assert_int_equal(inb(&rig, IIR), 0x02);
	outb(&rig, DATA, 'b');
	outb(&rig, IER, 0x00);
	assert_false(line());
	assert_int_equal(inb(&rig, IIR), 0x01);
}

static void test_out2_gates(void **state)
{
	(void)state;
	outb(&rig, MCR, 0x03);
	outb(&rig, IER, 0x02);
	assert_false(line());
	assert_int_equal(uart.state.thre_pending, true);
	outb(&rig, MCR, 0x0b);
	assert_true(line());
	outb(&rig, MCR, 0x1b); /* loopback takes the pin away */
	assert_false(line());
	outb(&rig, MCR, 0x0b);
	assert_true(line());
}

static void test_receive_without_fifo(void **state)
{
	(void)state;
	outb(&rig, IER, 0x01);
	receive(3);
	assert_int_equal(wire.in_at, 1); /* one at a time; the rest waits outside */
	assert_true(line());
	assert_int_equal(inb(&rig, IIR), 0x04);
	assert_int_equal(inb(&rig, LSR), 0x61);
	assert_int_equal(inb(&rig, DATA), 1);
	assert_int_equal(inb(&rig, DATA), 2);
	assert_true(line());
	assert_int_equal(inb(&rig, DATA), 3);
	assert_false(line());
	assert_int_equal(inb(&rig, LSR), 0x60); /* and no overrun */
	inb(&rig, DATA);
	assert_int_equal(uart.state.rx_count, 0);
}

static void test_fifo_triggers(void **state)
{
	static const u8 trigger[] = { 1, 4, 8, 14 };

	for (unsigned t = 0; t < 4; t++) {
		setup_driver(state);
		outb(&rig, FCR, (u8)(t << 6 | 0x07));
		outb(&rig, IER, 0x01);
		assert_int_equal(inb(&rig, IIR), 0xc1);
		receive(trigger[t] - 1);
		assert_false(line());
		receive(1);
		assert_true(line());
		assert_int_equal(inb(&rig, IIR), 0xc4);
		inb(&rig, DATA); /* below the trigger: the interrupt goes */
		assert_false(line());
	}
}

static void test_fifo_depth(void **state)
{
	(void)state;
	outb(&rig, FCR, 0xc1);
	receive(40);
	assert_int_equal(wire.in_at, 16);
	for (unsigned i = 0; i < 40; i++) {
		assert_int_equal(inb(&rig, LSR), 0x61);
		assert_int_equal(inb(&rig, DATA), i + 1);
		assert_int_equal(wire.in_at, MIN(40u, 17 + i)); /* refilled as it is read */
	}
	assert_int_equal(inb(&rig, LSR), 0x60);
}

static void test_timeout(void **state)
{
	(void)state;
	outb(&rig, FCR, 0xc1);
	outb(&rig, IER, 0x01);
	receive(3);
	assert_int_equal(inb(&rig, IIR), 0xc1);
	devrig_advance(&rig, 4 * CHAR_NS - 1000);
	assert_false(line());
	devrig_advance(&rig, 2000);
	assert_true(line());
	assert_int_equal(inb(&rig, IIR), 0xcc);
	assert_int_equal(inb(&rig, IIR), 0xcc); /* reading IIR does not clear it */
	assert_int_equal(inb(&rig, DATA), 1);	/* reading a byte does, and starts it again */
	assert_false(line());
	devrig_advance(&rig, 3 * CHAR_NS);
	assert_int_equal(inb(&rig, DATA), 2);
	devrig_advance(&rig, 3 * CHAR_NS);
	assert_false(line());
	devrig_advance(&rig, 2 * CHAR_NS);
	assert_int_equal(inb(&rig, IIR), 0xcc);
	inb(&rig, DATA);
	assert_int_equal(devrig_advance(&rig, NS_PER_SEC) <= 1, 1); /* empty: nothing runs */
	assert_false(line());
}

static void test_timeout_follows_speed(void **state)
{
	(void)state;
	outb(&rig, LCR, 0x83);
	outb(&rig, DATA, 12); /* 9600 */
	outb(&rig, LCR, 0x03);
	outb(&rig, FCR, 0xc1);
	outb(&rig, IER, 0x01);
	receive(1);
	devrig_advance(&rig, 47 * CHAR_NS);
	assert_false(line());
	devrig_advance(&rig, 2 * CHAR_NS);
	assert_true(line());
}

static void test_fifo_resets(void **state)
{
	(void)state;
	outb(&rig, FCR, 0x01);
	receive(5);
	outb(&rig, FCR, 0x02); /* without the enabling bit: turns FIFOs off, which clears as well */
	assert_int_equal(inb(&rig, LSR), 0x60);
	assert_int_equal(inb(&rig, IIR), 0x01);
	outb(&rig, FCR, 0x01);
	receive(5);
	outb(&rig, FCR, 0x01); /* no change */
	assert_int_equal(inb(&rig, DATA), 1);
	outb(&rig, FCR, 0x05); /* the transmitter's reset leaves the receiver alone */
	assert_int_equal(inb(&rig, DATA), 2);
	outb(&rig, FCR, 0x03);
	assert_int_equal(inb(&rig, LSR), 0x60);
}

static void test_loopback_data(void **state)
{
	(void)state;
	outb(&rig, MCR, 0x1e); /* the usual probe */
	outb(&rig, DATA, 0xae);
	assert_int_equal(inb(&rig, LSR), 0x61);
	assert_int_equal(inb(&rig, DATA), 0xae);
	assert_int_equal(wire.out_len, 0);
	receive(2); /* the pin is disconnected */
	assert_int_equal(inb(&rig, LSR), 0x60);
	outb(&rig, LCR, 0x00); /* five bits */
	outb(&rig, DATA, 0xff);
	assert_int_equal(inb(&rig, DATA), 0x1f);
	outb(&rig, MCR, 0x0f);
	assert_int_equal(inb(&rig, DATA), 1); /* what waited comes now */
}

static void test_overrun(void **state)
{
	(void)state;
	outb(&rig, IER, 0x04);
	outb(&rig, MCR, 0x18);
	outb(&rig, DATA, 'a');
	outb(&rig, DATA, 'b'); /* destroys the first */
	assert_int_equal(inb(&rig, IIR), 0x06);
	assert_int_equal(inb(&rig, LSR), 0x63);
	assert_int_equal(inb(&rig, LSR), 0x61); /* reading clears the error */
	assert_int_equal(inb(&rig, IIR), 0x01);
	assert_int_equal(inb(&rig, DATA), 'b');
	outb(&rig, FCR, 0x01);
	for (unsigned i = 0; i < 17; i++)
		outb(&rig, DATA, (u8)i); /* the seventeenth is lost */
	assert_int_equal(inb(&rig, LSR), 0x63);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(inb(&rig, DATA), i);
	assert_int_equal(inb(&rig, LSR), 0x60);
}

static void test_modem_status(void **state)
{
	static const struct {
		u8 mcr, msr;
	} step[] = {
		{ 0x10, 0x0b }, /* all inputs fall but RI, which was not set */
		{ 0x11, 0x22 }, /* DTR to DSR */
		{ 0x13, 0x31 }, /* RTS to CTS */
		{ 0x17, 0x70 }, /* OUT1 to RI: its leading edge does not count */
		{ 0x13, 0x34 }, /* the trailing one does */
		{ 0x1b, 0xb8 }, /* OUT2 to DCD */
		{ 0x0b, 0xb0 }, /* the terminal again; nothing changed */
	};

	(void)state;
	outb(&rig, IER, 0x08);
	for (unsigned i = 0; i < ARRAY_SIZE(step); i++) {
		outb(&rig, MCR, step[i].mcr);
		assert_int_equal(inb(&rig, IIR), step[i].msr & 0x0f ? 0x00 : 0x01);
		assert_int_equal(inb(&rig, MSR), step[i].msr);
		assert_int_equal(inb(&rig, IIR), 0x01);
		assert_int_equal(inb(&rig, MSR), step[i].msr & 0xf0);
	}
	outb(&rig, MCR, 0x1b);
	outb(&rig, MCR, 0x12); /* the deltas gather until they are read */
	assert_int_equal(inb(&rig, MSR), 0x1a);
}

static void test_priorities(void **state)
{
	(void)state;
	outb(&rig, MCR, 0x10);
	outb(&rig, IER, 0x0f);
	outb(&rig, DATA, 'a');
	outb(&rig, DATA, 'b');
	assert_int_equal(inb(&rig, IIR), 0x06);
	inb(&rig, LSR);
	assert_int_equal(inb(&rig, IIR), 0x04);
	inb(&rig, DATA);
	assert_int_equal(inb(&rig, IIR), 0x02);
	assert_int_equal(inb(&rig, IIR), 0x00);
	inb(&rig, MSR);
	assert_int_equal(inb(&rig, IIR), 0x01);
}

/* IIR acknowledges the transmitter only when it names the transmitter. */
static void test_iir_masks_thre(void **state)
{
	(void)state;
	outb(&rig, IER, 0x03);
	receive(1);
	assert_int_equal(inb(&rig, IIR), 0x04);
	inb(&rig, DATA);
	assert_int_equal(inb(&rig, IIR), 0x02);
	assert_int_equal(inb(&rig, IIR), 0x01);
}

static void test_reset(void **state)
{
	(void)state;
	outb(&rig, FCR, 0x01);
	outb(&rig, IER, 0x03);
	receive(20);
	vuart_reset(&uart);
	assert_false(line());
	assert_int_equal(inb(&rig, IIR), 0x01);
	assert_int_equal(inb(&rig, LSR), 0x60);
	devrig_advance(&rig, NS_PER_SEC);
	assert_false(line());
}

static void test_fuzz(void **state)
{
	static const u16 ports[] = { 0x3f5, DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR };

	(void)state;
	for (unsigned i = 0; i < 256; i++)
		wire.in[i] = (u8)i;
	wire.in_len = 256;
	devrig_fuzz(&rig, ports, ARRAY_SIZE(ports), 10 * NS_PER_MS);
	assert_true(uart.state.rx_count <= VUART_FIFO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_reset_state, setup),
		cmocka_unit_test_setup(test_registers, setup),
		cmocka_unit_test_setup(test_transmit, setup),
		cmocka_unit_test_setup(test_thre_interrupt, setup_driver),
		cmocka_unit_test_setup(test_out2_gates, setup_driver),
		cmocka_unit_test_setup(test_receive_without_fifo, setup_driver),
		cmocka_unit_test_setup(test_fifo_triggers, setup_driver),
		cmocka_unit_test_setup(test_fifo_depth, setup_driver),
		cmocka_unit_test_setup(test_timeout, setup_driver),
		cmocka_unit_test_setup(test_timeout_follows_speed, setup_driver),
		cmocka_unit_test_setup(test_fifo_resets, setup_driver),
		cmocka_unit_test_setup(test_loopback_data, setup_driver),
		cmocka_unit_test_setup(test_overrun, setup_driver),
		cmocka_unit_test_setup(test_modem_status, setup_driver),
		cmocka_unit_test_setup(test_priorities, setup_driver),
		cmocka_unit_test_setup(test_iir_masks_thre, setup_driver),
		cmocka_unit_test_setup(test_reset, setup_driver),
		cmocka_unit_test_setup(test_fuzz, setup_driver),
	};

	return cmocka_run_group_tests_name("vuart", tests, NULL, NULL);
}
