/*
 * Just enough ACPI to find the MADT's interrupt source overrides (ACPI 6.4, 5.2.5 and 5.2.12).
 * Without tables the answer is what every PC since 1995 does: IRQ 0 arrives at pin 2.
 */
#include "irq.h"

#define MADT_OVERRIDE 2

struct rsdp {
	char signature[8];
	u8 checksum;
	char oem[6];
	u8 revision;
	u32 rsdt;
};

struct acpi_header {
	char signature[4];
	u32 length;
	u8 rest[28];
};

struct madt_override {
	u8 type, length;
	u8 bus, source;
	u32 gsi;
	u16 flags;
} __attribute__((packed));

static bool sum_is_zero(const void *data, size_t size)
{
	const u8 *p = data;
	u8 sum = 0;

	while (size--)
		sum = (u8)(sum + *p++);
	return sum == 0;
}

static const struct rsdp *find_rsdp(ulong from, ulong to)
{
	for (; from < to; from += 16) {
		const struct rsdp *rsdp = phys(from);

		if (memcmp(rsdp->signature, "RSD PTR ", 8) == 0 && sum_is_zero(rsdp, 20))
			return rsdp;
	}
	return NULL;
}

static const struct acpi_header *find_table(const char *signature)
{
	ulong ebda = (ulong) * (const u16 *)phys(0x40e) << 4;
	const struct rsdp *rsdp = ebda ? find_rsdp(ebda, ebda + 1024) : NULL;
	const struct acpi_header *rsdt;
	const u32 *entries;

	if (!rsdp)
		rsdp = find_rsdp(0xe0000, 0x100000);
	if (!rsdp || !rsdp->rsdt)
		return NULL;
	rsdt = phys(rsdp->rsdt);
	entries = (const u32 *)(rsdt + 1);
	for (u32 i = 0; i < (rsdt->length - sizeof(*rsdt)) / 4; i++) {
		const struct acpi_header *table = phys(entries[i]);

		if (memcmp(table->signature, signature, 4) == 0)
			return table;
	}
	return NULL;
}

u32 madt_isa_gsi(u32 irq)
{
	const struct acpi_header *madt = find_table("APIC");
	const u8 *at, *end;

	if (!madt)
		return irq == IRQ_PIT ? 2 : irq;
	end = (const u8 *)madt + madt->length;
	for (at = (const u8 *)(madt + 1) + 8; at + 2 <= end && at[1]; at += at[1]) {
		const struct madt_override *o = (const void *)at;

		if (o->type == MADT_OVERRIDE && o->source == irq)
			return o->gsi;
	}
	return irq;
}
