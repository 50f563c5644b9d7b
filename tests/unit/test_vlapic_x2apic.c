// SOURCES: vmm/dev/vlapic.c vmm/dev/vlapic_ipi.c vmm/dev/vlapic_regs.c vmm/dev/vlapic_timer.c
// SOURCES: vmm/vclock.c
/* vmm/dev/vlapic*.c in x2APIC mode, and the ways into it and out of it. */
#include "tests/unit/stubs/apicrig.h"

static void test_x2apic_registers(void **state)
{
	struct vlapic *a = &apic[13];
	u64 value;

	(void)state;
	assert_int_equal(vlapic_msr_read(a, x2apic_msr(APIC_ID), &value), -EINVAL);
	wrmsr_refused(a, APIC_TPR, 0);
	to_x2apic(a);
	assert_int_equal(rdmsr(a, APIC_ID), 13);
	assert_int_equal(rdmsr(a, APIC_LDR), 0x2000);
	assert_int_equal(rdmsr(a, APIC_VERSION), 0x01060015);
	wrmsr(a, APIC_TPR, 0xff);
	wrmsr_refused(a, APIC_TPR, 0x100);
	wrmsr(a, APIC_TPR, 0);
	wrmsr(a, APIC_EOI, 0);
	wrmsr_refused(a, APIC_EOI, 1);
	wrmsr(a, APIC_ESR, 0);
	wrmsr_refused(a, APIC_ESR, 1);
	wrmsr(a, APIC_SVR, 0x11ff);
	wrmsr_refused(a, APIC_SVR, 0x2ff);
	wrmsr(a, APIC_LVT_TIMER, 0x500ff & ~0x10000);
	wrmsr_refused(a, APIC_LVT_TIMER, 0x100);
	wrmsr(a, APIC_LVT_LINT0, 0x1a7ff);
	wrmsr_refused(a, APIC_LVT_LINT0, 0x20000);
	wrmsr(a, APIC_LVT_ERROR, 0x100ff);
	wrmsr_refused(a, APIC_LVT_ERROR, 0x400);
	wrmsr(a, APIC_TIMER_DIVIDE, 0xb);
	wrmsr_refused(a, APIC_TIMER_DIVIDE, 0x4);
	wrmsr_refused(a, APIC_TIMER_INITIAL, 1ull << 32);
}

/* Which registers x2APIC mode has: SDM 3A table 11-6. */
static void test_x2apic_map(void **state)
{
	static const u8 readable[] = { 0x02, 0x03, 0x08, 0x0a, 0x0d, 0x0f, 0x28, 0x2f, 0x30,
				       0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3e };
	static const u8 read_only[] = { 0x02, 0x03, 0x0a, 0x0d, 0x39 };
	struct vlapic *a = &apic[1];
	u64 value;
	u32 i;

	(void)state;
	to_x2apic(a);
	for (i = 0; i < 0x100; i++) {
		bool reads = memchr(readable, (int)i, sizeof(readable)) || (i >= 0x10 && i < 0x28);
		bool writes = (reads && !memchr(read_only, (int)i, sizeof(read_only)) &&
			       !(i >= 0x10 && i < 0x28)) ||
			      i == 0x0b;

		assert_int_equal(vlapic_msr_read(a, MSR_X2APIC_BASE + i, &value),
				 reads ? 0 : -EINVAL);
		if (i == 0x3f) /* 0 is no vector, but no #GP either */
			writes = true;
		assert_int_equal(vlapic_msr_write(a, MSR_X2APIC_BASE + i, 0), writes ? 0 : -EINVAL);
		assert_int_equal(vlapic_msr_write(a, MSR_X2APIC_BASE + i, 1ull << 32),
				 i == 0x30 ? 0 : -EINVAL);
	}
	assert_int_equal(vlapic_msr_read(a, 0x900, &value), -EINVAL);
	assert_int_equal(vlapic_msr_write(a, 0x7ff, 0), -EINVAL);
}

static int x2apic_setup(void **state)
{
	unsigned i;

	setup(state);
	for (i = 0; i < CPUS; i++)
		to_x2apic(&apic[i]);
	return 0;
}

static u32 who_got_x2apic(u8 vector)
{
	u32 mask = 0;
	unsigned i;

	for (i = 0; i < CPUS; i++) {
		if (vlapic_pending(&apic[i]) != vector)
			continue;
		vlapic_accept(&apic[i], vector);
		wrmsr(&apic[i], APIC_EOI, 0);
		mask |= 1u << i;
	}
	return mask;
}

static void test_x2apic_destinations(void **state)
{
	struct vlapic *a = &apic[0];

	(void)state;
	wrmsr(a, APIC_ICR_LOW, 9ull << 32 | 0x50);
	assert_int_equal(who_got_x2apic(0x50), 1u << 9);
	assert_true(rdmsr(a, APIC_ICR_LOW) == (9ull << 32 | 0x50));
	wrmsr(a, APIC_ICR_LOW, 0xffffffffull << 32 | 0x50);
	assert_int_equal(who_got_x2apic(0x50), 0xffff);
	wrmsr(a, APIC_ICR_LOW, 0xffffffffull << 32 | ICR_LOGICAL | 0x50);
	assert_int_equal(who_got_x2apic(0x50), 0xffff);
	wrmsr(a, APIC_ICR_LOW, 0xffull << 32 | 0x50); /* not the broadcast of this mode */
	assert_int_equal(who_got_x2apic(0x50), 0);
	wrmsr(a, APIC_ICR_LOW, 0x8005ull << 32 | ICR_LOGICAL | 0x50);
	assert_int_equal(who_got_x2apic(0x50), 0x8005);
	wrmsr(a, APIC_ICR_LOW, 0x18005ull << 32 | ICR_LOGICAL | 0x50); /* another cluster */
	assert_int_equal(who_got_x2apic(0x50), 0);
	/* From the IOAPIC, whose destinations have eight bits. */
	assert_int_equal(vlapic_bus_deliver(&bus, 0xff, false, APIC_FIXED, 0x50, false), 16);
	assert_int_equal(who_got_x2apic(0x50), 0xffff);
	assert_int_equal(vlapic_bus_deliver(&bus, 0x81, true, APIC_FIXED, 0x50, false), 2);
	assert_int_equal(who_got_x2apic(0x50), 0x81);
	wrmsr(a, APIC_ICR_LOW, ICR_PENDING | ICR_TO_SELF | 0x50); /* delivery status: ignored */
	assert_int_equal(who_got_x2apic(0x50), 1);
	assert_int_equal(rdmsr(a, APIC_ICR_LOW), ICR_TO_SELF | 0x50);
	wrmsr_refused(a, APIC_ICR_LOW, 0x2050);
	wrmsr_refused(a, APIC_ICR_LOW, 0x10050);
	wrmsr_refused(a, APIC_ICR_LOW, 0x100050);
}

static void test_self_ipi(void **state)
{
	struct vlapic *a = &apic[6];

	(void)state;
	wrmsr(a, APIC_SELF_IPI, 0x99);
	assert_int_equal(who_got_x2apic(0x99), 1u << 6);
	wrmsr_refused(a, APIC_SELF_IPI, 0x199);
	wrmsr(a, APIC_SELF_IPI, 5);
	wrmsr(a, APIC_ESR, 0);
	assert_int_equal(rdmsr(a, APIC_ESR), 0x20);
}

/*
 * SDM 3A figure 11-26. Rows: from disabled, xAPIC, x2APIC; columns: to those, and to the invalid.
 */
static void test_mode_transitions(void **state)
{
	static const u64 mode[4] = { 0, APIC_BASE_ENABLE, APIC_BASE_ENABLE | APIC_BASE_X2APIC,
				     APIC_BASE_X2APIC };
	static const bool allowed[3][4] = {
		{ true, true, false, false },
		{ true, true, true, false },
		{ true, false, true, false },
	};
	struct vlapic *a = &apic[1];
	unsigned from, to;
	u64 value;

	(void)state;
	for (from = 0; from < 3; from++) {
		for (to = 0; to < 4; to++) {
			vlapic_reset(a);
			a->state.base = VLAPIC_BASE | mode[from];
			assert_int_equal(vlapic_msr_write(a, MSR_APIC_BASE, VLAPIC_BASE | mode[to]),
					 allowed[from][to] ? 0 : -EINVAL);
			assert_int_equal(vlapic_msr_read(a, MSR_APIC_BASE, &value), 0);
			assert_int_equal(value, VLAPIC_BASE | mode[allowed[from][to] ? to : from]);
		}
	}
	assert_int_equal(vlapic_msr_write(a, MSR_APIC_BASE, 0xfee00801), -EINVAL);
	assert_int_equal(vlapic_msr_write(a, MSR_APIC_BASE, 0xfee00a00), -EINVAL);
	assert_int_equal(vlapic_msr_write(a, MSR_APIC_BASE, 1ull << 52 | 0xfee00800), -EINVAL);
	assert_int_equal(vlapic_msr_write(a, 0x1c, 0), -EINVAL);
	assert_int_equal(vlapic_msr_read(a, 0x1c, &value), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_x2apic_registers, setup),
		cmocka_unit_test_setup(test_x2apic_map, setup),
		cmocka_unit_test_setup(test_x2apic_destinations, x2apic_setup),
		cmocka_unit_test_setup(test_self_ipi, x2apic_setup),
		cmocka_unit_test_setup(test_mode_transitions, setup),
	};

	return cmocka_run_group_tests_name("vlapic_x2apic", tests, NULL, NULL);
}
