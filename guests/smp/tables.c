/* The MP table and the MADT say the same, and what a PC is bound to have. */
#include "tests.h"

static bool same_cpus(const struct pc_tables *a, const struct pc_tables *b)
{
	if (a->cpus != b->cpus)
		return false;
	for (u32 i = 0; i < a->cpus; i++)
		if (a->apic_id[i] != b->apic_id[i])
			return false;
	return true;
}

/* Of what both name. A flag that the MP table leaves to the bus may be spelt out by the MADT. */
static u32 count_differences(const struct pc_tables *madt, const struct pc_tables *mp)
{
	u32 different = 0;

	for (u32 irq = 0; irq < ISA_IRQS; irq++)
		if (mp->described >> irq & 1)
			different += madt->gsi[irq] != mp->gsi[irq];
	return different;
}

static void check_ids(const struct pc_tables *t)
{
	u32 twice = 0;

	for (u32 i = 0; i < t->cpus; i++)
		for (u32 j = 0; j < i; j++)
			twice += t->apic_id[i] == t->apic_id[j];
	check_eq(twice, 0, "no APIC ID is there twice");
}

static void check_mptable(const struct pc_tables *madt)
{
	u8 boot = (u8)(cpuid(1, 0).ebx >> 24);
	struct pc_tables mp;

	if (!mptable_read(&mp)) {
		if (in_partition())
			check(false, "there is an MP table");
		else
			check_skip("this machine has none", "MP table");
		return;
	}
	/* SeaBIOS leaves out all but one of a package */
	check_eq_or_lax(same_cpus(madt, &mp), 1, "the MP table has the same processors");
	check_eq(mp.apic_id[mp.boot_cpu], boot, "and marks the one that booted");
	check_eq(mp.lapic, madt->lapic, "it has the same address of the local APICs");
	check(mp.ioapics == 1 && mp.ioapic == madt->ioapic && mp.ioapic_id == madt->ioapic_id,
	      "and the same I/O APIC");
	check_eq(count_differences(madt, &mp), 0, "its ISA interrupts arrive at the same pins");
	check_eq_or_lax(mp.described & 0xfffb, 0xfffb,
			"it names every ISA interrupt but the cascade");
	check_eq_or_lax(mp.nmi_lint, 1, "LINT1 of all is NMI");
}

void smp_test_tables(void)
{
	struct pc_tables madt;

	if (!madt_read(&madt)) {
		check_skip("this machine has none", "MADT");
		return;
	}
	check_eq(madt.cpus, cpu_count, "the MADT has every processor");
	check_ids(&madt);
	check_eq(madt.lapic, LAPIC_BASE, "the local APICs are at FEE00000h");
	check(madt.ioapics == 1 && madt.ioapic == IOAPIC_BASE,
	      "there is one I/O APIC, at FEC00000h");
	check_eq(ioapic_read(IOAPIC_REG_ID) >> 24 & 0xf, madt.ioapic_id, "its register has its ID");
	check_eq(madt.gsi[IRQ_PIT], 2, "IRQ 0 arrives at pin 2");
	check_eq_or_lax(madt.flags[9] & PC_LEVEL, PC_LEVEL, "the SCI, IRQ 9, is a level");
	check_eq_or_lax(madt.nmi_lint, 1, "LINT1 of all is NMI");
	check_mptable(&madt);
}
