/*
 * Just enough ACPI to find the MADT and read what it says of processors and ISA interrupts
 * (ACPI 6.4, 5.2.5 and 5.2.12).
 */
#include "irq.h"
#include "pctables.h"

#define LAPIC_ENABLED 1

enum madt_type {
	MADT_LAPIC = 0,
	MADT_IOAPIC = 1,
	MADT_OVERRIDE = 2,
	MADT_LAPIC_NMI = 4,
};

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

struct madt {
	struct acpi_header header;
	u32 lapic, flags;
};

/* All entries, one over the other. */
union madt_entry {
	struct {
		u8 type, length;
	} any;
	struct {
		u8 type, length, processor, id;
		u32 flags;
	} __attribute__((packed)) lapic;
	struct {
		u8 type, length, id, reserved;
		u32 address, gsi_base;
	} __attribute__((packed)) ioapic;
	struct {
		u8 type, length, bus, source;
		u32 gsi;
		u16 flags;
	} __attribute__((packed)) override;
	struct {
		u8 type, length, processor;
		u16 flags;
		u8 lint;
	} __attribute__((packed)) nmi;
};

bool sum_is_zero(const void *data, size_t size)
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

static void read_entry(struct pc_tables *t, const union madt_entry *e)
{
	switch (e->any.type) {
	case MADT_LAPIC:
		if ((e->lapic.flags & LAPIC_ENABLED) && t->cpus < CPUS_MAX)
			t->apic_id[t->cpus++] = e->lapic.id;
		break;
	case MADT_IOAPIC:
		t->ioapics++;
		t->ioapic = e->ioapic.address;
		t->ioapic_id = e->ioapic.id;
		break;
	case MADT_OVERRIDE:
		if (e->override.source >= ISA_IRQS)
			break;
		t->gsi[e->override.source] = (u8)e->override.gsi;
		t->flags[e->override.source] = e->override.flags;
		break;
	case MADT_LAPIC_NMI:
		if (e->nmi.processor == 0xff)
			t->nmi_lint = e->nmi.lint;
		break;
	}
}

bool madt_read(struct pc_tables *t)
{
	const struct madt *madt = (const void *)find_table("APIC");
	const u8 *at, *end;

	memset(t, 0, sizeof(*t));
	t->nmi_lint = 0xff;
	for (u32 irq = 0; irq < ISA_IRQS; irq++)
		t->gsi[irq] = (u8)irq;
	if (!madt)
		return false;
	t->described = 0xffff; /* without an override an interrupt arrives at its own number */
	t->lapic = madt->lapic;
	end = (const u8 *)madt + madt->header.length;
	for (at = (const u8 *)(madt + 1); at + 2 <= end && at[1]; at += at[1])
		read_entry(t, (const void *)at);
	return true;
}

/* Without tables the answer is what every PC since 1995 does: IRQ 0 arrives at pin 2. */
u32 madt_isa_gsi(u32 irq)
{
	struct pc_tables t;

	if (!madt_read(&t))
		return irq == IRQ_PIT ? 2 : irq;
	return t.gsi[irq];
}
