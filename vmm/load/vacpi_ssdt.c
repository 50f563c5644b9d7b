/*
 * The SSDT: one processor device for each vCPU, as the MADT's entries name them (ACPI 6.4, 8.4).
 * How many there are is known only now, so its AML is put together here: ACPI 6.4, 20.2.
 */
#include "lib/string.h"
#include "vmm/dev/platform.h"
#include "vmm/load/vacpi_tables.h"

/* The length that follows an opcode counts itself: in one byte up to 63, in two up to 4095. */
#define PKG_SHORT_MAX 0x3f
#define PKG_TWO_BYTES 0x40

/* Device (Cnn) { Name (_HID, "ACPI0007") Name (_UID, n) } */
struct aml_cpu {
	u8 device_op[2], length;
	u8 name[4];
	u8 hid_op, hid_name[4], hid_prefix, hid[9];
	u8 uid_op, uid_name[4], uid_prefix, uid;
} PACKED;

/* Scope (\_SB) { ... } */
struct aml_scope {
	u8 op, length[2];
	u8 name[5];
} PACKED;

static_assert(sizeof(struct aml_cpu) - 2 <= PKG_SHORT_MAX, "the length is one byte");
static_assert(SSDT_MAX == sizeof(struct acpi_header) + sizeof(struct aml_scope) +
			      VCPUS_MAX * sizeof(struct aml_cpu),
	      "room for all");

static struct aml_cpu aml_cpu(u8 n)
{
	static const char hex[] = "0123456789ABCDEF";

	return (struct aml_cpu){
		.device_op = { 0x5b, 0x82 },
		.length = sizeof(struct aml_cpu) - 2,
		.name = { 'C', '0', (u8)hex[n >> 4], (u8)hex[n & 15] },
		.hid_op = 0x08,
		.hid_name = "_HID",
		.hid_prefix = 0x0d,
		.hid = "ACPI0007",
		.uid_op = 0x08,
		.uid_name = "_UID",
		.uid_prefix = 0x0a,
		.uid = n,
	};
}

u32 vacpi_fill_ssdt(u8 table[SSDT_MAX], unsigned vcpus)
{
	u32 length = (u32)(sizeof(struct aml_scope) - 1 + vcpus * sizeof(struct aml_cpu));
	struct aml_scope scope = {
		.op = 0x10,
		.length = { (u8)(PKG_TWO_BYTES | (length & 15)), (u8)(length >> 4) },
		.name = "\\_SB_",
	};
	u8 *at = table + sizeof(struct acpi_header);
	unsigned i;

	memcpy(at, &scope, sizeof(scope));
	at += sizeof(scope);
	for (i = 0; i < vcpus; i++) {
		struct aml_cpu cpu = aml_cpu((u8)i);

		memcpy(at, &cpu, sizeof(cpu));
		at += sizeof(cpu);
	}
	return (u32)(at - table);
}
