/*
 * The partition's ACPI tables, ACPI 6.4 chapter 5. All lie at LAYOUT_ACPI_BASE, the root first,
 * where systems without our pointer look for it as well (5.2.5.1).
 */
#include "vmm/load/vacpi.h"

#include "dsdt.h" /* made from dsdt.asl: static const unsigned char dsdt_aml_code[] */
#include "error.h"
#include "lib/string.h"
#include "mm/gmem.h"
#include "vmm/dev/platform.h"
#include "vmm/load/load.h"
#include "vmm/load/vacpi_tables.h"

#define OEM_ID "PRTITA"
#define OEM_TABLE_ID "PARTITA "
#define CREATOR_ID "PRTA"

/* Room for the largest table that is put together here. */
#define MADT_MAX                                                                   \
	(sizeof(struct acpi_madt) + VCPUS_MAX * sizeof(struct acpi_madt_lapic) +   \
	 sizeof(struct acpi_madt_ioapic) + 2 * sizeof(struct acpi_madt_override) + \
	 sizeof(struct acpi_madt_nmi))

/* What the tables have been given so far. */
struct vacpi {
	struct gpspace *space;
	gpa_t next;
	int error; /* the first one */
};

static gpa_t vacpi_put(struct vacpi *v, const void *data, u64 size, u64 align)
{
	gpa_t at = ROUND_UP(v->next, align);

	if (v->error)
		return 0;
	if (at + size > LAYOUT_ACPI_BASE + LAYOUT_ACPI_SIZE) {
		v->error = -E2BIG;
		return 0;
	}
	v->error = gmem_write(v->space, at, data, size);
	v->next = at + size;
	return at;
}

static void header_init(struct acpi_header *h, const char *signature, u8 revision)
{
	memcpy(h->signature, signature, sizeof(h->signature));
	h->revision = revision;
	memcpy(h->oem_id, OEM_ID, sizeof(h->oem_id));
	memcpy(h->oem_table_id, OEM_TABLE_ID, sizeof(h->oem_table_id));
	h->oem_revision = 1;
	memcpy(h->creator_id, CREATOR_ID, sizeof(h->creator_id));
	h->creator_revision = 1;
}

static gpa_t vacpi_put_table(struct vacpi *v, void *table, u32 size)
{
	struct acpi_header *h = table;

	h->length = size;
	h->checksum = 0;
	h->checksum = acpi_checksum(table, size);
	return vacpi_put(v, table, size, ACPI_ALIGN);
}

static gpa_t vacpi_put_facs(struct vacpi *v)
{
	struct acpi_facs facs = { .length = sizeof(facs), .version = ACPI_FACS_VERSION };

	memcpy(facs.signature, "FACS", sizeof(facs.signature));
	return vacpi_put(v, &facs, sizeof(facs), ACPI_FACS_ALIGN);
}

static struct acpi_gas gas_port(u16 port, u8 bytes)
{
	return (struct acpi_gas){
		.space = ACPI_GAS_IO,
		.bit_width = bytes * 8,
		.access_size = bytes == 1   ? 1
			       : bytes == 2 ? 2
					    : 3,
		.address = port,
	};
}

/* The full hardware model (4.8), ACPI mode always on: there is no SMI command port. */
static void fadt_set_ports(struct acpi_fadt *f)
{
	f->sci_interrupt = VPM_SCI_GSI;
	f->pm1a_event = VPM1A_EVT;
	f->pm1_event_length = 4;
	f->x_pm1a_event = gas_port(VPM1A_EVT, 4);
	f->x_pm1a_event.access_size = 2; /* status and enable, 16 bits each: 4.8.3.1 */
	f->pm1a_control = VPM1A_CNT;
	f->pm1_control_length = 2;
	f->x_pm1a_control = gas_port(VPM1A_CNT, 2);
	f->pm_timer = VPM_TIMER;
	f->pm_timer_length = 4;
	f->x_pm_timer = gas_port(VPM_TIMER, 4);
	f->reset = gas_port(VRESET_PORT, 1);
	f->reset_value = VRESET_VALUE;
}

static gpa_t vacpi_put_fadt(struct vacpi *v, gpa_t facs, gpa_t dsdt)
{
	struct acpi_fadt f = { 0 };

	header_init(&f.header, "FACP", ACPI_FADT_REVISION);
	f.minor_version = ACPI_FADT_MINOR;
	f.facs = (u32)facs;
	f.dsdt = (u32)dsdt;
	f.x_dsdt = dsdt;
	fadt_set_ports(&f);
	f.c2_latency = ACPI_FADT_NO_C2;
	f.c3_latency = ACPI_FADT_NO_C3;
	f.century = VACPI_CENTURY_REGISTER;
	f.boot_arch = ACPI_BOOT_LEGACY_DEVICES | ACPI_BOOT_8042 | ACPI_BOOT_NO_VGA;
	f.flags = ACPI_FADT_WBINVD | ACPI_FADT_PROC_C1 | ACPI_FADT_NO_SLP_BUTTON |
		  ACPI_FADT_NO_RTC_WAKE | ACPI_FADT_RESET_REG;
	return vacpi_put_table(v, &f, sizeof(f));
}

/* Appends to a table that is being built. */
static void append(u8 *table, u32 *size, const void *entry, u32 entry_size)
{
	memcpy(table + *size, entry, entry_size);
	*size += entry_size;
}

static void madt_append_interrupts(u8 *table, u32 *size)
{
	struct acpi_madt_ioapic ioapic = {
		{ ACPI_MADT_IOAPIC, sizeof(ioapic) },
		.id = VACPI_IOAPIC_ID,
		.address = VIOAPIC_BASE,
	};
	struct acpi_madt_override timer = {
		{ ACPI_MADT_OVERRIDE, sizeof(timer) },
		.source = VPIT_GSI,
		.gsi = VACPI_PIT_PIN,
	};
	struct acpi_madt_override sci = {
		{ ACPI_MADT_OVERRIDE, sizeof(sci) },
		.source = VPM_SCI_GSI,
		.gsi = VPM_SCI_GSI,
		.flags = ACPI_MPS_ACTIVE_HIGH | ACPI_MPS_LEVEL,
	};
	struct acpi_madt_nmi nmi = {
		{ ACPI_MADT_LAPIC_NMI, sizeof(nmi) },
		.processor = ACPI_MADT_ALL_PROCESSORS,
		.lint = 1,
	};

	append(table, size, &ioapic, sizeof(ioapic));
	append(table, size, &timer, sizeof(timer));
	append(table, size, &sci, sizeof(sci));
	append(table, size, &nmi, sizeof(nmi));
}

static gpa_t vacpi_put_madt(struct vacpi *v, unsigned vcpus)
{
	struct acpi_madt madt = { .lapic_address = VLAPIC_BASE, .flags = ACPI_MADT_PCAT_COMPAT };
	u8 table[MADT_MAX];
	u32 size = 0;
	unsigned i;

	header_init(&madt.header, "APIC", ACPI_MADT_REVISION);
	append(table, &size, &madt, sizeof(madt));
	for (i = 0; i < vcpus; i++) {
		struct acpi_madt_lapic lapic = {
			{ ACPI_MADT_LAPIC, sizeof(lapic) },
			.processor = (u8)i,
			.id = (u8)i,
			.flags = ACPI_MADT_ENABLED,
		};

		append(table, &size, &lapic, sizeof(lapic));
	}
	madt_append_interrupts(table, &size);
	return vacpi_put_table(v, table, size);
}

static gpa_t vacpi_put_ssdt(struct vacpi *v, unsigned vcpus)
{
	u8 table[SSDT_MAX] = { 0 };
	struct acpi_header h = { 0 };

	header_init(&h, "SSDT", ACPI_SSDT_REVISION);
	memcpy(table, &h, sizeof(h));
	return vacpi_put_table(v, table, vacpi_fill_ssdt(table, vcpus));
}

static gpa_t vacpi_put_xsdt(struct vacpi *v, const gpa_t table[VACPI_TABLES])
{
	struct acpi_xsdt t = { 0 };

	memcpy(t.entry, table, sizeof(t.entry));
	header_init(&t.header, "XSDT", 1);
	return vacpi_put_table(v, &t, sizeof(t));
}

static gpa_t vacpi_put_rsdt(struct vacpi *v, const gpa_t table[VACPI_TABLES])
{
	struct acpi_rsdt t = { 0 };

	for (unsigned i = 0; i < VACPI_TABLES; i++)
		t.entry[i] = (u32)table[i];
	header_init(&t.header, "RSDT", 1);
	return vacpi_put_table(v, &t, sizeof(t));
}

static void rsdp_init(struct acpi_rsdp *r, gpa_t rsdt, gpa_t xsdt)
{
	memset(r, 0, sizeof(*r));
	memcpy(r->signature, ACPI_RSDP_SIGNATURE, sizeof(r->signature));
	memcpy(r->oem_id, OEM_ID, sizeof(r->oem_id));
	r->revision = ACPI_RSDP_REVISION;
	r->rsdt = (u32)rsdt;
	r->length = sizeof(*r);
	r->xsdt = xsdt;
	r->checksum = acpi_checksum(r, ACPI_RSDP_V1_SIZE);
	r->extended_checksum = acpi_checksum(r, sizeof(*r));
}

int vacpi_build(struct gpspace *space, unsigned vcpus, gpa_t *rsdp)
{
	struct vacpi v = { .space = space, .next = LAYOUT_ACPI_BASE + sizeof(struct acpi_rsdp) };
	struct acpi_rsdp root;
	gpa_t facs, dsdt, table[VACPI_TABLES], xsdt;

	if (vcpus > VCPUS_MAX)
		return -E2BIG;
	facs = vacpi_put_facs(&v);
	dsdt = vacpi_put(&v, dsdt_aml_code, sizeof(dsdt_aml_code), ACPI_ALIGN);
	table[0] = vacpi_put_fadt(&v, facs, dsdt);
	table[1] = vacpi_put_madt(&v, vcpus);
	table[2] = vacpi_put_ssdt(&v, vcpus);
	xsdt = vacpi_put_xsdt(&v, table);
	rsdp_init(&root, vacpi_put_rsdt(&v, table), xsdt);
	if (v.error)
		return v.error;
	*rsdp = LAYOUT_ACPI_BASE;
	return gmem_write(space, LAYOUT_ACPI_BASE, &root, sizeof(root));
}
