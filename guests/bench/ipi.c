/*
 * An interrupt from one processor to another that runs: from before the write of the ICR to the
 * first instruction of the handler (in C; the stub before it is some twenty instructions), by the
 * two processors' TSCs, which are in step. In both modes of the local APIC.
 */
#include "bench.h"
#include "smp.h"

#define VECTOR 0x53
#define WAIT_MS 60000 /* only a hang takes so long */
#define SETTLE 20000  /* instructions between two */

static volatile u64 received_at;
static volatile bool ready, done;

static void on_ipi(struct trap_frame *frame)
{
	received_at = rdtsc();
	(void)frame;
	lapic_eoi();
}

static void receive(void *arg)
{
	(void)arg;
	irq_on();
	ready = true;
	while (!done)
		;
	irq_off();
}

static void run_series(const char *name, u32 dest)
{
	struct series s = { 0, 0, 0 };

	for (u64 i = 0; i < rounds; i++) {
		u64 begin = rdtsc(), sent;

		while (rdtsc() - begin < SETTLE)
			;
		received_at = 0;
		sent = rdtsc();
		if (lapic_x2apic)
			wrmsr(MSR_X2APIC + LAPIC_ICR_LOW / 0x10, (u64)dest << 32 | VECTOR);
		else
			lapic_write(LAPIC_ICR_LOW, VECTOR);
		while (!received_at)
			;
		series_add(&s, received_at - sent);
	}
	series_print(&s, name);
}

static void run(const char *name)
{
	u32 dest = cpus[1].apic_id;

	ready = done = false;
	cpu_call(1, receive, NULL);
	if (!WAIT_FOR(ready, WAIT_MS)) {
		check(false, "the other processor comes");
		return;
	}
	if (!lapic_x2apic)
		lapic_write(LAPIC_ICR_HIGH, dest << 24);
	run_series(name, dest);
	done = true;
	check(cpu_wait(1, WAIT_MS), "%s", name);
}

static void enter_x2apic(void *arg)
{
	(void)arg;
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_EXTD);
}

void measure_ipi(void)
{
	bool two;

	smp_init();
	two = smp_start() && cpu_count >= 2;
	check(two, "two processors");
	if (!two)
		return;
	trap_set_handler(VECTOR, on_ipi);
	run("ipi-xapic");
	if (!(cpuid(1, 0).ecx & CPUID1_ECX_X2APIC))
		return;
	cpus_run(enter_x2apic, NULL, WAIT_MS);
	lapic_x2apic = true;
	run("ipi-x2apic");
}
