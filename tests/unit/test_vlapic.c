// SOURCES: vmm/dev/vlapic.c vmm/dev/vlapic_ipi.c vmm/dev/vlapic_regs.c vmm/dev/vlapic_timer.c
// SOURCES: vmm/vclock.c
/* vmm/dev/vlapic*.c: priorities, every delivery mode and destination, pins. */
#include "tests/unit/stubs/apicrig.h"

static void test_reset_values(void **state)
{
	struct vlapic *a = &apic[3];
	unsigned i;

	(void)state;
	vlapic_reset(a);
	assert_int_equal(vlapic_read(a, APIC_ID), 3u << 24);
	assert_int_equal(vlapic_read(a, APIC_VERSION), 0x01060015);
	assert_int_equal(vlapic_read(a, APIC_SVR), 0xff);
	assert_int_equal(vlapic_read(a, APIC_DFR), 0xffffffff);
	assert_int_equal(vlapic_read(a, APIC_LDR), 0);
	for (i = APIC_LVT_TIMER; i <= APIC_LVT_ERROR; i += 16)
		assert_int_equal(vlapic_read(a, i), 0x10000);
	assert_int_equal(vlapic_read(a, APIC_LVT_CMCI), 0x10000);
	assert_int_equal(a->state.base, 0xfee00800);
	assert_int_equal(apic[0].state.base, 0xfee00900);
	assert_int_equal(vlapic_pending(a), -1);
}

/*
 * SDM 3A 11.8.3: classes of sixteen; the task and what is served hold back their own and lower
 * ones.
 */
static void test_priorities(void **state)
{
	struct vlapic *a = &apic[0];

	(void)state;
	fixed(a, 0x31);
	fixed(a, 0x52);
	fixed(a, 0x51);
	assert_int_equal(vlapic_pending(a), 0x52);
	vlapic_accept(a, 0x52);
	assert_int_equal(vlapic_read(a, APIC_PPR), 0x50);
	assert_int_equal(vlapic_pending(a), -1); /* 51 is of the same class */
	fixed(a, 0x60);
	assert_int_equal(vlapic_pending(a), 0x60);
	vlapic_accept(a, 0x60);
	assert_int_equal(vlapic_read(a, APIC_ISR + 0x20), 1u << 18);
	assert_int_equal(vlapic_read(a, APIC_ISR + 0x30), 1u);
	vlapic_write(a, APIC_EOI, 0);
	assert_int_equal(vlapic_read(a, APIC_ISR + 0x30), 0);
	assert_int_equal(vlapic_pending(a), -1);
	vlapic_write(a, APIC_EOI, 0);
	assert_int_equal(serve(a), 0x51);
	assert_int_equal(serve(a), 0x31);
	assert_int_equal(serve(a), -1);
	vlapic_write(a, APIC_EOI, 0); /* one too many */
	assert_int_equal(seen[0].eois, 0);
}

static void test_tpr(void **state)
{
	struct vlapic *a = &apic[0];

	(void)state;
	fixed(a, 0x45);
	vlapic_write(a, APIC_TPR, 0x40);
	assert_int_equal(vlapic_pending(a), -1);
	assert_int_equal(vlapic_get_cr8(a), 4);
	vlapic_set_cr8(a, 3);
	assert_int_equal(vlapic_read(a, APIC_TPR), 0x30);
	assert_int_equal(vlapic_pending(a), 0x45);
	vlapic_write(a, APIC_TPR, 0x3f);
	assert_int_equal(vlapic_pending(a), 0x45);
	assert_int_equal(vlapic_read(a, APIC_PPR), 0x3f); /* the whole of TPR when that is higher */
	vlapic_accept(a, 0x45);
	assert_int_equal(vlapic_read(a, APIC_PPR), 0x40);
	vlapic_set_cr8(a, 15);
	vlapic_write(a, APIC_EOI, 0);
	fixed(a, 0xff);
	assert_int_equal(vlapic_pending(a), -1);
}

static void test_every_vector(void **state)
{
	struct vlapic *a = &apic[0];
	int v;

	(void)state;
	for (v = 16; v < 256; v++)
		fixed(a, (u8)v);
	assert_int_equal(vlapic_read(a, APIC_IRR), 0xffff0000);
	assert_int_equal(vlapic_read(a, APIC_IRR + 0x70), 0xffffffff);
	for (v = 255; v >= 16; v--)
		assert_int_equal(serve(a), v);
	assert_int_equal(serve(a), -1);
}

static void test_level_and_eoi(void **state)
{
	struct vlapic *a = &apic[2];

	(void)state;
	vlapic_bus_deliver(&bus, 2, false, APIC_FIXED, 0x71, true);
	assert_int_equal(vlapic_read(a, APIC_TMR + 0x30), 1u << 17);
	assert_int_equal(serve(a), 0x71);
	assert_int_equal(seen[2].eois, 1);
	assert_int_equal(seen[2].eoi_vector, 0x71);
	fixed(a, 0x71); /* as an edge: no broadcast */
	assert_int_equal(vlapic_read(a, APIC_TMR + 0x30), 0);
	assert_int_equal(serve(a), 0x71);
	assert_int_equal(seen[2].eois, 1);
	vlapic_write(a, APIC_SVR, 0x11ff); /* broadcasts suppressed */
	vlapic_bus_deliver(&bus, 2, false, APIC_FIXED, 0x71, true);
	assert_int_equal(serve(a), 0x71);
	assert_int_equal(seen[2].eois, 1);
}

static void test_wake(void **state)
{
	(void)state;
	fixed(&apic[1], 0x40);
	fixed(&apic[1], 0x40); /* is there already: one wake-up is enough */
	assert_int_equal(seen[1].wakes, 1);
	ipi(&apic[1], 0x41 | ICR_TO_SELF, 0);
	assert_int_equal(seen[1].wakes, 1); /* the sender is awake */
	assert_int_equal(vlapic_pending(&apic[1]), 0x41);
	fixed(&apic[1], 0x42);
	assert_int_equal(seen[1].wakes, 2);
}

static void test_physical(void **state)
{
	(void)state;
	ipi(&apic[0], 0x50, 5);
	assert_int_equal(who_got(0x50), 1u << 5);
	ipi(&apic[0], 0x50, 0xff);
	assert_int_equal(who_got(0x50), 0xffff);
	ipi(&apic[0], 0x50, 16);
	assert_int_equal(who_got(0x50), 0);
	assert_int_equal(vlapic_read(&apic[0], APIC_ICR_LOW), 0x50); /* delivery status is idle */
	assert_int_equal(vlapic_read(&apic[0], APIC_ICR_HIGH), 16u << 24);
	assert_int_equal(vlapic_bus_deliver(&bus, 0xff, false, APIC_FIXED, 0x50, false), 16);
	assert_int_equal(who_got(0x50), 0xffff);
	assert_int_equal(vlapic_bus_deliver(&bus, 77, false, APIC_FIXED, 0x50, false), 0);
}

static void test_shorthands(void **state)
{
	(void)state;
	ipi(&apic[3], 0x50 | ICR_TO_SELF, 9);
	assert_int_equal(who_got(0x50), 1u << 3);
	ipi(&apic[3], 0x50 | ICR_TO_ALL, 9);
	assert_int_equal(who_got(0x50), 0xffff);
	ipi(&apic[3], 0x50 | ICR_TO_OTHERS, 9);
	assert_int_equal(who_got(0x50), 0xffff & ~(1u << 3));
	ipi(&apic[3], APIC_NMI << 8 | ICR_TO_SELF, 0);
	assert_int_equal(seen[3].nmis, 1);
	/* INIT and SIPI to oneself are not among the valid combinations. */
	ipi(&apic[3], APIC_INIT << 8 | ICR_ASSERT | ICR_TO_SELF, 0);
	ipi(&apic[3], APIC_STARTUP << 8 | ICR_TO_ALL | 0x12, 0);
	assert_int_equal(seen[3].inits + seen[3].startups + seen[4].startups, 0);
}

static void test_logical_flat(void **state)
{
	(void)state;
	ipi(&apic[0], 0x50 | ICR_LOGICAL, 0x84);
	assert_int_equal(who_got(0x50), 0x84);
	ipi(&apic[0], 0x50 | ICR_LOGICAL, 0xff); /* broadcast: those without a logical ID as well */
	assert_int_equal(who_got(0x50), 0xffff);
	ipi(&apic[0], 0x50 | ICR_LOGICAL, 0);
	assert_int_equal(who_got(0x50), 0);
}

static void test_logical_cluster(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < CPUS; i++) {
		vlapic_write(&apic[i], APIC_DFR, 0x0fffffff);
		vlapic_write(&apic[i], APIC_LDR, (i / 4) << 28 | (1u << (i % 4)) << 24);
	}
	assert_int_equal(vlapic_read(&apic[5], APIC_DFR), 0x0fffffff);
	assert_int_equal(vlapic_read(&apic[5], APIC_LDR), 0x12000000);
	ipi(&apic[0], 0x50 | ICR_LOGICAL, 0x16);
	assert_int_equal(who_got(0x50), 0x60);
	ipi(&apic[0], 0x50 | ICR_LOGICAL, 0x3f);
	assert_int_equal(who_got(0x50), 0xf000);
	ipi(&apic[0], 0x50 | ICR_LOGICAL, 0xff);
	assert_int_equal(who_got(0x50), 0xffff);
}

static void test_lowest_priority(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < 8; i++)
		vlapic_write(&apic[i], APIC_TPR, 0x40 - (i << 4) % 0x30);
	/* TPRs: 40 30 20 40 30 20 40 30 */
	ipi(&apic[0], 0x90 | APIC_LOWEST << 8 | ICR_LOGICAL, 0xff & ~0x4);
	assert_int_equal(vlapic_pending(&apic[5]), 0x90);
	assert_int_equal(who_got(0x90), 1u << 5);
	ipi(&apic[0], 0x90 | APIC_LOWEST << 8 | ICR_LOGICAL, 0x36); /* 2 and 5: the lower ID */
	assert_int_equal(who_got(0x90), 1u << 2);
	vlapic_write(&apic[2], APIC_SVR, 0xff);
	ipi(&apic[0], 0x90 | APIC_LOWEST << 8 | ICR_LOGICAL, 0x16); /* one disabled is none */
	assert_int_equal(who_got(0x90), 1u << 1);
	assert_int_equal(vlapic_bus_deliver(&bus, 0x04, true, APIC_LOWEST, 0x90, true), 0);
	assert_int_equal(vlapic_bus_deliver(&bus, 0x02, true, APIC_LOWEST, 0x90, true), 1);
	assert_int_equal(vlapic_read(&apic[1], APIC_TMR + 0x40), 1u << 16);
}

static void test_nmi_init_startup(void **state)
{
	(void)state;
	ipi(&apic[0], APIC_NMI << 8, 4);
	assert_int_equal(seen[4].nmis, 1);
	ipi(&apic[0], APIC_INIT << 8 | ICR_ASSERT, 4);
	assert_int_equal(seen[4].inits, 1);
	ipi(&apic[0], APIC_INIT << 8 | ICR_ASSERT | ICR_LEVEL, 4);
	assert_int_equal(seen[4].inits, 2);
	ipi(&apic[0], APIC_INIT << 8 | ICR_LEVEL, 4); /* de-assert: nothing */
	assert_int_equal(seen[4].inits, 2);
	ipi(&apic[0], APIC_STARTUP << 8 | ICR_ASSERT | 0x0a, 4);
	assert_int_equal(seen[4].startups, 1);
	assert_int_equal(seen[4].startup_vector, 0x0a);
	ipi(&apic[0], APIC_STARTUP << 8 | ICR_TO_OTHERS | 0x08, 0);
	assert_int_equal(seen[0].startups, 0);
	assert_int_equal(seen[15].startups, 1);
	/* System management, reserved, ExtINT from an ICR: no effect. */
	ipi(&apic[0], APIC_SMI << 8, 4);
	ipi(&apic[0], APIC_RESERVED3 << 8 | 0x55, 4);
	ipi(&apic[0], APIC_EXTINT << 8 | 0x55, 4);
	assert_int_equal(vlapic_pending(&apic[4]), -1);
	assert_int_equal(seen[4].nmis + seen[4].inits, 3);
}

/* SDM 3A 11.4.7.2 and 11.4.3. */
static void test_disabled(void **state)
{
	struct vlapic *a = &apic[4];

	(void)state;
	fixed(a, 0x61);
	vlapic_write(a, APIC_LVT_LINT0, 0x700);
	vlapic_write(a, APIC_SVR, 0xff);
	assert_int_equal(vlapic_pending(a), 0x61); /* held until the processor takes it */
	assert_int_equal(vlapic_read(a, APIC_LVT_LINT0), 0x10700);
	vlapic_write(a, APIC_LVT_LINT0, 0x700); /* cannot be unmasked */
	assert_int_equal(vlapic_read(a, APIC_LVT_LINT0), 0x10700);
	assert_int_equal(vlapic_bus_deliver(&bus, 4, false, APIC_FIXED, 0x62, false), 0);
	ipi(&apic[0], APIC_NMI << 8, 4);
	ipi(&apic[0], APIC_INIT << 8 | ICR_ASSERT, 4);
	assert_int_equal(seen[4].nmis + seen[4].inits, 2);
	assert_int_equal(vlapic_msr_write(a, MSR_APIC_BASE, 0xfee00000), 0);
	assert_int_equal(vlapic_pending(a), -1);
	ipi(&apic[0], APIC_NMI << 8, 4);
	ipi(&apic[0], APIC_NMI << 8, 0xff);
	assert_int_equal(seen[4].nmis, 1);
	assert_int_equal(seen[5].nmis, 1);
	assert_true(vlapic_accepts_extint(a));
	assert_int_equal(vlapic_msr_write(a, MSR_APIC_BASE, 0xfee00800), 0);
	assert_int_equal(vlapic_read(a, APIC_LVT_LINT0), 0x10000);
	assert_int_equal(vlapic_read(a, APIC_SVR), 0xff);
	assert_false(vlapic_accepts_extint(a));
}

static void test_init_ipi(void **state)
{
	struct vlapic *a = &apic[4];

	(void)state;
	to_x2apic(a);
	fixed(a, 0x61);
	vlapic_write(a, APIC_TPR, 0x20);
	vlapic_init_ipi(a);
	assert_int_equal(vlapic_pending(a), -1);
	assert_int_equal(rdmsr(a, APIC_ID), 4);
	assert_int_equal(rdmsr(a, APIC_TPR), 0);
	assert_int_equal(rdmsr(a, APIC_SVR), 0xff);
	assert_int_equal(a->state.base, 0xfee00c00);
}

static void test_errors(void **state)
{
	struct vlapic *a = &apic[0];

	(void)state;
	vlapic_write(a, APIC_LVT_ERROR, 0xfe);
	ipi(a, 0x0f, 1);			       /* an illegal vector */
	assert_int_equal(vlapic_read(a, APIC_ESR), 0); /* until it is written */
	assert_int_equal(serve(a), 0xfe);
	ipi(a, 0x0f, 1); /* again: no second interrupt before ESR is written */
	assert_int_equal(serve(a), -1);
	vlapic_write(a, APIC_ESR, 0);
	assert_int_equal(vlapic_read(a, APIC_ESR), 0x20);
	vlapic_write(a, APIC_ESR, 0x55);
	assert_int_equal(vlapic_read(a, APIC_ESR), 0);
	assert_int_equal(vlapic_bus_deliver(&bus, 0, false, APIC_FIXED, 3, false), 0);
	vlapic_write(a, APIC_ESR, 0);
	assert_int_equal(vlapic_read(a, APIC_ESR), 0x40);
	assert_int_equal(serve(a), 0xfe);
	assert_int_equal(vlapic_read(a, 0x040), 0);
	vlapic_write(a, 0x3f0, 0x44);
	vlapic_write(a, APIC_ESR, 0);
	assert_int_equal(vlapic_read(a, APIC_ESR), 0x80);
	assert_int_equal(serve(a), 0xfe);
	/* An error interrupt with an illegal vector is one more error, not an endless one. */
	vlapic_write(a, APIC_LVT_ERROR, 0x02);
	vlapic_read(a, 0x3d0);
	vlapic_write(a, APIC_ESR, 0);
	assert_int_equal(vlapic_read(a, APIC_ESR), 0xc0);
}

static void test_read_only(void **state)
{
	static const u32 read_only[] = { APIC_ID,	    APIC_VERSION,    APIC_PPR,
					 APIC_ISR,	    APIC_TMR + 0x70, APIC_IRR + 0x30,
					 APIC_TIMER_CURRENT };
	struct vlapic *a = &apic[1];
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(read_only); i++) {
		u32 before = vlapic_read(a, read_only[i]);

		vlapic_write(a, read_only[i], ~before);
		assert_int_equal(vlapic_read(a, read_only[i]), before);
	}
	assert_int_equal(vlapic_read(a, APIC_EOI), 0);
	vlapic_write(a, APIC_ESR, 0);
	assert_int_equal(vlapic_read(a, APIC_ESR), 0);
}

static u64 mmio(struct vlapic *a, bool write, u32 addr, u8 size, u64 value)
{
	struct io_access access = { .addr = addr, .size = size, .write = write, .value = value };

	vlapic_mmio(a, &access);
	return access.value;
}

static void test_mmio(void **state)
{
	struct vlapic *a = &apic[2];

	(void)state;
	assert_int_equal(mmio(a, false, APIC_ID, 4, 0), 2u << 24);
	assert_int_equal(mmio(a, false, APIC_ID + 3, 1, 0), 2);
	assert_int_equal(mmio(a, false, APIC_ID + 4, 4, 0), 0);
	assert_int_equal(mmio(a, false, APIC_ID + 8, 8, 0), 0);
	mmio(a, true, APIC_TPR, 4, 0x70);
	mmio(a, true, APIC_TPR + 4, 4, 0x10);
	assert_int_equal(vlapic_read(a, APIC_TPR), 0x70);
	mmio(a, true, APIC_TPR, 1, 0x60);
	assert_int_equal(vlapic_read(a, APIC_TPR), 0x60);
	to_x2apic(a);
	assert_int_equal((u32)mmio(a, false, APIC_ID, 4, 0), 0xffffffff);
	mmio(a, true, APIC_TPR, 4, 0x10);
	assert_int_equal(rdmsr(a, APIC_TPR), 0x60);
}

static void test_mmio_anything(void **state)
{
	u64 seed = 5;
	unsigned i;

	(void)state;
	for (i = 0; i < 200000; i++) {
		u64 r = unit_random(&seed);
		struct vlapic *a = &apic[r % CPUS];

		mmio(a, r >> 8 & 1, (r >> 16) % 0x1000, 1u << (r >> 12 & 3), unit_random(&seed));
		if (vlapic_pending(a) >= 0 && (r >> 9 & 1))
			vlapic_accept(a, (u8)vlapic_pending(a));
		advance(r >> 50);
	}
}

static void test_extint(void **state)
{
	struct vlapic *a = &apic[0];

	(void)state;
	assert_false(vlapic_accepts_extint(a)); /* masked since reset */
	vlapic_set_extint(a, true);
	assert_int_equal(seen[0].wakes, 0);
	vlapic_set_extint(a, false);
	vlapic_virtual_wire(a);
	assert_true(vlapic_accepts_extint(a));
	vlapic_set_extint(a, true);
	assert_int_equal(seen[0].wakes, 1);
	assert_true(a->state.extint);
	assert_int_equal(vlapic_pending(a), -1); /* the vector is the 8259's */
	vlapic_write(a, APIC_LVT_LINT0, 0x10700);
	assert_false(vlapic_accepts_extint(a));
	/* By a message of the IOAPIC, for the present request alone. */
	assert_int_equal(vlapic_bus_deliver(&bus, 0, false, APIC_EXTINT, 0, false), 1);
	assert_int_equal(seen[0].wakes, 2);
	assert_true(vlapic_accepts_extint(a));
	vlapic_set_extint(a, false);
	assert_false(vlapic_accepts_extint(a));
}

static void test_lint_fixed(void **state)
{
	struct vlapic *a = &apic[0];

	(void)state;
	vlapic_write(a, APIC_LVT_LINT0, 0x31);
	vlapic_set_extint(a, true);
	vlapic_set_extint(a, true);
	assert_int_equal(serve(a), 0x31);
	assert_int_equal(serve(a), -1);
	vlapic_set_extint(a, false);
	assert_int_equal(serve(a), -1);
	/* Level: until the wire falls, one after each EOI. */
	vlapic_write(a, APIC_LVT_LINT0, 0x8032);
	vlapic_set_extint(a, true);
	assert_int_equal(vlapic_pending(a), 0x32);
	vlapic_accept(a, 0x32);
	assert_int_equal(vlapic_read(a, APIC_LVT_LINT0), 0xc032); /* remote IRR */
	vlapic_write(a, APIC_EOI, 0);
	assert_int_equal(vlapic_pending(a), 0x32);
	vlapic_set_extint(a, false);
	assert_int_equal(serve(a), 0x32);
	assert_int_equal(serve(a), -1);
	assert_int_equal(vlapic_read(a, APIC_LVT_LINT0), 0x8032);
	/* Unmasked while the wire is up. */
	vlapic_write(a, APIC_LVT_LINT0, 0x18032);
	vlapic_set_extint(a, true);
	assert_int_equal(vlapic_pending(a), -1);
	vlapic_write(a, APIC_LVT_LINT0, 0x8032);
	assert_int_equal(vlapic_pending(a), 0x32);
	vlapic_write(a, APIC_LVT_LINT0, 0x0032); /* to edge: remote IRR goes */
	assert_int_equal(vlapic_read(a, APIC_LVT_LINT0), 0x0032);
}

static void test_lint1(void **state)
{
	struct vlapic *a = &apic[0];

	(void)state;
	vlapic_set_lint1(a, true);
	vlapic_set_lint1(a, false);
	assert_int_equal(seen[0].nmis, 0); /* masked */
	vlapic_write(a, APIC_LVT_LINT1, 0x400);
	vlapic_set_lint1(a, true);
	vlapic_set_lint1(a, true);
	assert_int_equal(seen[0].nmis, 1);
	vlapic_set_lint1(a, false);
	vlapic_write(a, APIC_LVT_LINT1, 0x500);
	vlapic_set_lint1(a, true);
	assert_int_equal(seen[0].inits, 1);
	vlapic_set_lint1(a, false);
	assert_int_equal(vlapic_msr_write(a, MSR_APIC_BASE, 0xfee00000), 0);
	vlapic_set_lint1(a, true); /* the pin is the processor's own NMI then */
	assert_int_equal(seen[0].nmis, 2);
}

/* Rule 1: a copy of the state is a snapshot. */
static void test_state_is_plain(void **state)
{
	struct vlapic_state copy;
	struct vlapic *a = &apic[0];

	(void)state;
	fixed(a, 0x45);
	fixed(a, 0x80);
	vlapic_accept(a, 0x80);
	copy = a->state;
	vlapic_write(a, APIC_EOI, 0);
	assert_int_equal(serve(a), 0x45);
	a->state = copy;
	assert_int_equal(vlapic_pending(a), -1);
	vlapic_write(a, APIC_EOI, 0);
	assert_int_equal(serve(a), 0x45);
}

static bool mmio_quick(struct vlapic *a, u32 offset, u32 value)
{
	struct io_access access = { .addr = offset, .value = value, .size = 4, .write = true };

	return vlapic_mmio_quick(a, &access);
}

/* What needs a hook that takes time is refused, and nothing has happened then. */
static void test_mmio_quick(void **state)
{
	struct io_access read = { .addr = APIC_VERSION, .size = 4 };
	struct vlapic *a = &apic[1];
	u64 seed = 7;

	(void)state;
	assert_true(vlapic_mmio_quick(a, &read));
	assert_int_equal(read.value, 0x01060015);
	vlapic_bus_deliver(&bus, 1, false, APIC_FIXED, 0x71, true);
	vlapic_accept(a, 0x71);
	assert_false(mmio_quick(a, APIC_EOI, 0));
	assert_int_equal(vlapic_read(a, APIC_ISR + 0x30), 1u << 17);
	vlapic_write(a, APIC_EOI, 0);
	fixed(a, 0x72);
	vlapic_accept(a, 0x72);
	assert_true(mmio_quick(a, APIC_EOI, 5)); /* any value will do */
	assert_int_equal(vlapic_read(a, APIC_ISR + 0x30), 0);
	assert_true(mmio_quick(a, APIC_ICR_LOW, ICR_TO_SELF | 0x55));
	assert_int_equal(serve(a), 0x55);
	assert_false(mmio_quick(a, APIC_LVT_LINT0, 0x700)); /* the 8259 pair may be waiting */
	assert_int_equal(vlapic_read(a, APIC_LVT_LINT0), 0x10000);
	memset(seen, 0, sizeof(seen));
	for (unsigned i = 0; i < 100000; i++)
		(void)mmio_quick(a, unit_random(&seed) & 0xfff, unit_random(&seed));
	for (unsigned i = 0; i < CPUS; i++)
		assert_int_equal(seen[i].nmis + seen[i].inits + seen[i].startups + seen[i].eois, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_reset_values, setup),
		cmocka_unit_test_setup(test_priorities, setup),
		cmocka_unit_test_setup(test_tpr, setup),
		cmocka_unit_test_setup(test_every_vector, setup),
		cmocka_unit_test_setup(test_level_and_eoi, setup),
		cmocka_unit_test_setup(test_wake, setup),
		cmocka_unit_test_setup(test_physical, setup),
		cmocka_unit_test_setup(test_shorthands, setup),
		cmocka_unit_test_setup(test_logical_flat, setup),
		cmocka_unit_test_setup(test_logical_cluster, setup),
		cmocka_unit_test_setup(test_lowest_priority, setup),
		cmocka_unit_test_setup(test_nmi_init_startup, setup),
		cmocka_unit_test_setup(test_disabled, setup),
		cmocka_unit_test_setup(test_init_ipi, setup),
		cmocka_unit_test_setup(test_errors, setup),
		cmocka_unit_test_setup(test_read_only, setup),
		cmocka_unit_test_setup(test_mmio, setup),
		cmocka_unit_test_setup(test_mmio_anything, setup),
		cmocka_unit_test_setup(test_mmio_quick, setup),
		cmocka_unit_test_setup(test_extint, setup),
		cmocka_unit_test_setup(test_lint_fixed, setup),
		cmocka_unit_test_setup(test_lint1, setup),
		cmocka_unit_test_setup(test_state_is_plain, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
