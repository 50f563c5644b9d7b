#pragma once
/* Layouts of the ACPI tables that a partition gets: ACPI 6.4, the section beside each. */
#include "compiler.h"
#include "types.h"
#include "vmm/dev/platform.h"

#define ACPI_ALIGN 16ull
#define ACPI_FACS_ALIGN 64ull

/* What makes the sum of all bytes 0, if it is 0 itself: also in the MP table. */
static inline u8 acpi_checksum(const void *data, size_t size)
{
	const u8 *p = data;
	u8 sum = 0;

	while (size--)
		sum += *p++;
	return (u8)-sum;
}

/* 5.2.6 */
struct acpi_header {
	u8 signature[4];
	u32 length;
	u8 revision, checksum;
	u8 oem_id[6], oem_table_id[8];
	u32 oem_revision;
	u8 creator_id[4];
	u32 creator_revision;
} PACKED;

/* 5.2.5.3 */
#define ACPI_RSDP_SIGNATURE "RSD PTR "
#define ACPI_RSDP_REVISION 2
#define ACPI_RSDP_V1_SIZE 20

struct acpi_rsdp {
	u8 signature[8];
	u8 checksum; /* of the first 20 bytes */
	u8 oem_id[6];
	u8 revision;
	u32 rsdt;
	u32 length;
	u64 xsdt;
	u8 extended_checksum;
	u8 reserved[3];
} PACKED;

/* 5.2.7, 5.2.8; DSDT and FACS are reached through the FADT */
#define VACPI_TABLES 3

struct acpi_rsdt {
	struct acpi_header header;
	u32 entry[VACPI_TABLES];
} PACKED;

struct acpi_xsdt {
	struct acpi_header header;
	u64 entry[VACPI_TABLES];
} PACKED;

/* 5.2.3.2 */
#define ACPI_GAS_IO 1

struct acpi_gas {
	u8 space, bit_width, bit_offset, access_size;
	u64 address;
} PACKED;

/* 5.2.9 */
#define ACPI_FADT_REVISION 6
#define ACPI_FADT_MINOR 4
#define ACPI_FADT_NO_C2 0x65  /* a latency over 100 us: no C2 state */
#define ACPI_FADT_NO_C3 0x3e9 /* over 1000 us: no C3 state */
#define ACPI_FADT_WBINVD BIT(0)
#define ACPI_FADT_PROC_C1 BIT(2)
#define ACPI_FADT_NO_SLP_BUTTON BIT(5)
#define ACPI_FADT_NO_RTC_WAKE BIT(6)
#define ACPI_FADT_RESET_REG BIT(10)
#define ACPI_BOOT_LEGACY_DEVICES BIT(0)
#define ACPI_BOOT_8042 BIT(1)
#define ACPI_BOOT_NO_VGA BIT(2)
#define VACPI_CENTURY_REGISTER 0x32 /* in the CMOS */

struct acpi_fadt {
	struct acpi_header header;
	u32 facs, dsdt;
	u8 reserved0, pm_profile;
	u16 sci_interrupt;
	u32 smi_command;
	u8 acpi_enable, acpi_disable, s4bios_request, pstate_control;
	u32 pm1a_event, pm1b_event, pm1a_control, pm1b_control, pm2_control, pm_timer;
	u32 gpe0, gpe1;
	u8 pm1_event_length, pm1_control_length, pm2_control_length, pm_timer_length;
	u8 gpe0_length, gpe1_length, gpe1_base, cst_control;
	u16 c2_latency, c3_latency, flush_size, flush_stride;
	u8 duty_offset, duty_width, day_alarm, month_alarm, century;
	u16 boot_arch;
	u8 reserved1;
	u32 flags;
	struct acpi_gas reset;
	u8 reset_value;
	u16 arm_boot_arch;
	u8 minor_version;
	u64 x_facs, x_dsdt;
	struct acpi_gas x_pm1a_event, x_pm1b_event, x_pm1a_control, x_pm1b_control;
	struct acpi_gas x_pm2_control, x_pm_timer, x_gpe0, x_gpe1;
	struct acpi_gas sleep_control, sleep_status;
	u64 hypervisor_vendor;
} PACKED;

/* 5.2.10 */
#define ACPI_FACS_VERSION 2

struct acpi_facs {
	u8 signature[4];
	u32 length, hardware_signature, waking_vector, global_lock, flags;
	u64 x_waking_vector;
	u8 version, reserved0[3];
	u32 ospm_flags;
	u8 reserved1[24];
} PACKED;

/* 5.2.12 */
#define ACPI_MADT_REVISION 5
#define ACPI_MADT_PCAT_COMPAT BIT(0) /* there is an 8259 pair as well */

enum {
	ACPI_MADT_LAPIC = 0,
	ACPI_MADT_IOAPIC = 1,
	ACPI_MADT_OVERRIDE = 2,
	ACPI_MADT_LAPIC_NMI = 4,
};

#define ACPI_MADT_ENABLED BIT(0)
#define ACPI_MADT_ALL_PROCESSORS 0xff
#define ACPI_MPS_ACTIVE_HIGH 0x1
#define ACPI_MPS_LEVEL 0xc

/* vacpi_ssdt.c: fills in all but the header, which comes first; answers the table's size. */
#define ACPI_SSDT_REVISION 2
#define SSDT_MAX (36 + 8 + VCPUS_MAX * 29)
u32 vacpi_fill_ssdt(u8 table[SSDT_MAX], unsigned vcpus);

#define VACPI_IOAPIC_ID 0 /* as its ID register has it after reset */
#define VACPI_PIT_PIN 2

struct acpi_madt {
	struct acpi_header header;
	u32 lapic_address, flags;
} PACKED;

struct acpi_madt_entry {
	u8 type, length;
} PACKED;

struct acpi_madt_lapic {
	struct acpi_madt_entry entry;
	u8 processor, id;
	u32 flags;
} PACKED;

struct acpi_madt_ioapic {
	struct acpi_madt_entry entry;
	u8 id, reserved;
	u32 address, gsi_base;
} PACKED;

struct acpi_madt_override {
	struct acpi_madt_entry entry;
	u8 bus, source;
	u32 gsi;
	u16 flags; /* 0: as the ISA bus has it, edge and active high */
} PACKED;

struct acpi_madt_nmi {
	struct acpi_madt_entry entry;
	u8 processor;
	u16 flags;
	u8 lint;
} PACKED;

static_assert(sizeof(struct acpi_header) == 36, "ACPI 5.2.6");
static_assert(sizeof(struct acpi_rsdp) == 36, "ACPI 5.2.5.3");
static_assert(sizeof(struct acpi_fadt) == 276, "ACPI 5.2.9");
static_assert(sizeof(struct acpi_facs) == 64, "ACPI 5.2.10");
static_assert(sizeof(struct acpi_madt) == 44, "ACPI 5.2.12");
static_assert(sizeof(struct acpi_madt_lapic) == 8, "ACPI 5.2.12.2");
static_assert(sizeof(struct acpi_madt_ioapic) == 12, "ACPI 5.2.12.3");
static_assert(sizeof(struct acpi_madt_override) == 10, "ACPI 5.2.12.5");
static_assert(sizeof(struct acpi_madt_nmi) == 6, "ACPI 5.2.12.7");
