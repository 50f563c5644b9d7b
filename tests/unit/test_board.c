// SOURCES: vmm/dev/board.c vmm/dev/vuart.c vmm/dev/vpic.c vmm/dev/vpit.c vmm/dev/vpit_channel.c
// SOURCES: vmm/dev/vrtc.c vmm/dev/vrtc_time.c vmm/dev/vi8042.c vmm/dev/vpm.c vmm/dev/vpci.c
// SOURCES: vmm/dev/vport.c vmm/dev/vioapic.c vmm/dev/vlapic.c vmm/dev/vlapic_ipi.c
// SOURCES: vmm/dev/vlapic_regs.c vmm/dev/vlapic_timer.c vmm/iobus.c vmm/vclock.c
/* The PC as a whole: every device in its place, every line at its controllers. */
#include "tests/unit/stubs/devrig.h"
#include "vmm/dev/board.h"

#define WALL (1577836800 * NS_PER_SEC)
#define MASTER_BASE 0x30
#define SLAVE_BASE 0x38
#define IOAPIC_SELECT VIOAPIC_BASE
#define IOAPIC_WINDOW (VIOAPIC_BASE + 0x10)
#define APIC_SVR 0xf0

static struct devrig rig;
static struct board board;
static struct vlapic apic;
static bool extint;
static char sent[64];

static void set_extint(void *ctx, bool level)
{
	assert_ptr_equal(ctx, &rig);
	extint = level;
	vlapic_set_extint(&apic, level);
}

static bool com1_put(void *ctx, u8 c)
{
	size_t n = strlen(sent);

	assert_ptr_equal(ctx, &rig);
	if (n + 1 < sizeof(sent))
		sent[n] = (char)c;
	return true;
}

static int com1_get(void *ctx)
{
	(void)ctx;
	return -1;
}

static int make(void)
{
	struct board_config config = {
		.bus = &rig.bus,
		.clock = &rig.clock,
		.com1 = { .put = com1_put, .get = com1_get, .ctx = &rig },
		.platform = devrig_platform(&rig),
		.extint = set_extint,
		.ctx = &rig,
		.memory_below_4g = 1 * GIB,
		.memory_above_4g = 2 * GIB,
	};

	return board_init(&board, &config);
}

static int setup(void **state)
{
	struct vlapic_hooks hooks = { .ctx = &rig };

	(void)state;
	devrig_init(&rig, WALL);
	memset(&board, 0xa5, sizeof(board));
	memset(&apic, 0, sizeof(apic));
	memset(sent, 0, sizeof(sent));
	extint = false;
	assert_int_equal(make(), 0);
	vlapic_init(&apic, 0, &board.apics, &rig.clock, &hooks);
	vlapic_write(&apic, APIC_SVR, 0x1ff);
	return 0;
}

static void pic_start(void)
{
	outb(&rig, 0x20, 0x11);
	outb(&rig, 0x21, MASTER_BASE);
	outb(&rig, 0x21, 0x04);
	outb(&rig, 0x21, 0x01);
	outb(&rig, 0xa0, 0x11);
	outb(&rig, 0xa1, SLAVE_BASE);
	outb(&rig, 0xa1, 0x02);
	outb(&rig, 0xa1, 0x01);
}

static void ioapic_route(unsigned pin, u32 low)
{
	devrig_access(&rig, IO_MEMORY, IOAPIC_SELECT, 4, true, 0x10 + 2 * pin);
	devrig_access(&rig, IO_MEMORY, IOAPIC_WINDOW, 4, true, low);
}

static void test_lines(void **state)
{
	(void)state;
	pic_start();
	for (unsigned gsi = 0; gsi < 24; gsi++) {
		unsigned pin = gsi == 0 ? 2 : gsi;

		board_set_gsi(&board, gsi, false);
		board_set_gsi(&board, gsi, true);
		if (gsi == 2) { /* nobody's: the slave's at the 8259, the timer's at the IOAPIC */
			assert_false(extint);
			continue;
		}
		assert_true(board.ioapic.state.lines & BIT(pin));
		assert_int_equal(extint, gsi < 16);
		if (extint) {
			assert_int_equal(vpic_ack(&board.pic),
					 gsi < 8 ? MASTER_BASE + gsi : SLAVE_BASE + gsi - 8);
			outb(&rig, 0x20, 0x20);
			outb(&rig, 0xa0, 0x20);
		}
		board_set_gsi(&board, gsi, false);
		assert_int_equal(board.ioapic.state.lines & ~BIT(2) & BIT(pin), 0);
	}
	board_set_gsi(&board, 24, true); /* out of range */
	board_set_gsi(&board, ~0u, true);
	assert_false(extint);
}

static void test_timer_by_pic(void **state)
{
	(void)state;
	pic_start();
	assert_false(extint);
	outb(&rig, 0x43, 0x34);
	outb(&rig, 0x40, 11932 & 0xff);
	outb(&rig, 0x40, 11932 >> 8);
	devrig_advance(&rig, 10 * NS_PER_MS + 2000);
	assert_true(extint);
	assert_true(apic.state.extint);
	assert_int_equal(vpic_ack(&board.pic), MASTER_BASE);
	assert_false(extint);
	outb(&rig, 0x20, 0x20);
	devrig_advance(&rig, 10 * NS_PER_MS);
	assert_true(extint);
}

static void test_timer_by_ioapic(void **state)
{
	(void)state;
	ioapic_route(2, 0x40);
	outb(&rig, 0x43, 0x34);
	outb(&rig, 0x40, 11932 & 0xff);
	outb(&rig, 0x40, 11932 >> 8);
	assert_int_equal(vlapic_pending(&apic), -1);
	devrig_advance(&rig, 10 * NS_PER_MS + 2000);
	assert_int_equal(vlapic_pending(&apic), 0x40);
	vlapic_accept(&apic, 0x40);
	vlapic_write(&apic, 0xb0, 0);
	assert_int_equal(vlapic_pending(&apic), -1);
	devrig_advance(&rig, 10 * NS_PER_MS);
	assert_int_equal(vlapic_pending(&apic), 0x40);
}

/* The 8259 pair's output reaches the processor through the IOAPIC as well. */
static void test_extint_pin(void **state)
{
	(void)state;
	pic_start();
	vlapic_write(&apic, 0x350, 0x10700); /* LINT0 is masked */
	ioapic_route(0, 0x700);
	outb(&rig, VUART_COM1_PORT + 4, 0x08);
	assert_false(vlapic_accepts_extint(&apic));
	outb(&rig, VUART_COM1_PORT + 1, 0x02);
	assert_true(extint);
	assert_true(vlapic_accepts_extint(&apic));
	assert_int_equal(vpic_ack(&board.pic), MASTER_BASE + 4);
	assert_false(extint);
	assert_false(vlapic_accepts_extint(&apic));
}

static void test_uart(void **state)
{
	(void)state;
	pic_start();
	ioapic_route(VUART_COM1_GSI, 0x41);
	for (const char *s = "hello"; *s; s++)
		outb(&rig, VUART_COM1_PORT, (u8)*s);
	assert_string_equal(sent, "hello");
	outb(&rig, VUART_COM1_PORT + 4, 0x08);
	outb(&rig, VUART_COM1_PORT + 1, 0x02);
	assert_int_equal(vlapic_pending(&apic), 0x41);
	assert_int_equal(vpic_ack(&board.pic), MASTER_BASE + 4);
}

static void test_rtc(void **state)
{
	(void)state;
	pic_start();
	outb(&rig, 0x21, 0x01);	  /* without the timer */
	outw(&rig, 0x70, 0x120b); /* index B, and its update interrupt */
	devrig_advance(&rig, NS_PER_SEC);
	assert_int_equal(vpic_ack(&board.pic), SLAVE_BASE);
	outb(&rig, 0x70, 0x35); /* (1 GiB - 16 MiB) / 64 KiB, and 2 GiB */
	assert_int_equal(inb(&rig, 0x71), (GIB - 16 * MIB) / (64 * KIB) >> 8);
	outb(&rig, 0x70, 0x5c);
	assert_int_equal(inb(&rig, 0x71), 2 * GIB / (64 * KIB) >> 8);
	outb(&rig, 0x70, 0x09);
	assert_int_equal(inb(&rig, 0x71), 0x20);
}

static void test_power(void **state)
{
	(void)state;
	pic_start();
	outw(&rig, VPM1A_EVT + 2, 0x0100);
	vpm_power_button(&board.pm);
	assert_true(board.ioapic.state.lines & BIT(VPM_SCI_GSI));
	assert_int_equal(vpic_ack(&board.pic), SLAVE_BASE + 1);
	outw(&rig, VPM1A_CNT, 0x2000);
	assert_int_equal(rig.shutdowns, 1);
	outb(&rig, 0x64, 0xfe);
	outb(&rig, VRESET_PORT, VRESET_VALUE);
	outb(&rig, VPORT92, 0x01);
	assert_int_equal(rig.resets, 3);
}

static void test_keyboard_lines(void **state)
{
	(void)state;
	pic_start();
	outb(&rig, 0x64, 0x60);
	outb(&rig, 0x60, 0x03);
	outb(&rig, 0x60, 0xf2);
	assert_int_equal(vpic_ack(&board.pic), MASTER_BASE + 1);
	outb(&rig, 0x20, 0x20);
	inb(&rig, 0x60);
	outb(&rig, 0x64, 0xd4);
	outb(&rig, 0x60, 0xf2);
	assert_int_equal(vpic_ack(&board.pic), SLAVE_BASE + 4);
}

/* The ports that Linux touches at boot (PLATFORM.md) but for the VGA's are answered by somebody. */
static void test_no_strays(void **state)
{
	static const u16 ports[] = { 0x20,  0x21,  0xa0,  0xa1, 0x40,  0x43,  0x42,  0x61,  0x60,
				     0x64,  0x70,  0x71,  0x80, 0x3f8, 0x3fe, 0xcf8, 0xcfc, 0x2f9,
				     0x3e9, 0x2e9, 0xcf9, 0x92, 0x4d0, 0x4d1, 0x604, 0x608 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(ports); i++)
		assert_non_null(iobus_find(&rig.bus, IO_PORT, ports[i]));
	assert_non_null(iobus_find(&rig.bus, IO_MEMORY, VIOAPIC_BASE));
	for (u32 port = 0; port < 0x10000; port++)
		inb(&rig, (u16)port);
	assert_int_equal(rig.resets + rig.shutdowns, 0);
	assert_true(rig.bus.stray_ports > 65000);
}

/* A layout that does not fit says so, whichever device meets it. */
static void test_layout_mistakes(void **state)
{
	static const u16 taken[] = { 0x20,  0xa0, 0x4d1, 0x41,	0x61, 0x70, 0x605,
				     0x3ff, 0x60, 0x64,	 0xcfd, 0x80, 0x92, 0x2f8 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(taken); i++) {
		devrig_init(&rig, WALL);
		assert_int_equal(iobus_add(&rig.bus, IO_PORT, taken[i], 1, "x", vlapic_mmio, NULL),
				 0);
		assert_int_equal(make(), -EEXIST);
	}
	devrig_init(&rig, WALL);
	for (u16 i = 0; i < IOBUS_REGIONS - 4; i++)
		assert_int_equal(
		    iobus_add(&rig.bus, IO_PORT, 0x8000 + i, 1, "x", vlapic_mmio, NULL), 0);
	assert_int_equal(make(), -ENOSPC);
}

/* Built again in the same place, as a restarted partition does it. */
static void test_again(void **state)
{
	(void)state;
	outb(&rig, 0x70, 0x8b);
	outb(&rig, 0x43, 0x34);
	devrig_init(&rig, WALL);
	assert_int_equal(make(), 0);
	assert_int_equal(board.apics.count, 0);
	devrig_advance(&rig, NS_PER_SEC);
	assert_int_equal(inb(&rig, 0x80), 0);
}

static void test_fuzz(void **state)
{
	static u16 ports[0x100];
	u64 seed = 12;

	pic_start();
	for (unsigned round = 0; round < 5; round++) {
		setup(state);
		for (unsigned i = 0; i < ARRAY_SIZE(ports); i++) {
			unsigned n = (unsigned)(unit_random(&seed) % rig.bus.port_count);
			struct io_region *r = &rig.bus.port[n];

			ports[i] = (u16)(r->base + unit_random(&seed) % r->size);
		}
		devrig_fuzz(&rig, ports, ARRAY_SIZE(ports), 10 * NS_PER_MS);
		if (extint)
			assert_in_range(vpic_ack(&board.pic), 0, 255);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_lines, setup),
		cmocka_unit_test_setup(test_timer_by_pic, setup),
		cmocka_unit_test_setup(test_timer_by_ioapic, setup),
		cmocka_unit_test_setup(test_extint_pin, setup),
		cmocka_unit_test_setup(test_uart, setup),
		cmocka_unit_test_setup(test_rtc, setup),
		cmocka_unit_test_setup(test_power, setup),
		cmocka_unit_test_setup(test_keyboard_lines, setup),
		cmocka_unit_test_setup(test_no_strays, setup),
		cmocka_unit_test_setup(test_layout_mistakes, setup),
		cmocka_unit_test_setup(test_again, setup),
		cmocka_unit_test_setup(test_fuzz, setup),
	};

	return cmocka_run_group_tests_name("board", tests, NULL, NULL);
}
