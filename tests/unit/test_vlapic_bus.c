// SOURCES: vmm/dev/vlapic.c vmm/dev/vlapic_ipi.c vmm/dev/vlapic_regs.c vmm/dev/vlapic_timer.c
// SOURCES: vmm/dev/vioapic.c vmm/iobus.c vmm/vclock.c
/*
 * Between APICs: destinations where xAPIC and x2APIC modes meet, shorthands, who is woken, errors
 * at both ends, what INIT, reset and the global enable leave, and the IOAPIC's levels.
 */
#include "tests/unit/stubs/apicrig.h"

#include "vmm/dev/vioapic.h"

static struct iobus iobus;
static struct vioapic io;

static void send_x2apic(unsigned from, u32 dest, u32 low)
{
	wrmsr(&apic[from], APIC_ICR_LOW, (u64)dest << 32 | low);
}

/* Bit n: APIC n has the vector, which is served, in whatever mode the APIC is. */
static u32 who_got_mixed(u8 vector)
{
	u32 mask = 0;

	for (unsigned i = 0; i < CPUS; i++) {
		if (vlapic_pending(&apic[i]) != vector)
			continue;
		vlapic_accept(&apic[i], vector);
		if (vlapic_is_x2apic(&apic[i]))
			wrmsr(&apic[i], APIC_EOI, 0);
		else
			vlapic_write(&apic[i], APIC_EOI, 0);
		mask |= 1u << i;
	}
	return mask;
}

/* The odd ones are in x2APIC mode. */
static int mixed_setup(void **state)
{
	setup(state);
	for (unsigned i = 1; i < CPUS; i += 2)
		to_x2apic(&apic[i]);
	return 0;
}

static void test_mixed_physical(void **state)
{
	(void)state;
	ipi(&apic[0], 0x50, 5); /* xAPIC to x2APIC */
	assert_int_equal(who_got_mixed(0x50), 1u << 5);
	send_x2apic(1, 4, 0x50); /* and back */
	assert_int_equal(who_got_mixed(0x50), 1u << 4);
	ipi(&apic[0], 0x50, 0xff);
	assert_int_equal(who_got_mixed(0x50), 0xffff);
	send_x2apic(1, ~0u, 0x50);
	assert_int_equal(who_got_mixed(0x50), 0xffff);
	send_x2apic(1, 0xff, 0x50); /* an ID like any other in x2APIC mode */
	assert_int_equal(who_got_mixed(0x50), 0);
	send_x2apic(1, 0x100, 0x50); /* not APIC 0 */
	assert_int_equal(who_got_mixed(0x50), 0);
}

static void test_mixed_logical(void **state)
{
	(void)state;
	/* Eight bits: an xAPIC compares its LDR, an x2APIC its ID in cluster 0. Here they agree. */
	ipi(&apic[0], 0x50 | ICR_LOGICAL, 0x36);
	assert_int_equal(who_got_mixed(0x50), 0x36);
	send_x2apic(1, 0x36, 0x50 | ICR_LOGICAL);
	assert_int_equal(who_got_mixed(0x50), 0x36);
	/* Beyond eight bits no xAPIC is meant. */
	send_x2apic(1, 0xff00, 0x50 | ICR_LOGICAL);
	assert_int_equal(who_got_mixed(0x50), 0xaa00);
	send_x2apic(1, 0x10001, 0x50 | ICR_LOGICAL); /* cluster 1 */
	assert_int_equal(who_got_mixed(0x50), 0);
	/* The receiver's model counts: 4 is in cluster 1 of the cluster model, the rest is flat. */
	vlapic_write(&apic[4], APIC_DFR, 0x0fffffff);
	vlapic_write(&apic[4], APIC_LDR, 0x12000000);
	ipi(&apic[0], 0x50 | ICR_LOGICAL, 0x12);
	assert_int_equal(who_got_mixed(0x50), 0x12);
	ipi(&apic[0], 0x50 | ICR_LOGICAL, 0x22);
	assert_int_equal(who_got_mixed(0x50), 0x22);
}

static void test_shorthand_lowest(void **state)
{
	(void)state;
	for (unsigned i = 0; i < CPUS; i++)
		vlapic_write(&apic[i], APIC_TPR, 0x40);
	vlapic_write(&apic[0], APIC_TPR, 0x10);
	vlapic_write(&apic[6], APIC_TPR, 0x20);
	/* One of the others, and not the sender, whose priority is lower still. */
	ipi(&apic[0], 0x90 | APIC_LOWEST << 8 | ICR_TO_OTHERS, 0);
	assert_int_equal(who_got(0x90), 1u << 6);
	/* What is being served counts as the task's priority does. */
	fixed(&apic[6], 0x81);
	vlapic_accept(&apic[6], 0x81);
	ipi(&apic[0], 0x90 | APIC_LOWEST << 8 | ICR_TO_OTHERS, 0);
	assert_int_equal(vlapic_pending(&apic[1]), 0x90);
	assert_int_equal(serve(&apic[1]), 0x90);
	/* Not among the valid combinations. */
	ipi(&apic[0], 0x90 | APIC_LOWEST << 8 | ICR_TO_ALL, 0);
	ipi(&apic[0], 0x90 | APIC_LOWEST << 8 | ICR_TO_SELF, 0);
	vlapic_write(&apic[6], APIC_EOI, 0);
	assert_int_equal(who_got(0x90), 0);
}

static void test_shorthand_disabled(void **state)
{
	(void)state;
	vlapic_write(&apic[3], APIC_SVR, 0xff);
	assert_int_equal(vlapic_msr_write(&apic[4], MSR_APIC_BASE, VLAPIC_BASE), 0);
	ipi(&apic[0], 0x50 | ICR_TO_ALL, 0);
	assert_int_equal(who_got(0x50), 0xffff & ~0x18);
	ipi(&apic[0], APIC_NMI << 8 | ICR_TO_OTHERS, 0);
	assert_int_equal(seen[0].nmis, 0);
	assert_int_equal(seen[3].nmis, 1); /* NMIs pass a software-disabled APIC, */
	assert_int_equal(seen[4].nmis, 0); /* and not one that is off */
	ipi(&apic[0], APIC_INIT << 8 | ICR_ASSERT | ICR_TO_OTHERS, 0);
	assert_int_equal(seen[0].inits + seen[4].inits, 0);
	assert_int_equal(seen[3].inits + seen[15].inits, 2);
}

static void test_who_is_woken(void **state)
{
	unsigned i;

	(void)state;
	ipi(&apic[0], 0x50 | ICR_TO_ALL, 0);
	assert_int_equal(seen[0].wakes, 0); /* the sender looks by itself */
	for (i = 1; i < CPUS; i++)
		assert_int_equal(seen[i].wakes, 1);
	ipi(&apic[0], 0x50 | ICR_TO_ALL, 0); /* all have it already */
	for (i = 1; i < CPUS; i++)
		assert_int_equal(seen[i].wakes, 1);
	/* The own timer and the own errors wake nobody: the thread is awake that finds them. */
	vlapic_write(&apic[2], APIC_LVT_TIMER, 0x61);
	vlapic_write(&apic[2], APIC_TIMER_DIVIDE, 0xb);
	vlapic_write(&apic[2], APIC_TIMER_INITIAL, 10);
	advance(10);
	assert_int_equal(vlapic_pending(&apic[2]), 0x61);
	vlapic_write(&apic[2], APIC_LVT_ERROR, 0x71);
	vlapic_read(&apic[2], 0x40);
	assert_int_equal(vlapic_pending(&apic[2]), 0x71);
	assert_int_equal(seen[2].wakes, 1);
	/* An error that another one's message makes does. */
	vlapic_write(&apic[3], APIC_LVT_ERROR, 0x71);
	vlapic_bus_deliver(&bus, 3, false, APIC_FIXED, 9, false);
	assert_int_equal(seen[3].wakes, 2);
	vlapic_bus_deliver(&bus, 3, false, APIC_FIXED, 9, false);
	assert_int_equal(seen[3].wakes, 2);
}

/* SDM 3A 11.5.3: the sender's error, and then the message is not sent. */
static void test_send_errors(void **state)
{
	(void)state;
	ipi(&apic[0], 0x0f | APIC_LOWEST << 8 | ICR_TO_OTHERS, 0);
	vlapic_write(&apic[0], APIC_ESR, 0);
	assert_int_equal(vlapic_read(&apic[0], APIC_ESR), ESR_SEND_ILLEGAL_VECTOR);
	to_x2apic(&apic[1]);
	send_x2apic(1, 2, 0x05);
	wrmsr(&apic[1], APIC_ESR, 0);
	assert_int_equal(rdmsr(&apic[1], APIC_ESR), ESR_SEND_ILLEGAL_VECTOR);
	for (unsigned i = 2; i < CPUS; i++) {
		vlapic_write(&apic[i], APIC_ESR, 0);
		assert_int_equal(vlapic_read(&apic[i], APIC_ESR), 0);
	}
	/* The vector means nothing in an NMI; a SIPI's is a page. */
	ipi(&apic[0], APIC_NMI << 8 | 0x03, 2);
	ipi(&apic[0], APIC_STARTUP << 8 | 0x03, 2);
	assert_int_equal(seen[2].nmis + seen[2].startups, 2);
	assert_int_equal(seen[2].startup_vector, 3);
	vlapic_write(&apic[0], APIC_ESR, 0);
	assert_int_equal(vlapic_read(&apic[0], APIC_ESR), 0);
}

/* Every local interrupt by its entry: fixed, masked, as an NMI, with a vector that is none. */
static void test_local_vector_table(void **state)
{
	static const u32 entry[LVT_COUNT] = { APIC_LVT_TIMER, APIC_LVT_THERMAL, APIC_LVT_PERF,
					      APIC_LVT_LINT0, APIC_LVT_LINT1,	APIC_LVT_ERROR,
					      APIC_LVT_CMCI };
	struct vlapic *a = &apic[0];

	(void)state;
	for (unsigned i = 0; i < LVT_COUNT; i++) {
		vlapic_write(a, entry[i], 0x51);
		assert_true(vlapic_local_interrupt(a, i));
		assert_int_equal(serve(a), 0x51);
		vlapic_write(a, entry[i], 0x51 | LVT_MASKED);
		assert_false(vlapic_local_interrupt(a, i));
		vlapic_write(a, entry[i], 0x02);
		vlapic_local_interrupt(a, i);
		vlapic_write(a, APIC_ESR, 0);
		assert_int_equal(vlapic_read(a, APIC_ESR), ESR_RECEIVE_ILLEGAL_VECTOR);
		assert_int_equal(serve(a), -1);
		vlapic_write(a, entry[i], LVT_MASKED);
	}
	vlapic_write(a, APIC_LVT_PERF, APIC_NMI << 8);
	vlapic_local_interrupt(a, LVT_PERF);
	assert_int_equal(seen[0].nmis, 1);
	vlapic_write(a, APIC_LVT_THERMAL, APIC_SMI << 8);
	assert_false(vlapic_local_interrupt(a, LVT_THERMAL));
}

static void dirty(struct vlapic *a)
{
	fixed(a, 0x61);
	fixed(a, 0x91);
	vlapic_accept(a, 0x91);
	vlapic_bus_deliver(&bus, a->state.id, false, APIC_FIXED, 0x62, true);
	vlapic_write(a, APIC_TPR, 0x20);
	vlapic_write(a, APIC_DFR, 0);
	vlapic_write(a, APIC_LVT_PERF, 0x51);
	vlapic_write(a, APIC_ICR_HIGH, 0x05000000);
	vlapic_write(a, APIC_LVT_TIMER, 0x52);
	vlapic_write(a, APIC_TIMER_DIVIDE, 0xb);
	vlapic_write(a, APIC_TIMER_INITIAL, 1000);
	vlapic_read(a, 0x40); /* an error */
}

static void check_clean(struct vlapic *a)
{
	assert_int_equal(vlapic_pending(a), -1);
	for (u32 offset = APIC_ISR; offset < APIC_ESR; offset += 16)
		assert_int_equal(vlapic_read(a, offset), 0);
	assert_int_equal(vlapic_read(a, APIC_TPR), 0);
	assert_int_equal(vlapic_read(a, APIC_PPR), 0);
	assert_int_equal(vlapic_read(a, APIC_LDR), 0);
	assert_int_equal(vlapic_read(a, APIC_DFR), 0xffffffff);
	assert_int_equal(vlapic_read(a, APIC_SVR), 0xff);
	assert_int_equal(vlapic_read(a, APIC_LVT_PERF), LVT_MASKED);
	assert_int_equal(vlapic_read(a, APIC_ICR_HIGH), 0);
	assert_int_equal(vlapic_read(a, APIC_TIMER_INITIAL), 0);
	assert_int_equal(vlapic_read(a, APIC_TIMER_DIVIDE), 0);
	assert_int_equal(vlapic_read(a, APIC_ID), a->state.id << 24);
	vlapic_write(a, APIC_ESR, 0);
	assert_int_equal(vlapic_read(a, APIC_ESR), 0);
	advance(5000);
	assert_int_equal(vlapic_pending(a), -1);
}

/* SDM 3A 11.4.7.3: INIT leaves the ID and the base, and with it the mode. Reset makes it xAPIC. */
static void test_init_and_reset(void **state)
{
	struct vlapic *a = &apic[5];

	(void)state;
	dirty(a);
	a->state.base |= 0x1000; /* moved */
	vlapic_init_ipi(a);
	assert_int_equal(a->state.base, (VLAPIC_BASE + 0x1000) | APIC_BASE_ENABLE);
	check_clean(a);
	vlapic_write(a, APIC_SVR, 0x1ff);
	dirty(a);
	to_x2apic(a);
	vlapic_init_ipi(a);
	assert_true(vlapic_is_x2apic(a));
	assert_int_equal(rdmsr(a, APIC_LDR), 1u << 5);
	vlapic_reset(a);
	assert_int_equal(a->state.base, VLAPIC_BASE | APIC_BASE_ENABLE);
	check_clean(a);
}

/* SDM 3A 11.4.3: off is not on the bus, and on again is as after a reset. */
static void test_off_and_on(void **state)
{
	struct vlapic *a = &apic[5];
	u64 base = a->state.base;

	(void)state;
	dirty(a);
	assert_int_equal(vlapic_msr_write(a, MSR_APIC_BASE, base & ~(u64)APIC_BASE_ENABLE), 0);
	ipi(&apic[0], 0x50, 5);
	assert_int_equal(vlapic_bus_deliver(&bus, 5, false, APIC_FIXED, 0x50, false), 0);
	assert_int_equal(vlapic_pending(a), -1);
	/*
	 * What overtakes the write is not delivered, neither then nor later; TPR changes nothing.
	 */
	assert_true(vlapic_set_irr(a, 0xff, false));
	vlapic_set_cr8(a, 3);
	vlapic_set_cr8(a, 0);
	assert_int_equal(vlapic_pending(a), -1);
	assert_int_equal(vlapic_msr_write(a, MSR_APIC_BASE, base), 0);
	check_clean(a);
	vlapic_write(a, APIC_SVR, 0x1ff);
	fixed(a, 0x50);
	assert_int_equal(serve(a), 0x50);
}

/* The page can be moved; registers answer wherever vmm/ finds it (guestwalk_access.c). */
static void test_base_moves(void **state)
{
	u64 value, base = 0xfed10000 | APIC_BASE_ENABLE;

	(void)state;
	vlapic_write(&apic[1], APIC_TPR, 0x30);
	assert_int_equal(vlapic_msr_write(&apic[1], MSR_APIC_BASE, base), 0);
	assert_int_equal(vlapic_msr_read(&apic[1], MSR_APIC_BASE, &value), 0);
	assert_true(value == base);
	assert_int_equal(vlapic_read(&apic[1], APIC_TPR), 0x30); /* and nothing else changes */
	/* Elsewhere others judge where it may lie; what needs no lock does not come by there. */
	assert_int_equal(vlapic_msr_write_quick(&apic[1], MSR_APIC_BASE, base), -EAGAIN);
}

/* With interrupts off: not what has consequences that need more. */
static void test_quick(void **state)
{
	struct vlapic *a = &apic[1];
	u32 icr = x2apic_msr(APIC_ICR_LOW), eoi = x2apic_msr(APIC_EOI);

	(void)state;
	assert_int_equal(vlapic_msr_write_quick(a, eoi, 0), -EINVAL); /* not in xAPIC mode */
	to_x2apic(a);
	assert_int_equal(vlapic_msr_write_quick(a, icr, 2ull << 32 | 0x50), 0);
	assert_int_equal(vlapic_pending(&apic[2]), 0x50);
	assert_int_equal(vlapic_msr_write_quick(a, icr, 2ull << 32 | APIC_NMI << 8), -EAGAIN);
	assert_int_equal(vlapic_msr_write_quick(a, icr, 2ull << 32 | APIC_INIT << 8), -EAGAIN);
	assert_int_equal(seen[2].nmis + seen[2].inits, 0);
	assert_int_equal(vlapic_msr_write_quick(a, x2apic_msr(APIC_LVT_LINT0), 0x700), -EAGAIN);
	assert_int_equal(rdmsr(a, APIC_LVT_LINT0), 0x10000);
	fixed(a, 0x50);
	vlapic_accept(a, 0x50);
	assert_int_equal(vlapic_msr_write_quick(a, eoi, 1), -EINVAL);
	assert_int_equal(vlapic_msr_write_quick(a, eoi, 0), 0);
	assert_int_equal(rdmsr(a, APIC_PPR), 0);
	vlapic_bus_deliver(&bus, 1, false, APIC_FIXED, 0x51, true);
	vlapic_accept(a, 0x51);
	assert_int_equal(vlapic_msr_write_quick(a, eoi, 0), -EAGAIN);
	assert_int_equal(rdmsr(a, APIC_PPR), 0x50); /* still served */
	assert_int_equal(vlapic_msr_write(a, eoi, 0), 0);
	assert_int_equal(seen[1].eois, 1);
}

static void on_ioapic_eoi(void *ctx, u8 vector)
{
	(void)ctx;
	vioapic_eoi(&io, vector);
}

static int ioapic_setup(void **state)
{
	mixed_setup(state);
	iobus_init(&iobus);
	assert_int_equal(vioapic_init(&io, &iobus, &bus), 0);
	for (unsigned i = 0; i < CPUS; i++)
		apic[i].hooks.eoi_broadcast = on_ioapic_eoi;
	return 0;
}

static void redirect(unsigned pin, u32 low, u32 dest)
{
	io.state.redir[pin] = (u64)dest << 56 | low;
}

/* A level that several take is theirs until the first EOI, from whichever; then it comes again. */
static void test_level_for_several(void **state)
{
	(void)state;
	redirect(9, 0x8859, 0x0f); /* logical, level: 0 to 3 */
	vioapic_set(&io, 9, true);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(vlapic_pending(&apic[i]), 0x59);
		vlapic_accept(&apic[i], 0x59);
	}
	wrmsr(&apic[3], APIC_EOI, 0);
	assert_int_equal(vlapic_pending(&apic[3]), 0x59); /* still asserted */
	assert_int_equal(vlapic_pending(&apic[0]), -1);	  /* behind the one it still serves, */
	assert_int_equal(vlapic_read(&apic[0], APIC_IRR + 0x20), 1u << 25); /* but there */
	vioapic_set(&io, 9, false);
	vlapic_accept(&apic[3], 0x59);
	wrmsr(&apic[3], APIC_EOI, 0);
	assert_int_equal(io.state.redir[9] & LVT_REMOTE_IRR, 0);
	assert_int_equal(vlapic_pending(&apic[3]), -1);
}

/* Lowest priority goes to another processor each time that the first one is busy. */
static void test_level_lowest(void **state)
{
	(void)state;
	redirect(9, 0x8959, 0x0f);
	vioapic_set(&io, 9, true);
	assert_int_equal(who_got_mixed(0x59), 1);
	vioapic_set(&io, 9, false);
	assert_int_equal(who_got_mixed(0x59), 1); /* it was sent again at that EOI */
	vlapic_write(&apic[0], APIC_TPR, 0x60);
	wrmsr(&apic[1], APIC_TPR, 0x60);
	vioapic_set(&io, 9, true);
	assert_int_equal(vlapic_pending(&apic[2]), 0x59);
	vlapic_accept(&apic[2], 0x59);
	vlapic_write(&apic[0], APIC_TPR, 0);
	/* The second time: 0 is free again, and 2, whose EOI it is, has priority 0 as well. */
	vlapic_write(&apic[2], APIC_EOI, 0);
	assert_int_equal(vlapic_pending(&apic[0]), 0x59);
	assert_int_equal(vlapic_pending(&apic[2]), -1);
	vioapic_set(&io, 9, false);
}

/* Cluster 0 is all that eight bits reach of x2APICs by logical ID; by physical ID all of them. */
static void test_ioapic_and_x2apic(void **state)
{
	(void)state;
	redirect(3, 0x0841, 0xff & ~0x55);
	vioapic_set(&io, 3, true);
	assert_int_equal(who_got_mixed(0x41), 0xaa);
	vioapic_set(&io, 3, false);
	redirect(3, 0x0041, 13);
	vioapic_set(&io, 3, true);
	assert_int_equal(who_got_mixed(0x41), 1u << 13);
	vioapic_set(&io, 3, false);
	redirect(3, 0x0041, 0xff);
	vioapic_set(&io, 3, true);
	assert_int_equal(who_got_mixed(0x41), 0xffff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_mixed_physical, mixed_setup),
		cmocka_unit_test_setup(test_mixed_logical, mixed_setup),
		cmocka_unit_test_setup(test_shorthand_lowest, setup),
		cmocka_unit_test_setup(test_shorthand_disabled, setup),
		cmocka_unit_test_setup(test_who_is_woken, setup),
		cmocka_unit_test_setup(test_send_errors, setup),
		cmocka_unit_test_setup(test_local_vector_table, setup),
		cmocka_unit_test_setup(test_init_and_reset, setup),
		cmocka_unit_test_setup(test_off_and_on, setup),
		cmocka_unit_test_setup(test_base_moves, setup),
		cmocka_unit_test_setup(test_quick, setup),
		cmocka_unit_test_setup(test_level_for_several, ioapic_setup),
		cmocka_unit_test_setup(test_level_lowest, ioapic_setup),
		cmocka_unit_test_setup(test_ioapic_and_x2apic, ioapic_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
