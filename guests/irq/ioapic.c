/* The I/O APIC: the 8254 where the MADT says it arrives, and the UART as a level. */
#include "tests.h"

#define TICK_COUNT 1193

static volatile u32 leave_level; /* how many times the handler leaves the UART's request up */
static volatile u32 remote_irr;

static void on_tick(struct trap_frame *frame)
{
	irq_log_add(frame);
	lapic_eoi();
}

static void on_uart(struct trap_frame *frame)
{
	irq_log_add(frame);
	if (ioapic_read((u8)(IOAPIC_REG_TABLE + 2 * madt_isa_gsi(IRQ_COM1))) & IOAPIC_REMOTEIRR)
		remote_irr++;
	if (leave_level)
		leave_level--;
	else
		(void)inb(COM1 + UART_IIR);
	lapic_eoi();
}

static void check_pit(void)
{
	u32 gsi = madt_isa_gsi(IRQ_PIT);

	print("I/O APIC: IRQ 0 arrives at pin %u\n", gsi);
	irq_log_clear();
	trap_set_handler(VECTOR_IOAPIC, on_tick);
	ioapic_route(gsi, VECTOR_IOAPIC);
	pit_start(PIT_RATE, TICK_COUNT);
	check(wait_count(&irq_count, 10, WAIT_MS), "I/O APIC: 10 ticks of the 8254");
	check_eq(irq_log[0], VECTOR_IOAPIC, "I/O APIC: at the vector of the entry");
	ioapic_route(gsi, VECTOR_IOAPIC | IOAPIC_MASKED);
	irq_on();
	spin_ms(5);
	irq_off();
	irq_log_clear();
	irq_on();
	spin_ms(10);
	irq_off();
	check_eq(irq_count, 0, "I/O APIC: a masked entry delivers nothing");
	pit_stop();
}

static void check_edge(void)
{
	u32 gsi = madt_isa_gsi(IRQ_COM1);

	irq_log_clear();
	leave_level = 100;
	trap_set_handler(VECTOR_IOAPIC, on_uart);
	ioapic_route(gsi, VECTOR_IOAPIC);
	serial_interrupt(SERIAL_IDLE);
	wait_count(&irq_count, 1, WAIT_MS);
	irq_on();
	spin_ms(5);
	irq_off();
	(void)inb(COM1 + UART_IIR);
	serial_interrupt(0);
	ioapic_route(gsi, IOAPIC_MASKED);
	check_eq(irq_count, 1, "I/O APIC, edge: a line that stays up interrupts once");
}

static void check_level(void)
{
	u32 gsi = madt_isa_gsi(IRQ_COM1);
	u8 reg = (u8)(IOAPIC_REG_TABLE + 2 * gsi);
	u32 after;

	irq_log_clear();
	leave_level = 3;
	remote_irr = 0;
	ioapic_route(gsi, VECTOR_IOAPIC | IOAPIC_LEVEL);
	serial_interrupt(SERIAL_IDLE);
	wait_count(&irq_count, 4, WAIT_MS);
	irq_on();
	spin_ms(5);
	irq_off();
	after = ioapic_read(reg);
	serial_interrupt(0);
	ioapic_route(gsi, IOAPIC_MASKED);
	check_eq_or_lax(irq_count, 4, "I/O APIC, level: it comes again until the line falls");
	check_eq_or_lax(remote_irr, 4, "I/O APIC, level: Remote IRR is set while in service");
	check(!(after & IOAPIC_REMOTEIRR), "I/O APIC, level: and clear after the last EOI");
}

void irq_test_ioapic(void)
{
	pic_mask_all();
	lapic_write(LAPIC_LVT_LINT0, LVT_MASKED);
	check_pit();
	check_edge();
	check_level();
	lapic_write(LAPIC_LVT_LINT0, LVT_EXTINT);
}
