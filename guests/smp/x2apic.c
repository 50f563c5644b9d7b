/*
 * All processors in x2APIC mode (SDM 3A 11.12): IDs of 32 bits, logical IDs that follow from them,
 * the self-IPI register; INIT keeps the mode. Comes last: not every machine finds the way back.
 */
#include "tests.h"

#define X2APIC(reg) (MSR_X2APIC + (reg) / 0x10)
#define X2APIC_SELF_IPI 0x83f

static volatile u32 wrong_id, wrong_ldr, wrong_base;

static void enter(void *arg)
{
	u64 base = rdmsr(MSR_APIC_BASE) | APIC_BASE_EXTD;

	(void)arg;
	wrmsr(MSR_APIC_BASE, base);
	__atomic_add_fetch(&wrong_base, rdmsr(MSR_APIC_BASE) != base, __ATOMIC_SEQ_CST);
}

static void look(void *arg)
{
	u32 id = cpus[cpu_index()].apic_id;
	u32 ldr = (id >> 4) << 16 | 1u << (id & 15);

	(void)arg;
	__atomic_add_fetch(&wrong_id, rdmsr(X2APIC(LAPIC_ID)) != id, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&wrong_ldr, rdmsr(X2APIC(LAPIC_LDR)) != ldr, __ATOMIC_SEQ_CST);
}

/* No call can be answered while some are in one mode and some in the other. */
static void leave(void *arg)
{
	u64 base = rdmsr(MSR_APIC_BASE);

	(void)arg;
	wrmsr(MSR_APIC_BASE, base & ~(APIC_BASE_EXTD | APIC_BASE_EN));
	wrmsr(MSR_APIC_BASE, base & ~APIC_BASE_EXTD);
	__atomic_add_fetch(&wrong_base, rdmsr(MSR_APIC_BASE) != (base & ~APIC_BASE_EXTD),
			   __ATOMIC_SEQ_CST);
}

static void self_ipi(void *arg)
{
	(void)arg;
	wrmsr(X2APIC_SELF_IPI, VECTOR_HIGH);
	irq_on();
	WAIT_FOR(got[cpu_index()][VECTOR_HIGH], WAIT_MS);
	irq_off();
}

static void check_init(void)
{
	if (cpu_count < 2)
		return;
	if (!in_partition()) {
		check_skip("Bochs leaves the mode", "x2APIC: INIT");
		return;
	}
	check(cpu_start(1), "x2APIC: INIT, SIPI, SIPI");
	settle();
	wrong_id = wrong_ldr = 0;
	cpu_call(1, look, NULL);
	check(cpu_wait(1, WAIT_MS) && wrong_id == 0, "x2APIC: INIT keeps the mode and the ID");
}

/* The library's flag changes when all have, so nobody may need an EOI in between. */
static void check_leave(void)
{
	wrong_base = 0;
	cpus_call_others(leave, NULL);
	check(cpus_wait_others(WAIT_MS), "x2APIC: all leave the mode");
	leave(NULL);
	lapic_x2apic = false;
	check_eq_or_lax(wrong_base, 0, "x2APIC: APIC_BASE says so");
	lapic_enable();
	check_eq_or_lax(lapic_id(), cpus[0].apic_id, "x2APIC: the ID by memory is back");
}

void smp_test_x2apic(void)
{
	if (!(cpuid(1, 0).ecx & CPUID1_ECX_X2APIC)) {
		check_skip("CPUID does not offer it", "x2APIC");
		return;
	}
	trap_set_handler(VECTOR_MID, on_interrupt);
	trap_set_handler(VECTOR_HIGH, on_interrupt);
	wrong_base = wrong_id = wrong_ldr = 0;
	cpus_call_others(enter, NULL);
	check(cpus_wait_others(WAIT_MS), "x2APIC: all enter the mode");
	enter(NULL);
	lapic_x2apic = true;
	check_eq(wrong_base, 0, "x2APIC: APIC_BASE says so");
	check(cpus_run(look, NULL, WAIT_MS) && wrong_id == 0, "x2APIC: the IDs are the same");
	check_eq_or_lax(wrong_ldr, 0, "x2APIC: logical IDs follow from them");
	ipi_check_x2apic(wrong_ldr == 0);
	got_clear();
	check(cpus_run(self_ipi, NULL, WAIT_MS), "x2APIC: the self-IPI register, on all at once");
	check(got_is(all_cpus(), VECTOR_HIGH, 1), "x2APIC: each gets its own");
	check_init();
	check_leave();
}
