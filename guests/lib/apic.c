/* The local APIC in its memory-mapped mode and the I/O APIC. */
#include "irq.h"

u32 lapic_read(u32 reg)
{
	return *(volatile u32 *)phys(LAPIC_BASE + reg);
}

void lapic_write(u32 reg, u32 value)
{
	*(volatile u32 *)phys(LAPIC_BASE + reg) = value;
}

/* Enabled, every local source masked but LINT0, which carries the 8259s (virtual wire mode). */
void lapic_init(void)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_EN);
	lapic_write(LAPIC_SVR, LAPIC_SVR_ENABLE | LAPIC_SPURIOUS);
	lapic_write(LAPIC_TPR, 0);
	lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
	lapic_write(LAPIC_TIMER_INITIAL, 0);
	lapic_write(LAPIC_LVT_LINT1, LVT_MASKED);
	lapic_write(LAPIC_LVT_LINT0, LVT_EXTINT);
}

void lapic_eoi(void)
{
	lapic_write(LAPIC_EOI, 0);
}

/* One bit of the 256-bit ISR, TMR or IRR, which lie in eight registers 16 bytes apart. */
bool lapic_bit(u32 reg, u8 vector)
{
	return lapic_read(reg + (vector >> 5) * 0x10u) >> (vector & 31) & 1;
}

void lapic_self_ipi(u8 vector)
{
	lapic_write(LAPIC_ICR_LOW, ICR_SELF | vector);
}

u32 ioapic_read(u8 reg)
{
	*(volatile u32 *)phys(IOAPIC_BASE + IOAPIC_SELECT) = reg;
	return *(volatile u32 *)phys(IOAPIC_BASE + IOAPIC_WINDOW);
}

void ioapic_write(u8 reg, u32 value)
{
	*(volatile u32 *)phys(IOAPIC_BASE + IOAPIC_SELECT) = reg;
	*(volatile u32 *)phys(IOAPIC_BASE + IOAPIC_WINDOW) = value;
}

/* Entry `gsi` to this processor; `low` is the vector with its mode bits. */
void ioapic_route(u32 gsi, u32 low)
{
	u8 reg = (u8)(IOAPIC_REG_TABLE + 2 * gsi);

	ioapic_write(reg, IOAPIC_MASKED);
	ioapic_write((u8)(reg + 1), lapic_read(LAPIC_ID));
	ioapic_write(reg, low);
}

void ioapic_mask_all(void)
{
	u32 last = ioapic_read(IOAPIC_REG_VER) >> 16 & 0xff;

	for (u32 gsi = 0; gsi <= last; gsi++)
		ioapic_write((u8)(IOAPIC_REG_TABLE + 2 * gsi), IOAPIC_MASKED);
}
