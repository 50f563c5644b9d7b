/* The local APIC's registers as MSRs (SDM 3A 11.12). It runs last: the mode is left at the end. */
#include "tests.h"

#define X2APIC(reg) (MSR_X2APIC + (reg) / 0x10)
#define X2APIC_SELF_IPI 0x83f
#define X2APIC_UNKNOWN 0x80e /* DFR does not exist in this mode */

static void on_ipi(struct trap_frame *frame)
{
	irq_log_add(frame);
	wrmsr(X2APIC(LAPIC_EOI), 0);
}

static void try_wrmsr(u32 msr, u64 value)
{
	TRY("wrmsr", : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "r11", "memory");
}

static void check_registers(u32 id, u32 version)
{
	check_eq(rdmsr(X2APIC(LAPIC_ID)), id, "x2APIC: the ID is a whole register");
	check_eq(rdmsr(X2APIC(LAPIC_VERSION)) & 0xff, version & 0xff, "x2APIC: the version");
	wrmsr(X2APIC(LAPIC_TPR), 0x30);
	check(rdmsr(X2APIC(LAPIC_TPR)) == 0x30 && read_cr8() == 3, "x2APIC: TPR and CR8");
	wrmsr(X2APIC(LAPIC_TPR), 0);
	check_eq_or_lax(rdmsr(X2APIC(LAPIC_LDR)), 1u << (id & 15) | id >> 4 << 16,
			"x2APIC: the logical ID follows from the ID");
}

static void check_interrupts(u32 id)
{
	irq_log_clear();
	wrmsr(X2APIC_SELF_IPI, VECTOR_MID);
	check(wait_count(&irq_count, 1, WAIT_MS), "x2APIC: the self-IPI register");
	wrmsr(X2APIC(LAPIC_ICR_LOW), (u64)id << 32 | VECTOR_MID);
	check(wait_count(&irq_count, 2, WAIT_MS), "x2APIC: ICR in one write");
	wrmsr(X2APIC(LAPIC_LVT_TIMER), VECTOR_MID);
	wrmsr(X2APIC(LAPIC_TIMER_DIVIDE), TIMER_DIVIDE_1);
	wrmsr(X2APIC(LAPIC_TIMER_INITIAL), 100000);
	check(wait_count(&irq_count, 3, WAIT_MS), "x2APIC: the timer");
	wrmsr(X2APIC(LAPIC_LVT_TIMER), LVT_MASKED);
}

static void check_faults(u64 base)
{
	try_wrmsr(X2APIC(LAPIC_ID), 0);
	check_fault(VEC_GP, 0, "x2APIC: #GP for a write to the ID");
	try_wrmsr(X2APIC(LAPIC_EOI), 1);
	check_fault(VEC_GP, 0, "x2APIC: #GP for an EOI other than 0");
	try_wrmsr(X2APIC_UNKNOWN, 0);
	check_fault(VEC_GP, 0, "x2APIC: #GP for DFR");
	try_wrmsr(MSR_APIC_BASE, base & ~APIC_BASE_EXTD);
	check_fault(VEC_GP, 0, "x2APIC: #GP for going straight back to xAPIC");
}

void irq_test_x2apic(void)
{
	u64 base = rdmsr(MSR_APIC_BASE) | APIC_BASE_EN | APIC_BASE_EXTD;
	u32 id = lapic_read(LAPIC_ID) >> 24, version = lapic_read(LAPIC_VERSION);

	if (!(cpuid(1, 0).ecx & CPUID1_ECX_X2APIC)) {
		check_skip("CPUID does not offer it", "x2APIC");
		return;
	}
	trap_set_handler(VECTOR_MID, on_ipi);
	wrmsr(MSR_APIC_BASE, base);
	check_eq(rdmsr(MSR_APIC_BASE), base, "x2APIC: APIC_BASE reads as written");
	check_registers(id, version);
	check_interrupts(id);
	check_faults(base);
	wrmsr(MSR_APIC_BASE, base & ~(APIC_BASE_EXTD | APIC_BASE_EN));
	wrmsr(MSR_APIC_BASE, base & ~APIC_BASE_EXTD);
	check_eq_or_lax(rdmsr(MSR_APIC_BASE), base & ~APIC_BASE_EXTD,
			"x2APIC: left by way of disabled");
	lapic_init();
	check_eq_or_lax(lapic_read(LAPIC_ID) >> 24, id,
			"x2APIC: the memory-mapped registers are back");
}
