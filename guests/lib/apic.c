/* The local APIC in its two modes and the I/O APIC. */
#include "irq.h"

#define X2APIC(reg) (MSR_X2APIC + (reg) / 0x10)

volatile bool lapic_x2apic;

u32 lapic_read(u32 reg)
{
	if (lapic_x2apic)
		return (u32)rdmsr(X2APIC(reg));
	return *(volatile u32 *)phys(LAPIC_BASE + reg);
}

void lapic_write(u32 reg, u32 value)
{
	if (lapic_x2apic)
		wrmsr(X2APIC(reg), value);
	else
		*(volatile u32 *)phys(LAPIC_BASE + reg) = value;
}

u32 lapic_id(void)
{
	u32 id = lapic_read(LAPIC_ID);

	return lapic_x2apic ? id : id >> 24;
}

/* The two halves of the xAPIC's ICR belong together: no handler may come between them. */
void lapic_ipi(u32 dest, u32 low)
{
	ulong flags = read_flags();

	irq_off();
	if (lapic_x2apic) {
		wrmsr(X2APIC(LAPIC_ICR_LOW), (u64)dest << 32 | low);
	} else {
		while (lapic_read(LAPIC_ICR_LOW) & ICR_PENDING)
			;
		lapic_write(LAPIC_ICR_HIGH, dest << 24);
		lapic_write(LAPIC_ICR_LOW, low);
	}
	if (flags & RFLAGS_IF)
		irq_on();
}

/* Enabled, every local source masked. */
void lapic_enable(void)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_EN);
	lapic_write(LAPIC_SVR, LAPIC_SVR_ENABLE | LAPIC_SPURIOUS);
	lapic_write(LAPIC_TPR, 0);
	lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
	lapic_write(LAPIC_TIMER_INITIAL, 0);
	lapic_write(LAPIC_LVT_LINT0, LVT_MASKED);
	lapic_write(LAPIC_LVT_LINT1, LVT_MASKED);
	lapic_write(LAPIC_LVT_ERROR, LVT_MASKED);
}

/* And LINT0 carries the 8259s (virtual wire mode). */
void lapic_init(void)
{
	lapic_enable();
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
	ioapic_write((u8)(reg + 1), lapic_id() << 24);
	ioapic_write(reg, low);
}

void ioapic_mask_all(void)
{
	u32 last = ioapic_read(IOAPIC_REG_VER) >> 16 & 0xff;

	for (u32 gsi = 0; gsi <= last; gsi++)
		ioapic_write((u8)(IOAPIC_REG_TABLE + 2 * gsi), IOAPIC_MASKED);
}
