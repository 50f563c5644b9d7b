/* The registers themselves: what the data sheets say reads as written, and what does not. */
#include "mmio.h"

#define LAPIC_LDR_MASK 0xff000000
#define LAPIC_DFR_FLAT 0xffffffff
#define IOAPIC_PINS 24

void mmio_check_ioapic(void)
{
	volatile u8 *select = phys(IOAPIC_BASE + IOAPIC_SELECT);
	u32 last = ioapic_read(IOAPIC_REG_VER) >> 16 & 0xff;
	u8 low = IOAPIC_REG_TABLE + 2 * (IOAPIC_PINS - 1), high = low + 1;

	print("group: ioapic\n");
	check_eq(last, IOAPIC_PINS - 1, "I/O APIC: 24 pins");
	ioapic_read(IOAPIC_REG_VER);
	check_eq(*(volatile u32 *)select, IOAPIC_REG_VER, "IOREGSEL reads as written");
	ioapic_write(high, 0x0f000000);
	check_eq(ioapic_read(high), 0x0f000000, "redirection entry: destination");
	ioapic_write(low, IOAPIC_MASKED | 0x31);
	check_eq(ioapic_read(low), IOAPIC_MASKED | 0x31, "redirection entry: vector and mask");
	ioapic_write(low, IOAPIC_MASKED | IOAPIC_LEVEL | 0x2931);
	check_eq(ioapic_read(low), IOAPIC_MASKED | IOAPIC_LEVEL | 0x2931,
		 "redirection entry: level, active low, logical, lowest priority");
	ioapic_write(low, IOAPIC_MASKED);
	check_eq(ioapic_read(low), IOAPIC_MASKED, "redirection entry: cleared");
	check_eq(ioapic_read(high), 0x0f000000, "redirection entry: the other half is untouched");
	ioapic_write(high, 0);
	ioapic_write(IOAPIC_REG_VER, 0);
	check_eq(ioapic_read(IOAPIC_REG_VER) >> 16 & 0xff, last, "the version is read-only");
}

static void check_register(u32 reg, u32 value, u32 mask, const char *name)
{
	u32 old = lapic_read(reg);

	lapic_write(reg, value);
	check_eq(lapic_read(reg) & mask, value & mask, "local APIC: %s", name);
	lapic_write(reg, old);
}

void mmio_check_lapic(void)
{
	u32 version = lapic_read(LAPIC_VERSION);

	print("group: lapic\n");
	check_range(version & 0xff, 0x10, 0x15, "local APIC: version of an integrated one");
	check((version >> 16 & 0xff) >= 3, "local APIC: at least 4 LVT entries");
	check_register(LAPIC_TPR, 0x50, 0xff, "TPR");
	check_register(LAPIC_LDR, 0x02000000, LAPIC_LDR_MASK, "LDR");
	check_register(LAPIC_DFR, 0x0fffffff, ~0u, "DFR, cluster model");
	check_register(LAPIC_DFR, LAPIC_DFR_FLAT, ~0u, "DFR, flat model");
	check_register(LAPIC_SVR, LAPIC_SVR_ENABLE | 0xef, 0x1ff, "SVR");
	check_register(LAPIC_ICR_HIGH, 0x0a000000, 0xff000000, "ICR high");
	check_register(LAPIC_LVT_TIMER, LVT_MASKED | LVT_TIMER_PERIODIC | 0x61, 0x300ff,
		       "LVT timer");
	check_register(LAPIC_LVT_LINT0, LVT_MASKED | LVT_EXTINT, 0x107ff, "LVT LINT0");
	check_register(LAPIC_LVT_LINT1, LVT_MASKED | 0x400, 0x107ff, "LVT LINT1");
	check_register(LAPIC_LVT_ERROR, LVT_MASKED | 0xfe, 0x100ff, "LVT error");
	check_register(LAPIC_TIMER_DIVIDE, 0xb, 0xb, "timer divide");
	check_register(LAPIC_TIMER_DIVIDE, 0x3, 0xb, "timer divide, another value");
	lapic_write(LAPIC_TIMER_INITIAL, 0xfedcba98);
	check_eq(lapic_read(LAPIC_TIMER_INITIAL), 0xfedcba98, "local APIC: timer initial count");
	lapic_write(LAPIC_TIMER_INITIAL, 0);
	check_eq(lapic_read(LAPIC_TIMER_CURRENT), 0, "local APIC: the timer stands still");
	lapic_write(LAPIC_VERSION, 0);
	check_eq(lapic_read(LAPIC_VERSION), version, "local APIC: the version is read-only");
}
