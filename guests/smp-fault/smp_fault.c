/*
 * smp-fault: one processor's triple fault, while the others spin and sleep, ends its partition and
 * nothing else: `partita: NAME stopped: triple fault`. `cpu=N` says which (default: the last one).
 */
#include "smp.h"

static volatile u32 busy;

static void spin(void *arg)
{
	(void)arg;
	irq_on();
	for (;;)
		busy++;
}

/* For ever: even by its own interrupts it is only put back to sleep. */
static void sleep(void *arg)
{
	(void)arg;
	busy++;
	for (;;)
		irq_on_and_halt();
}

static void fault(void *arg)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) empty = { 0, 0 };

	(void)arg;
	asm volatile("lidt %0\n\tint3" : : "m"(empty));
}

void guest_main(u32 mb_magic, u32 mb_info)
{
	u32 count = smp_init(), bad = (u32)cmdline_number("cpu", count - 1);

	(void)mb_magic;
	(void)mb_info;
	check(smp_start(), "%u processors", count);
	for (u32 n = 1; n < count; n++)
		if (n != bad)
			cpu_call(n, n % 2 ? spin : sleep, NULL);
	if (count > 2)
		WAIT_FOR(busy, 1000);
	print("smp-fault: processor %u of %u faults now\n", bad, count);
	if (bad)
		cpu_call(bad, fault, NULL);
	else
		fault(NULL);
	spin_ms(10000);
	check(false, "unreachable: a triple fault that ends nothing");
}
