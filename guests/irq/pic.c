/* The 8259s, fed by the 8254 and the UART, through LINT0 in virtual wire mode. */
#include "tests.h"

#define TICK_COUNT 1193 /* 1 ms */
#define PIT_OUT 0x80
#define PIC1_DATA 0x21
#define PIC2_DATA 0xa1

static bool send_eoi;

static void on_irq(struct trap_frame *frame)
{
	u32 irq = (u32)frame->vector - PIC_BASE;

	irq_log_add(frame);
	if (irq == IRQ_COM1)
		(void)inb(COM1 + UART_IIR); /* takes the transmitter's interrupt back */
	if (send_eoi)
		pic_eoi(irq);
}

/* Until all of these lines ask, masked or not. */
static bool wait_irr(u16 lines)
{
	u64 deadline = deadline_in_ms(WAIT_MS);

	while ((pic_irr() & lines) != lines)
		if (rdtsc() > deadline)
			return false;
	return true;
}

static void check_mask(void)
{
	for (u32 irq = 0; irq < 16; irq += 3)
		pic_unmask(irq);
	check(inb(PIC1_DATA) == 0xb2 && inb(PIC2_DATA) == 0x6d, "IMR reads as written");
	pic_mask_all();
	check(inb(PIC1_DATA) == 0xff && inb(PIC2_DATA) == 0xff, "IMR: all masked");
}

static void check_one_shot(void)
{
	bool low = false;

	irq_log_clear();
	pic_unmask(IRQ_PIT);
	/* more than one try, should the host hold us up for 50 ms just here */
	for (u32 i = 0; i < 5 && !low; i++) {
		pit_start(PIT_ONE_SHOT, 50 * TICK_COUNT);
		low = !(pit_status() & PIT_OUT);
	}
	check(low, "8254 mode 0: OUT is low while it counts");
	check(wait_count(&irq_count, 1, WAIT_MS), "8254 mode 0: the interrupt comes");
	check(pit_status() & PIT_OUT, "8254 mode 0: OUT is high after it");
	irq_on();
	spin_ms(20);
	irq_off();
	check_eq(irq_count, 1, "8254 mode 0: and comes once");
	pic_mask(IRQ_PIT);
}

static void check_periodic(void)
{
	u64 start, took;
	u16 first = 0, count;
	bool in_range = true, moves = false;

	irq_log_clear();
	pic_unmask(IRQ_PIT);
	start = rdtsc();
	pit_start(PIT_RATE, TICK_COUNT);
	for (u32 i = 0; i < 100; i++) {
		count = pit_read();
		in_range = in_range && count >= 1 && count <= TICK_COUNT;
		moves = moves || (i && count != first);
		first = count;
	}
	check(in_range && moves, "8254 mode 2: the latched count runs between 1 and its start");
	check(wait_count(&irq_count, 20, WAIT_MS), "8254 mode 2: 20 ticks come");
	took = rdtsc() - start;
	check(took > 10 * tsc_per_ms(), "8254 mode 2: and not before their time");
	pit_stop();
	irq_on();
	spin_ms(5); /* what was pending comes now */
	irq_off();
	irq_log_clear();
	irq_on();
	spin_ms(10);
	irq_off();
	check_eq(irq_count, 0, "8254: a control word stops it");
	pic_mask_all();
}

/* A masked request waits; one in service holds back others of its level until EOI. */
static void check_service(void)
{
	irq_log_clear();
	pic_mask_all();
	pit_start(PIT_ONE_SHOT, TICK_COUNT);
	check(wait_irr(1 << IRQ_PIT), "IRR shows a masked request");
	irq_on();
	spin_ms(1);
	irq_off();
	check_eq(irq_count, 0, "which is not delivered");
	send_eoi = false;
	pic_unmask(IRQ_PIT);
	check(wait_count(&irq_count, 1, WAIT_MS), "until it is unmasked");
	check_eq(pic_isr(), 1 << IRQ_PIT, "ISR shows it in service");
	pit_start(PIT_ONE_SHOT, TICK_COUNT);
	irq_on();
	spin_ms(10);
	irq_off();
	check_eq(irq_count, 1, "no second one before EOI");
	send_eoi = true;
	pic_eoi(IRQ_PIT);
	check(wait_count(&irq_count, 2, WAIT_MS), "the second one after EOI");
	check_eq(pic_isr(), 0, "ISR is empty after EOI");
	pic_mask_all();
}

static void check_priority(void)
{
	irq_log_clear();
	serial_interrupt(SERIAL_IDLE);
	pit_start(PIT_ONE_SHOT, TICK_COUNT);
	wait_irr(1 << IRQ_PIT | 1 << IRQ_COM1);
	outb(PIC1_DATA, (u8) ~(1 << IRQ_PIT | 1 << IRQ_COM1));
	wait_count(&irq_count, 2, WAIT_MS);
	serial_interrupt(0);
	pic_mask_all();
	check_eq(irq_count, 2, "IRQ 0 and IRQ 4 pending: both come");
	check(irq_log[0] == PIC_BASE + IRQ_PIT && irq_log[1] == PIC_BASE + IRQ_COM1,
	      "IRQ 0 comes first");
}

/* Counted in instructions: however busy the host is, no other event comes to our help. */
static void check_lint0(void)
{
	irq_log_clear();
	lapic_write(LAPIC_LVT_LINT0, LVT_MASKED);
	pic_unmask(IRQ_PIT);
	pit_start(PIT_ONE_SHOT, TICK_COUNT);
	check(wait_irr(1 << IRQ_PIT), "LINT0 masked: a request");
	irq_on();
	spin_ms(1);
	check_eq(irq_count, 0, "LINT0 masked: is not delivered");
	lapic_write(LAPIC_LVT_LINT0, LVT_EXTINT);
	for (volatile u32 i = 0; i < 100000 && !irq_count; i++)
		;
	irq_off();
	check_eq(irq_count, 1, "LINT0 unmasked: but now, at once");
	pic_mask_all();
}

void irq_test_pic(void)
{
	send_eoi = true;
	trap_set_handler(PIC_BASE + IRQ_PIT, on_irq);
	trap_set_handler(PIC_BASE + IRQ_COM1, on_irq);
	check_mask();
	check_one_shot();
	check_periodic();
	check_service();
	check_priority();
	check_lint0();
	pit_stop();
}
