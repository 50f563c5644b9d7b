/*
 * The I/O APIC's destinations: a level and an edge for each processor, and for whoever of several;
 * Remote IRR lasts until the EOI of the one that took it (82093AA data sheet, 3.2.4).
 */
#include "tests.h"

#define TICK_COUNT 1193
#define IOAPIC_LOGICAL 0x800
#define IOAPIC_LOWEST 0x100
#define IOAPIC_EOI 0x40 /* register of version 20h and later */
#define VERSION_CAN_SUPPRESS (1u << 24)
#define SVR_SUPPRESS_EOI 0x1000

static volatile u32 leave_up; /* how many times the handler leaves the UART's request */
static volatile u32 remote_irr;
static volatile bool hold;
static u8 uart_entry, pit_entry;

static void on_uart(struct trap_frame *frame)
{
	if (ioapic_read(uart_entry) & IOAPIC_REMOTEIRR)
		remote_irr++;
	got[cpu_index()][(u8)frame->vector]++;
	while (hold)
		cpu_pause();
	if (leave_up)
		leave_up--;
	else
		(void)inb(COM1 + UART_IIR);
	lapic_eoi();
}

static void route(u8 entry, u32 dest, u32 low)
{
	ioapic_write(entry, IOAPIC_MASKED);
	ioapic_write((u8)(entry + 1), dest << 24);
	ioapic_write(entry, low);
}

/* The line falls and the entry is masked, so that nothing is left. */
static u32 uart_end(void)
{
	u32 entry = ioapic_read(uart_entry);

	serial_interrupt(0);
	ioapic_write(uart_entry, IOAPIC_MASKED);
	return entry;
}

/* One request that three times stays up at its EOI: four interrupts, all to processor n. */
static void check_level(u32 n)
{
	u32 after, times = 4;

	got_clear();
	leave_up = times - 1;
	remote_irr = 0;
	route(uart_entry, cpus[n].apic_id, VECTOR_IOAPIC | IOAPIC_LEVEL);
	serial_interrupt(SERIAL_IDLE);
	wait_got_or_lax(1u << n, VECTOR_IOAPIC, times);
	settle();
	after = uart_end();
	check_eq_or_lax(got_is(1u << n, VECTOR_IOAPIC, times), 1,
			"level: it comes again until the line falls");
	check_eq_or_lax(remote_irr, times, "level: Remote IRR is set while it is served");
	check(!(after & IOAPIC_REMOTEIRR), "level, to cpu %u: Remote IRR is clear after it", n);
}

/* While another serves it, Remote IRR holds back the next. */
static void check_held(void)
{
	u32 n = cpu_count - 1, entry;

	if (n == 0)
		return;
	got_clear();
	leave_up = 1;
	remote_irr = 0;
	hold = true;
	route(uart_entry, cpus[n].apic_id, VECTOR_IOAPIC | IOAPIC_LEVEL);
	serial_interrupt(SERIAL_IDLE);
	check(wait_got(1u << n, VECTOR_IOAPIC, 1), "level: its handler begins on cpu %u", n);
	settle();
	entry = ioapic_read(uart_entry);
	check_eq(got_sum(VECTOR_IOAPIC), 1, "level: no second one before its EOI");
	check_eq_or_lax(entry & IOAPIC_REMOTEIRR, IOAPIC_REMOTEIRR,
			"level: the first processor sees Remote IRR");
	hold = false;
	wait_got_or_lax(1u << n, VECTOR_IOAPIC, 2);
	settle();
	uart_end();
	check_eq_or_lax(got_is(1u << n, VECTOR_IOAPIC, 2), 1, "level: the second one after it");
}

/* An edge of the 8254; true: the processors in the mask got it. */
static bool tick(u32 mask)
{
	got_clear();
	pit_start(PIT_ONE_SHOT, TICK_COUNT);
	return wait_got(mask, VECTOR_IOAPIC, 1) && got_is(mask, VECTOR_IOAPIC, 1);
}

static void check_edges(void)
{
	u32 all = all_cpus() & 0xff, wrong = 0;

	for (u32 n = 0; n < cpu_count; n++) {
		route(pit_entry, cpus[n].apic_id, VECTOR_IOAPIC);
		wrong += !tick(1u << n);
	}
	settle();
	check_eq(wrong, 0, "edge, physical, to each");
	route(pit_entry, 0xff, VECTOR_IOAPIC);
	check(tick(all_cpus()), "edge, physical, broadcast");
	for (u32 n = wrong = 0; n < cpu_count && n < 8; n++) {
		route(pit_entry, 1u << n, VECTOR_IOAPIC | IOAPIC_LOGICAL);
		wrong += !tick(1u << n);
	}
	route(pit_entry, all, VECTOR_IOAPIC | IOAPIC_LOGICAL);
	wrong += !tick(all);
	check_eq(wrong, 0, "edge, logical, to each and to all");
}

static void check_lowest(void)
{
	u32 all = all_cpus() & 0xff, once = 0, count = 8;

	route(pit_entry, all, VECTOR_IOAPIC | IOAPIC_LOGICAL | IOAPIC_LOWEST);
	for (u32 i = 0; i < count; i++) {
		got_clear();
		pit_start(PIT_ONE_SHOT, TICK_COUNT);
		irq_on();
		WAIT_FOR(got_sum(VECTOR_IOAPIC), WAIT_MS);
		irq_off();
		settle();
		once += got_sum(VECTOR_IOAPIC) == 1;
	}
	check_eq(once, count, "edge, lowest priority: one of all takes it");
}

/* As NMI to one, whatever the vector says. */
static void check_nmi(void)
{
	u32 n = cpu_count - 1;

	got_clear();
	route(pit_entry, cpus[n].apic_id, ICR_NMI);
	pit_start(PIT_ONE_SHOT, TICK_COUNT);
	check(wait_got(1u << n, VEC_NMI, 1), "edge, as NMI to cpu %u", n);
	settle();
	check(got_is(1u << n, VEC_NMI, 1), "edge, as NMI: to no other");
}

/* With the broadcast suppressed, the EOI of the local APIC does not reach the I/O APIC. */
static void check_suppressed(void)
{
	u32 before;

	if (!(lapic_read(LAPIC_VERSION) & VERSION_CAN_SUPPRESS)) {
		check_skip("the version does not offer it", "EOI broadcast suppressed");
		return;
	}
	got_clear();
	leave_up = 1;
	lapic_write(LAPIC_SVR, LAPIC_SVR_ENABLE | SVR_SUPPRESS_EOI | LAPIC_SPURIOUS);
	route(uart_entry, cpus[0].apic_id, VECTOR_IOAPIC | IOAPIC_LEVEL);
	serial_interrupt(SERIAL_IDLE);
	wait_got(1, VECTOR_IOAPIC, 1);
	settle();
	before = ioapic_read(uart_entry) & IOAPIC_REMOTEIRR;
	check(before && got[0][VECTOR_IOAPIC] == 1, "EOI broadcast suppressed: Remote IRR stays");
	*(volatile u32 *)phys(IOAPIC_BASE + IOAPIC_EOI) = VECTOR_IOAPIC;
	check(wait_got(1, VECTOR_IOAPIC, 2), "the I/O APIC's own EOI register ends it");
	uart_end();
	lapic_write(LAPIC_SVR, LAPIC_SVR_ENABLE | LAPIC_SPURIOUS);
}

void smp_test_ioapic(void)
{
	uart_entry = (u8)(IOAPIC_REG_TABLE + 2 * madt_isa_gsi(IRQ_COM1));
	pit_entry = (u8)(IOAPIC_REG_TABLE + 2 * madt_isa_gsi(IRQ_PIT));
	pic_mask_all();
	hold = false;
	trap_set_handler(VECTOR_IOAPIC, on_uart);
	others_take(SPINNING);
	for (u32 n = 0; n < cpu_count; n++)
		check_level(n);
	check_held();
	check(others_resume(), "all go on");
	check_suppressed();
	trap_set_handler(VECTOR_IOAPIC, on_interrupt);
	cpus_run(set_flat, NULL, WAIT_MS);
	others_take(HALTED);
	check_edges();
	check_lowest();
	check_nmi();
	ioapic_write(pit_entry, IOAPIC_MASKED);
	pit_stop();
	check(others_resume(), "all go on");
}
