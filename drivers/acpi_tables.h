#pragma once
/* Layouts of the ACPI tables that the kernel reads. ACPI 6.4 chapter 5.2. */
#include "compiler.h"
#include "types.h"

struct acpi_rsdp { /* 5.2.5.3 */
	char signature[8];
	u8 checksum; /* of the first 20 bytes */
	char oem[6];
	u8 revision; /* from 2 on the rest is there */
	u32 rsdt;
	u32 length;
	u64 xsdt;
	u8 extended_checksum, reserved[3];
} PACKED;

#define ACPI_RSDP_V1_SIZE 20

struct acpi_header { /* 5.2.6 */
	char signature[4];
	u32 length;
	u8 revision, checksum;
	char oem[6], oem_table[8];
	u32 oem_revision, creator, creator_revision;
} PACKED;

struct acpi_address { /* 5.2.3.2, generic address structure */
	u8 space, bit_width, bit_offset, access_size;
	u64 address;
} PACKED;

#define ACPI_SPACE_MEMORY 0
#define ACPI_SPACE_IO 1

struct acpi_fadt { /* 5.2.9 */
	struct acpi_header header;
	u32 facs, dsdt;
	u8 reserved0, profile;
	u16 sci_irq;
	u32 smi_command;
	u8 acpi_enable, acpi_disable, s4bios, pstate;
	u32 pm1a_event, pm1b_event, pm1a_control, pm1b_control, pm2_control, pm_timer, gpe0, gpe1;
	u8 pm1_event_len, pm1_control_len, pm2_control_len, pm_timer_len, gpe0_len, gpe1_len,
	    gpe1_base;
	u8 cst;
	u16 c2_latency, c3_latency, flush_size, flush_stride;
	u8 duty_offset, duty_width, day_alarm, month_alarm, century;
	u16 boot_flags;
	u8 reserved1;
	u32 flags;
	struct acpi_address reset_register;
	u8 reset_value;
	u16 arm_boot_flags;
	u8 minor;
	u64 x_facs, x_dsdt;
	struct acpi_address x_pm1a_event, x_pm1b_event, x_pm1a_control, x_pm1b_control;
	struct acpi_address x_pm2_control, x_pm_timer, x_gpe0, x_gpe1;
	struct acpi_address sleep_control, sleep_status;
} PACKED;

#define FADT_HARDWARE_REDUCED BIT(20)

struct acpi_madt { /* 5.2.12 */
	struct acpi_header header;
	u32 lapic_base, flags;
} PACKED;

struct madt_entry {
	u8 type, length;
} PACKED;

enum {
	MADT_LAPIC = 0,
	MADT_IOAPIC = 1,
	MADT_OVERRIDE = 2,
	MADT_LAPIC_ADDRESS = 5,
	MADT_X2APIC = 9
};

#define MADT_CPU_ENABLED 1

struct madt_lapic {
	struct madt_entry entry;
	u8 processor, apic_id;
	u32 flags;
} PACKED;

struct madt_ioapic {
	struct madt_entry entry;
	u8 id, reserved;
	u32 base, gsi_base;
} PACKED;

struct madt_override {
	struct madt_entry entry;
	u8 bus, irq;
	u32 gsi;
	u16 flags;
} PACKED;

#define MPS_POLARITY 0x3
#define MPS_ACTIVE_LOW 0x3
#define MPS_TRIGGER 0xc
#define MPS_LEVEL 0xc

struct madt_lapic_address {
	struct madt_entry entry;
	u16 reserved;
	u64 base;
} PACKED;

struct madt_x2apic {
	struct madt_entry entry;
	u16 reserved;
	u32 apic_id, flags, processor;
} PACKED;

static_assert(sizeof(struct acpi_rsdp) == 36, "ACPI 6.4 table 5.3");
static_assert(sizeof(struct acpi_header) == 36, "ACPI 6.4 table 5.4");
static_assert(sizeof(struct acpi_address) == 12, "ACPI 6.4 table 5.1");
static_assert(offsetof(struct acpi_fadt, flags) == 112, "ACPI 6.4 table 5.9");
static_assert(offsetof(struct acpi_fadt, x_dsdt) == 140, "ACPI 6.4 table 5.9");
static_assert(offsetof(struct acpi_fadt, sleep_control) == 244, "ACPI 6.4 table 5.9");
static_assert(sizeof(struct acpi_madt) == 44, "ACPI 6.4 table 5.19");
