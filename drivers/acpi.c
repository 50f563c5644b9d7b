/*
 * Finds and reads the ACPI tables. They come from firmware: every length and checksum is looked at,
 * and a table that fails is as if it were not there. Tables are mapped as devices, since they may
 * lie in memory that the memory map does not call RAM.
 */
#include "drivers/acpi.h"
#include "drivers/acpi_power.h"
#include "drivers/acpi_tables.h"
#include "error.h"
#include "kernel/log.h"
#include "kernel/machine.h"
#include "lib/string.h"
#include "mm/kspace.h"

#define TABLE_MAX (1 * MIB)
#define LAPIC_BASE_DEFAULT 0xfee00000

static bool checksum_ok(const void *data, size_t size)
{
	const u8 *bytes = data;
	u8 sum = 0;

	for (size_t i = 0; i < size; i++)
		sum += bytes[i];
	return sum == 0;
}

static const struct acpi_header *map_table(hpa_t pa)
{
	const struct acpi_header *h = pa ? kspace_map_device(pa, sizeof(*h)) : NULL;
	u32 length = h ? h->length : 0;

	if (length < sizeof(*h) || length > TABLE_MAX)
		return NULL;
	h = kspace_map_device(pa, length);
	return h && checksum_ok(h, length) ? h : NULL;
}

/* The root table: the XSDT where there is a valid one. *wide: its entries have 64 bits. */
static const struct acpi_header *map_root(hpa_t pa, bool *wide)
{
	const struct acpi_rsdp *rsdp = pa ? kspace_map_device(pa, sizeof(*rsdp)) : NULL;
	const struct acpi_header *root = NULL;

	if (!rsdp || memcmp(rsdp->signature, "RSD PTR ", 8) != 0 ||
	    !checksum_ok(rsdp, ACPI_RSDP_V1_SIZE))
		return NULL;
	*wide = rsdp->revision >= 2 && rsdp->length >= sizeof(*rsdp) && rsdp->xsdt;
	if (*wide)
		root = map_table(rsdp->xsdt);
	if (!root) {
		*wide = false;
		root = map_table(rsdp->rsdt);
	}
	return root;
}

static const struct acpi_header *find_table(const struct acpi_header *root, bool wide,
					    const char *name)
{
	const u8 *entries = (const u8 *)(root + 1);
	size_t width = wide ? sizeof(u64) : sizeof(u32);
	size_t count = (root->length - sizeof(*root)) / width;

	for (size_t i = 0; i < count; i++) {
		const struct acpi_header *h;
		u64 pa = 0;

		memcpy(&pa, entries + i * width, width);
		h = map_table(pa);
		if (h && memcmp(h->signature, name, sizeof(h->signature)) == 0)
			return h;
	}
	return NULL;
}

static void add_cpu(struct machine *m, u32 apic_id, u32 flags)
{
	if (flags & MADT_CPU_ENABLED && m->cpu_count < MACHINE_CPUS)
		m->cpu_apic_id[m->cpu_count++] = apic_id;
}

static void add_ioapic(struct machine *m, const struct madt_ioapic *io)
{
	if (m->ioapic_count == MACHINE_IOAPICS)
		return;
	m->ioapic[m->ioapic_count].id = io->id;
	m->ioapic[m->ioapic_count].base = io->base;
	m->ioapic[m->ioapic_count].gsi_base = io->gsi_base;
	m->ioapic_count++;
}

static void add_override(struct machine *m, const struct madt_override *o)
{
	if (o->irq >= ARRAY_SIZE(m->isa_irq) || o->gsi > UINT8_MAX)
		return;
	m->isa_irq[o->irq].gsi = (u8)o->gsi;
	m->isa_irq[o->irq].active_low = (o->flags & MPS_POLARITY) == MPS_ACTIVE_LOW;
	m->isa_irq[o->irq].level = (o->flags & MPS_TRIGGER) == MPS_LEVEL;
}

static void parse_madt_entry(struct machine *m, const struct madt_entry *e)
{
	const struct madt_lapic *lapic = (const void *)e;
	const struct madt_x2apic *x2apic = (const void *)e;
	const struct madt_lapic_address *address = (const void *)e;

	if (e->type == MADT_LAPIC && e->length >= sizeof(*lapic))
		add_cpu(m, lapic->apic_id, lapic->flags);
	else if (e->type == MADT_X2APIC && e->length >= sizeof(*x2apic))
		add_cpu(m, x2apic->apic_id, x2apic->flags);
	else if (e->type == MADT_IOAPIC && e->length >= sizeof(struct madt_ioapic))
		add_ioapic(m, (const void *)e);
	else if (e->type == MADT_OVERRIDE && e->length >= sizeof(struct madt_override))
		add_override(m, (const void *)e);
	else if (e->type == MADT_LAPIC_ADDRESS && e->length >= sizeof(*address))
		m->lapic_base = address->base;
}

static void parse_madt(struct machine *m, const struct acpi_madt *madt)
{
	const u8 *p = (const u8 *)(madt + 1), *end = (const u8 *)madt + madt->header.length;

	if (madt->header.length < sizeof(*madt))
		return;
	m->lapic_base = madt->lapic_base;
	while (end - p >= (long)sizeof(struct madt_entry)) {
		const struct madt_entry *e = (const void *)p;

		if (e->length < sizeof(*e) || e->length > end - p)
			return;
		parse_madt_entry(m, e);
		p += e->length;
	}
}

static void parse_fadt(struct machine *m, const struct acpi_header *table)
{
	struct acpi_fadt fadt = { 0 }; /* old ones are shorter: what they lack is zero */
	const struct acpi_header *dsdt = NULL;

	memcpy(&fadt, table, MIN(table->length, sizeof(fadt)));
	if (fadt.x_dsdt)
		dsdt = map_table(fadt.x_dsdt);
	if (!dsdt)
		dsdt = map_table(fadt.dsdt);
	acpi_power_parse(m, &fadt, dsdt);
}

static void set_defaults(struct machine *m)
{
	for (unsigned i = 0; i < ARRAY_SIZE(m->isa_irq); i++)
		m->isa_irq[i].gsi = i;
	m->lapic_base = LAPIC_BASE_DEFAULT;
}

int acpi_parse(struct machine *m)
{
	const struct acpi_header *root, *table;
	bool wide;

	set_defaults(m);
	root = map_root(m->rsdp, &wide);
	if (!root)
		return -ENOENT;
	table = find_table(root, wide, "APIC");
	if (table)
		parse_madt(m, (const void *)table);
	table = find_table(root, wide, "FACP");
	if (table)
		parse_fadt(m, table);
	return 0;
}
