/* Interrupts the processor sends itself: the ICR, IRR and ISR, EOI, and priorities. */
#include "tests.h"

static volatile bool nest;
static volatile u32 isr_seen, high_ended_at;

static void on_ipi(struct trap_frame *frame)
{
	u8 vector = (u8)frame->vector;

	irq_log_add(frame);
	if (lapic_bit(LAPIC_ISR, vector) && !lapic_bit(LAPIC_IRR, vector))
		isr_seen++;
	if (nest && vector == VECTOR_MID) {
		lapic_self_ipi(VECTOR_LOW);
		lapic_self_ipi(VECTOR_HIGH);
		asm volatile("sti\n\tnop\n\tnop\n\tcli" : : : "memory");
		high_ended_at = irq_count; /* the high one came inside, the low one waits */
	}
	lapic_eoi();
}

/* Let in what is pending: STI's shadow lasts one instruction. */
static void let_in(void)
{
	asm volatile("sti\n\tnop\n\tnop\n\tcli" : : : "memory");
}

static void check_one(void)
{
	irq_log_clear();
	isr_seen = 0;
	lapic_self_ipi(VECTOR_MID);
	check(!(lapic_read(LAPIC_ICR_LOW) & ICR_PENDING), "ICR: the send is not pending");
	check(lapic_bit(LAPIC_IRR, VECTOR_MID), "IRR has the vector while interrupts are off");
	check(irq_count == 0 && !lapic_bit(LAPIC_ISR, VECTOR_MID), "and ISR has not");
	let_in();
	check_eq(irq_count, 1, "STI lets it in");
	check_eq(isr_seen, 1, "ISR has it, IRR not, while it is served");
	check(!lapic_bit(LAPIC_ISR, VECTOR_MID), "EOI takes it out of ISR");
	lapic_self_ipi(VECTOR_MID);
	lapic_self_ipi(VECTOR_MID);
	let_in();
	check_eq(irq_count, 2, "two of one vector before the first is served are one");
	lapic_write(LAPIC_ICR_HIGH, lapic_read(LAPIC_ID));
	lapic_write(LAPIC_ICR_LOW, VECTOR_HIGH);
	let_in();
	check(irq_count == 3 && irq_log[2] == VECTOR_HIGH, "to itself by its APIC ID");
}

static void check_order(void)
{
	irq_log_clear();
	lapic_self_ipi(VECTOR_LOW);
	lapic_self_ipi(VECTOR_HIGH);
	lapic_self_ipi(VECTOR_MID);
	let_in();
	check(irq_count == 3 && irq_log[0] == VECTOR_HIGH && irq_log[1] == VECTOR_MID &&
		  irq_log[2] == VECTOR_LOW,
	      "three pending come in the order of their vectors");
	irq_log_clear();
	nest = true;
	lapic_self_ipi(VECTOR_MID);
	let_in();
	let_in();
	nest = false;
	check(irq_log[1] == VECTOR_HIGH && high_ended_at == 2,
	      "a handler is interrupted by a higher class alone");
	check(irq_count == 3 && irq_log[2] == VECTOR_LOW, "the lower one comes after EOI");
}

static void check_tpr(void)
{
	irq_log_clear();
	lapic_write(LAPIC_TPR, VECTOR_LOW & 0xf0);
	check_eq(lapic_read(LAPIC_PPR), VECTOR_LOW & 0xf0, "PPR follows TPR");
	lapic_self_ipi(VECTOR_LOW);
	lapic_self_ipi(VECTOR_MID);
	let_in();
	check(irq_count == 1 && irq_log[0] == VECTOR_MID, "TPR holds back its class, no more");
	check(lapic_bit(LAPIC_IRR, VECTOR_LOW), "which stays in IRR");
	lapic_write(LAPIC_TPR, 0);
	let_in();
	check_eq(irq_count, 2, "and comes when TPR falls");
	irq_log_clear();
	write_cr8(VECTOR_HIGH >> 4);
	lapic_self_ipi(VECTOR_HIGH);
	let_in();
	check_eq(irq_count, 0, "CR8 holds back, too");
	irq_on();
	write_cr8((VECTOR_HIGH >> 4) - 1);
	asm volatile("nop\n\tnop" : : : "memory");
	irq_off();
	check_eq(irq_count, 1, "MOV to CR8 that lowers it lets the interrupt in at once");
	write_cr8(0);
}

/* The interrupt is taken at the second instruction after STI, neither before nor later. */
static void check_window(void)
{
	u64 here;

	irq_log_clear();
	lapic_self_ipi(VECTOR_MID);
	asm volatile("sti\n\tnop\n1:\tcli\n\tleaq 1b(%%rip), %0" : "=r"(here) : : "memory");
	check(irq_count == 1 && irq_rip == here, "STI, NOP: the interrupt comes after the NOP");
	irq_log_clear();
	lapic_self_ipi(VECTOR_MID);
	asm volatile("sti\n\tcli\n\tnop" : : : "memory");
	check_eq(irq_count, 0, "STI, CLI: the interrupt does not come");
	let_in();
	check_eq(irq_count, 1, "but is not lost");
}

static void check_storm(void)
{
	u32 lost = 0;

	irq_on();
	for (u32 i = 0; i < 1000; i++) {
		irq_log_clear();
		lapic_self_ipi(VECTOR_MID);
		for (u32 spin = 0; spin < 100000 && !irq_count; spin++)
			;
		lost += irq_count != 1;
	}
	irq_off();
	check_eq(lost, 0, "of 1000 to itself none is lost or doubled");
}

void irq_test_ipi(void)
{
	trap_set_handler(VECTOR_LOW, on_ipi);
	trap_set_handler(VECTOR_MID, on_ipi);
	trap_set_handler(VECTOR_HIGH, on_ipi);
	check_one();
	check_order();
	check_tpr();
	check_window();
	check_storm();
}
