/*
 * The partition's MP table. The floating pointer lies where chapter 4 of the specification has
 * systems look last: in the BIOS area, as this PC has no extended BIOS data area.
 */
#include "vmm/load/vmptable.h"

#include "error.h"
#include "lib/string.h"
#include "mm/gmem.h"
#include "vmm/dev/platform.h"
#include "vmm/load/load.h"
#include "vmm/load/vacpi_tables.h"
#include "vmm/load/vmptable_tables.h"

#define OEM_ID "PRTITA  "
#define PRODUCT_ID "PARTITA     "
#define ISA_BUS 0
#define ISA_IRQS 16
#define ISA_CASCADE 2

#define TABLE_MAX                                                             \
	(sizeof(struct mp_header) + VCPUS_MAX * sizeof(struct mp_processor) + \
	 sizeof(struct mp_bus) + sizeof(struct mp_ioapic) +                   \
	 (ISA_IRQS - 1 + 2) * sizeof(struct mp_interrupt))

/* The table that is being built. */
struct vmptable {
	u8 bytes[TABLE_MAX];
	u16 size, entries;
};

static void vmptable_add(struct vmptable *t, const void *entry, u16 size)
{
	memcpy(t->bytes + t->size, entry, size);
	t->size += size;
	t->entries++;
}

static void add_processors(struct vmptable *t, const struct vmptable_config *c)
{
	unsigned i;

	for (i = 0; i < c->vcpus; i++) {
		struct mp_processor cpu = {
			.type = MP_PROCESSOR,
			.id = (u8)i,
			.version = VLAPIC_VERSION,
			.flags = MP_ENABLED | (i == 0 ? MP_BOOT_CPU : 0),
			.signature = c->signature,
			.features = c->features,
		};

		vmptable_add(t, &cpu, sizeof(cpu));
	}
}

static void add_units(struct vmptable *t)
{
	struct mp_bus isa = { .type = MP_BUS, .id = ISA_BUS, .name = "ISA   " };
	struct mp_ioapic ioapic = {
		.type = MP_IOAPIC,
		.id = VACPI_IOAPIC_ID,
		.version = VIOAPIC_VERSION,
		.flags = MP_ENABLED,
		.address = VIOAPIC_BASE,
	};

	vmptable_add(t, &isa, sizeof(isa));
	vmptable_add(t, &ioapic, sizeof(ioapic));
}

/* The same pins and triggers as in the MADT. The cascade is no interrupt. */
static void add_interrupts(struct vmptable *t)
{
	u8 irq;

	for (irq = 0; irq < ISA_IRQS; irq++) {
		struct mp_interrupt in = {
			.type = MP_IO_INTERRUPT,
			.kind = MP_INT,
			.flags = irq == VPM_SCI_GSI ? MP_ACTIVE_HIGH | MP_LEVEL : MP_AS_THE_BUS,
			.bus = ISA_BUS,
			.irq = irq,
			.apic = VACPI_IOAPIC_ID,
			.pin = irq == VPIT_GSI ? VACPI_PIT_PIN : irq,
		};

		if (irq != ISA_CASCADE)
			vmptable_add(t, &in, sizeof(in));
	}
}

/* Virtual wire mode by the local APICs, 3.6.2.2: the 8259s on LINT0, NMI on LINT1. */
static void add_local_interrupts(struct vmptable *t)
{
	struct mp_interrupt in = {
		.type = MP_LOCAL_INTERRUPT,
		.kind = MP_EXTINT,
		.bus = ISA_BUS,
		.apic = MP_ALL_LAPICS,
		.pin = 0,
	};

	vmptable_add(t, &in, sizeof(in));
	in.kind = MP_NMI;
	in.pin = 1;
	vmptable_add(t, &in, sizeof(in));
}

static void vmptable_finish(struct vmptable *t)
{
	struct mp_header h = {
		.signature = MP_HEADER_SIGNATURE,
		.length = t->size,
		.revision = MP_REVISION,
		.oem_id = OEM_ID,
		.product_id = PRODUCT_ID,
		.entries = t->entries,
		.lapic_address = VLAPIC_BASE,
	};

	memcpy(t->bytes, &h, sizeof(h));
	h.checksum = acpi_checksum(t->bytes, t->size);
	memcpy(t->bytes, &h, sizeof(h));
}

int vmptable_build(struct gpspace *space, const struct vmptable_config *config)
{
	struct vmptable t = { .size = sizeof(struct mp_header) };
	struct mp_pointer p = {
		.signature = MP_POINTER_SIGNATURE,
		.table = (u32)(LAYOUT_MP_BASE + sizeof(p)),
		.length = sizeof(p) / 16,
		.revision = MP_REVISION,
	};
	int r;

	if (config->vcpus > VCPUS_MAX)
		return -E2BIG;
	add_processors(&t, config);
	add_units(&t);
	add_interrupts(&t);
	add_local_interrupts(&t);
	vmptable_finish(&t);
	p.checksum = acpi_checksum(&p, sizeof(p));
	r = gmem_write(space, LAYOUT_MP_BASE, &p, sizeof(p));
	return r ? r : gmem_write(space, p.table, t.bytes, t.size);
}
