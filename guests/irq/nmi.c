/* NMIs: not masked by IF, but blocked from their delivery to the next IRET (SDM 3A 6.7.1). */
#include "tests.h"

static volatile u32 depth, max_depth, again;

static void send_nmi(void)
{
	lapic_write(LAPIC_ICR_HIGH, lapic_read(LAPIC_ID));
	lapic_write(LAPIC_ICR_LOW, ICR_NMI);
}

static void on_nmi(struct trap_frame *frame)
{
	irq_log_add(frame);
	depth++;
	if (depth > max_depth)
		max_depth = depth;
	if (again) {
		again--;
		send_nmi();
		for (volatile u32 i = 0; i < 100; i++)
			;
	}
	depth--;
}

static bool nmi_comes(u32 want)
{
	u64 deadline = deadline_in_ms(WAIT_MS);

	while (irq_count < want)
		if (rdtsc() > deadline)
			return false;
	return true;
}

void irq_test_nmi(void)
{
	tsc_per_ms();
	trap_set_handler(VEC_NMI, on_nmi);
	irq_off();
	irq_log_clear();
	send_nmi();
	check(nmi_comes(1), "NMI: it comes with interrupts off");
	irq_log_clear();
	max_depth = 0;
	again = 2;
	send_nmi();
	check(nmi_comes(3), "NMI: two more sent by its own handler come");
	check_eq(max_depth, 1, "NMI: but only after its IRET");
	irq_log_clear();
	lapic_write(LAPIC_TPR, 0xff);
	send_nmi();
	check(nmi_comes(1), "NMI: no task priority holds it back");
	lapic_write(LAPIC_TPR, 0);
	trap_set_handler(VEC_NMI, NULL);
}
