/*
 * irq: interrupts of a PC. The 8259s with the 8254 and the real-time clock, the I/O APIC with the
 * UART, the local APIC with its timer, interrupts to itself, priorities, NMIs, the shadow of STI,
 * and x2APIC mode. Waits are bounded by the TSC and generous; only what cannot depend on the
 * host's load is checked: order, counts that must not be exceeded, and that nothing is lost.
 * `only=NAME` runs one group.
 */
#include "tests.h"

volatile u32 irq_count;
volatile u8 irq_log[64];
volatile u64 irq_rip;

static const struct {
	const char *name;
	void (*run)(void);
} groups[] = {
	{ "pic", irq_test_pic },       { "rtc", irq_test_rtc },	      { "ioapic", irq_test_ioapic },
	{ "timer", irq_test_timer },   { "ipi", irq_test_ipi },	      { "nmi", irq_test_nmi },
	{ "shadow", irq_test_shadow }, { "x2apic", irq_test_x2apic },
};

void irq_log_clear(void)
{
	irq_count = 0;
	for (u32 i = 0; i < ARRAY_SIZE(irq_log); i++)
		irq_log[i] = 0;
}

void irq_log_add(const struct trap_frame *frame)
{
	if (irq_count < ARRAY_SIZE(irq_log))
		irq_log[irq_count] = (u8)frame->vector;
	irq_rip = frame->rip;
	irq_count++;
}

static void on_spurious(struct trap_frame *frame)
{
	(void)frame; /* no EOI: nothing is in service */
}

void guest_main(u32 mb_magic, u32 mb_info)
{
	char only[16];
	bool all = !cmdline_get("only", only, sizeof(only));

	(void)mb_magic;
	(void)mb_info;
	print("irq: %s\n", in_partition() ? "in a partition" : "not in a partition");
	print("clock: %llu TSC ticks per millisecond\n", tsc_per_ms());
	trap_set_handler(LAPIC_SPURIOUS, on_spurious);
	/* an 8259's answer when the line falls before the processor asks: 8259A data sheet */
	trap_set_handler(PIC_BASE + 7, on_spurious);
	trap_set_handler(PIC_BASE + 15, on_spurious);
	pic_init();
	lapic_init();
	ioapic_mask_all();
	for (u32 i = 0; i < ARRAY_SIZE(groups); i++) {
		if (!all && !str_equal(only, groups[i].name))
			continue;
		print("group: %s\n", groups[i].name);
		groups[i].run();
	}
}
