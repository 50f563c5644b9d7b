// SOURCES: vmm/dev/vioapic.c vmm/dev/vlapic.c vmm/dev/vlapic_ipi.c vmm/dev/vlapic_regs.c
// SOURCES: vmm/dev/vlapic_timer.c vmm/vclock.c vmm/iobus.c
/* vmm/dev/vioapic.c: edges, levels and their EOI, masks, delivery modes, the register window. */
#include "tests/unit/stubs/unit.h"

#include <string.h>

#include "error.h"
#include "vmm/dev/vioapic.h"
#include "vmm/dev/vlapic_regs.h"
#include "vmm/iobus.h"

#define CPUS 2
#define LEVEL 0x8000u
#define REMOTE_IRR 0x4000u
#define MASKED 0x10000u
#define LOGICAL 0x800u

static struct iobus iobus;
static struct vioapic io;
static struct vlapic_bus bus;
static struct vlapic apic[CPUS];
static struct vclock clock;
static unsigned nmis, inits, wakes;

static u64 host_now(void *ctx)
{
	(void)ctx;
	return 0;
}

static void on_wake(void *ctx)
{
	(void)ctx;
	wakes++;
}

static void on_nmi(void *ctx)
{
	(void)ctx;
	nmis++;
}

static void on_init(void *ctx)
{
	(void)ctx;
	inits++;
}

static void on_eoi(void *ctx, u8 vector)
{
	(void)ctx;
	vioapic_eoi(&io, vector);
}

static int setup(void **state)
{
	static const struct vlapic_hooks hooks = {
		.wake = on_wake,
		.nmi = on_nmi,
		.init = on_init,
		.eoi_broadcast = on_eoi,
	};
	unsigned i;

	(void)state;
	nmis = inits = wakes = 0;
	memset(&bus, 0, sizeof(bus));
	iobus_init(&iobus);
	vclock_init(&clock, host_now, NULL, NULL, 0);
	for (i = 0; i < CPUS; i++) {
		vlapic_init(&apic[i], i, &bus, &clock, &hooks);
		vlapic_write(&apic[i], APIC_SVR, 0x1ff);
		vlapic_write(&apic[i], APIC_LDR, 0x1000000u << i);
	}
	assert_int_equal(vioapic_init(&io, &iobus, &bus), 0);
	return 0;
}

static u64 access_io(bool write, u32 offset, u8 size, u64 value)
{
	struct io_access a = {
		.addr = VIOAPIC_BASE + offset, .size = size, .write = write, .value = value
	};

	iobus_access(&iobus, IO_MEMORY, &a);
	return a.value;
}

static u32 reg_read(u32 reg)
{
	access_io(true, 0, 4, reg);
	return (u32)access_io(false, 0x10, 4, 0);
}

static void reg_write(u32 reg, u32 value)
{
	access_io(true, 0, 4, reg);
	access_io(true, 0x10, 4, value);
}

static void redirect(unsigned pin, u32 low, u32 dest)
{
	reg_write(0x11 + pin * 2, dest << 24);
	reg_write(0x10 + pin * 2, low);
}

static int serve(struct vlapic *a)
{
	int vector = vlapic_pending(a);

	if (vector >= 0) {
		vlapic_accept(a, (u8)vector);
		vlapic_write(a, APIC_EOI, 0);
	}
	return vector;
}

static void pulse(unsigned pin)
{
	vioapic_set(&io, pin, true);
	vioapic_set(&io, pin, false);
}

static void test_registers(void **state)
{
	unsigned i;

	(void)state;
	assert_int_equal(reg_read(0), 0);
	assert_int_equal(reg_read(1), 0x00170020);
	for (i = 0; i < VIOAPIC_PINS; i++) {
		assert_int_equal(reg_read(0x10 + i * 2), MASKED);
		assert_int_equal(reg_read(0x11 + i * 2), 0);
	}
	reg_write(0, 0xffffffff);
	assert_int_equal(reg_read(0), 0x0f000000);
	assert_int_equal(reg_read(2), 0x0f000000);
	reg_write(1, 0); /* read-only */
	reg_write(2, 0);
	assert_int_equal(reg_read(1), 0x00170020);
	reg_write(0x12, 0xffffffff); /* status and remote IRR are not ours to write */
	reg_write(0x13, 0xffffffff);
	assert_int_equal(reg_read(0x12), 0x1afff);
	assert_int_equal(reg_read(0x13), 0xff000000);
	reg_write(0x40, 0xffffffff); /* there is none */
	assert_int_equal(reg_read(0x40), 0);
	assert_int_equal(reg_read(0x0f), 0);
	vioapic_reset(&io);
	assert_int_equal(reg_read(0x12), MASKED);
	assert_int_equal(reg_read(0), 0);
}

static void test_window(void **state)
{
	(void)state;
	redirect(0, 0x1a5b7 & ~0x800u, 0x42);
	access_io(true, 0, 4, 0xffffff10); /* IOREGSEL has eight bits */
	assert_int_equal(access_io(false, 0, 4, 0), 0x10);
	assert_int_equal(access_io(false, 0x10, 1, 0) & 0xff, 0xb7);
	assert_int_equal(access_io(false, 0x11, 1, 0) & 0xff, 0xa5);
	assert_int_equal(access_io(false, 0x12, 2, 0) & 0xffff, 1);
	access_io(true, 0x10, 1, 0x33);
	assert_int_equal(access_io(false, 0x10, 4, 0), 0x1a533);
	access_io(true, 0x12, 1, 0);
	assert_int_equal(access_io(false, 0x10, 4, 0), 0xa533);
	assert_int_equal(access_io(false, 0x10, 8, 0), 0xa533);
	access_io(true, 0, 1, 0x11);
	assert_int_equal(access_io(false, 0x10, 4, 0), 0x42000000);
	assert_int_equal(access_io(false, 0x20, 4, 0), 0);
	assert_int_equal(access_io(false, 0x40, 4, 0), 0);
	access_io(true, 0x20, 4, 0xffffffff);
}

static void test_edge(void **state)
{
	(void)state;
	redirect(5, 0x45, 1);
	pulse(5);
	assert_int_equal(vlapic_pending(&apic[0]), -1);
	assert_int_equal(serve(&apic[1]), 0x45);
	vioapic_set(&io, 5, true);
	vioapic_set(&io, 5, true); /* no new edge */
	assert_int_equal(serve(&apic[1]), 0x45);
	assert_int_equal(serve(&apic[1]), -1);
	vioapic_set(&io, 5, false);
	redirect(5, 0x45 | MASKED, 1);
	vioapic_set(&io, 5, true); /* masked edges are lost */
	redirect(5, 0x45, 1);
	assert_int_equal(serve(&apic[1]), -1);
	vioapic_set(&io, 5, false);
	pulse(5);
	assert_int_equal(serve(&apic[1]), 0x45);
	assert_int_equal(reg_read(0x1a), 0x45); /* never remote IRR */
	vioapic_set(&io, VIOAPIC_PINS, true);	/* no such pins */
	vioapic_set(&io, 63, true);
}

static void test_level(void **state)
{
	(void)state;
	redirect(9, 0x59 | LEVEL, 0);
	vioapic_set(&io, 9, true);
	assert_int_equal(reg_read(0x22), 0x59 | LEVEL | REMOTE_IRR);
	assert_int_equal(vlapic_pending(&apic[0]), 0x59);
	vlapic_accept(&apic[0], 0x59);
	vioapic_set(&io, 9, true); /* nothing more until its EOI */
	assert_int_equal(vlapic_pending(&apic[0]), -1);
	vlapic_write(&apic[0], APIC_EOI, 0);
	assert_int_equal(vlapic_pending(&apic[0]), 0x59); /* still asserted: again */
	vlapic_accept(&apic[0], 0x59);
	vioapic_set(&io, 9, false);
	vlapic_write(&apic[0], APIC_EOI, 0);
	assert_int_equal(vlapic_pending(&apic[0]), -1);
	assert_int_equal(reg_read(0x22), 0x59 | LEVEL);
	/* An assertion that ends before its EOI comes back with the next one. */
	vioapic_set(&io, 9, true);
	assert_int_equal(serve(&apic[0]), 0x59);
	assert_int_equal(serve(&apic[0]), 0x59);
	vioapic_set(&io, 9, false);
	assert_int_equal(serve(&apic[0]), 0x59);
	assert_int_equal(serve(&apic[0]), -1);
}

static void test_level_masks(void **state)
{
	(void)state;
	redirect(9, 0x59 | LEVEL | MASKED, 0);
	vioapic_set(&io, 9, true);
	assert_int_equal(vlapic_pending(&apic[0]), -1);
	redirect(9, 0x59 | LEVEL, 0); /* levels are not lost by a mask */
	assert_int_equal(vlapic_pending(&apic[0]), 0x59);
	vlapic_accept(&apic[0], 0x59);
	redirect(9, 0x59 | LEVEL | MASKED, 0);
	vlapic_write(&apic[0], APIC_EOI, 0);
	assert_int_equal(vlapic_pending(&apic[0]), -1);
	assert_int_equal(reg_read(0x22), 0x59 | LEVEL | MASKED);
	/* A pin that is up when its entry becomes level-triggered asks at once. */
	redirect(9, 0x59, 0);
	assert_int_equal(vlapic_pending(&apic[0]), -1);
	redirect(9, 0x59 | LEVEL, 0);
	assert_int_equal(vlapic_pending(&apic[0]), 0x59);
	/* Systems get rid of remote IRR through edge mode. */
	vlapic_accept(&apic[0], 0x59);
	redirect(9, 0x59 | MASKED, 0);
	assert_int_equal(reg_read(0x22), 0x59 | MASKED);
	redirect(9, 0x59 | LEVEL, 0);
	assert_int_equal(reg_read(0x22), 0x59 | LEVEL | REMOTE_IRR);
}

static void test_eoi_register(void **state)
{
	(void)state;
	vlapic_write(&apic[0], APIC_SVR, 0x11ff); /* broadcasts suppressed */
	redirect(9, 0x59 | LEVEL, 0);
	redirect(10, 0x59 | LEVEL, 0); /* two pins may share a vector */
	redirect(11, 0x5a | LEVEL, 0);
	vioapic_set(&io, 9, true);
	vioapic_set(&io, 10, true);
	vioapic_set(&io, 11, true);
	assert_int_equal(serve(&apic[0]), 0x5a);
	assert_int_equal(serve(&apic[0]), 0x59);
	vioapic_set(&io, 9, false);
	vioapic_set(&io, 11, false);
	assert_int_equal(reg_read(0x22) & REMOTE_IRR, REMOTE_IRR);
	access_io(true, 0x40, 4, 0x59);
	assert_int_equal(reg_read(0x22) & REMOTE_IRR, 0);
	assert_int_equal(reg_read(0x24) & REMOTE_IRR, REMOTE_IRR); /* sent again */
	assert_int_equal(reg_read(0x26) & REMOTE_IRR, REMOTE_IRR);
	assert_int_equal(serve(&apic[0]), 0x59);
}

static void test_destinations(void **state)
{
	(void)state;
	redirect(1, 0x41 | LOGICAL, 3);
	pulse(1);
	assert_int_equal(serve(&apic[0]), 0x41);
	assert_int_equal(serve(&apic[1]), 0x41);
	redirect(1, 0x41 | LOGICAL | APIC_LOWEST << 8, 3);
	vlapic_write(&apic[0], APIC_TPR, 0x20);
	pulse(1);
	assert_int_equal(serve(&apic[0]), -1);
	assert_int_equal(serve(&apic[1]), 0x41);
	redirect(1, 0x41, 0xff);
	pulse(1);
	assert_int_equal(serve(&apic[0]), 0x41);
	assert_int_equal(serve(&apic[1]), 0x41);
	assert_int_equal(io.undelivered, 0);
	redirect(1, 0x41, 9);
	pulse(1);
	assert_int_equal(io.undelivered, 1);
}

/* Nobody takes a level interrupt: it is not lost, but sent when the entry is written again. */
static void test_level_not_taken(void **state)
{
	(void)state;
	vlapic_write(&apic[0], APIC_SVR, 0xff);
	redirect(9, 0x59 | LEVEL, 0);
	vioapic_set(&io, 9, true);
	assert_int_equal(reg_read(0x22), 0x59 | LEVEL);
	vlapic_write(&apic[0], APIC_SVR, 0x1ff);
	redirect(9, 0x59 | LEVEL, 0);
	assert_int_equal(vlapic_pending(&apic[0]), 0x59);
}

static void test_modes(void **state)
{
	(void)state;
	redirect(3, APIC_NMI << 8 | LEVEL, 0); /* an edge whatever the entry says */
	vioapic_set(&io, 3, true);
	assert_int_equal(nmis, 1);
	assert_int_equal(reg_read(0x16), APIC_NMI << 8 | LEVEL);
	redirect(3, APIC_NMI << 8 | LEVEL, 0);
	assert_int_equal(nmis, 1);
	redirect(4, APIC_INIT << 8, 1);
	pulse(4);
	assert_int_equal(inits, 1);
	redirect(6, APIC_SMI << 8, 1);
	pulse(6);
	assert_int_equal(io.undelivered, 1);
	/* The 8259 pair on pin 0. */
	redirect(0, APIC_EXTINT << 8, 0);
	vlapic_set_extint(&apic[0], true);
	assert_false(vlapic_accepts_extint(&apic[0]));
	vioapic_set(&io, 0, true);
	assert_true(vlapic_accepts_extint(&apic[0]));
	assert_int_equal(wakes, 1);
	vioapic_set(&io, 0, false);
	vlapic_set_extint(&apic[0], false);
	assert_false(vlapic_accepts_extint(&apic[0]));
}

static void test_anything(void **state)
{
	u64 seed = 9;
	unsigned i;

	(void)state;
	for (i = 0; i < 200000; i++) {
		u64 r = unit_random(&seed);

		if (r & 1)
			vioapic_set(&io, (r >> 8) % 26, r >> 16 & 1);
		else
			access_io(r >> 1 & 1, (r >> 8) % (r & 4 ? 0x18 : 0xff8), 1u << (r >> 4 & 3),
				  r >> 32);
		serve(&apic[r >> 60 & 1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_registers, setup),
		cmocka_unit_test_setup(test_window, setup),
		cmocka_unit_test_setup(test_edge, setup),
		cmocka_unit_test_setup(test_level, setup),
		cmocka_unit_test_setup(test_level_masks, setup),
		cmocka_unit_test_setup(test_eoi_register, setup),
		cmocka_unit_test_setup(test_destinations, setup),
		cmocka_unit_test_setup(test_level_not_taken, setup),
		cmocka_unit_test_setup(test_modes, setup),
		cmocka_unit_test_setup(test_anything, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
