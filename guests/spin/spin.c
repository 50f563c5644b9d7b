/*
 * spin: a guest that never gives up its processors. Whoever shares them with it sees whether the
 * kernel preempts guests; the monitor's `stop` must end it at any moment. How it spins must make no
 * difference to its host:
 *	irq=off		with interrupts disabled
 *	irq=nmi		in the handler of an NMI, where no other NMI comes (SDM 3A 6.7.1)
 *	cpus=all	on every processor, not the first alone
 */
#include "smp.h"

#include "trap.h"

static volatile u32 busy;

static void __attribute__((noreturn)) spin_for_ever(void)
{
	__atomic_add_fetch(&busy, 1, __ATOMIC_SEQ_CST);
	while (cpu_index() == 0 && busy < cpu_count && cmdline_is("cpus", "all"))
		;
	if (cpu_index() == 0)
		print("spin: busy for ever\n");
	for (;;)
		asm volatile("");
}

static void on_nmi(struct trap_frame *frame)
{
	(void)frame;
	spin_for_ever();
}

static void spin(void *arg)
{
	(void)arg;
	if (cmdline_is("irq", "nmi"))
		lapic_ipi(lapic_id(), ICR_NMI);
	else if (!cmdline_is("irq", "off"))
		irq_on();
	spin_for_ever();
}

void guest_main(u32 mb_magic, u32 mb_info)
{
	(void)mb_magic;
	(void)mb_info;
	smp_init();
	trap_set_handler(VEC_NMI, on_nmi);
	if (cmdline_is("cpus", "all")) {
		check(smp_start(), "%u processors", cpu_count);
		cpus_call_others(spin, NULL);
	}
	spin(NULL);
}
