#pragma once
/* Layouts of the MP table: MultiProcessor Specification 1.4, the section beside each. */
#include "compiler.h"
#include "types.h"

#define MP_REVISION 4 /* 1.4 */

/* 4.1 */
#define MP_POINTER_SIGNATURE "_MP_"

struct mp_pointer {
	u8 signature[4];
	u32 table;
	u8 length; /* in paragraphs of 16 bytes */
	u8 revision, checksum;
	u8 feature[5]; /* 0: there is a table; virtual wire mode, without an IMCR */
} PACKED;

/* 4.2 */
#define MP_HEADER_SIGNATURE "PCMP"

struct mp_header {
	u8 signature[4];
	u16 length;
	u8 revision, checksum;
	u8 oem_id[8], product_id[12];
	u32 oem_table;
	u16 oem_size, entries;
	u32 lapic_address;
	u16 extended_length;
	u8 extended_checksum, reserved;
} PACKED;

/* 4.3, in this order */
enum { MP_PROCESSOR = 0, MP_BUS = 1, MP_IOAPIC = 2, MP_IO_INTERRUPT = 3, MP_LOCAL_INTERRUPT = 4 };

#define MP_ENABLED BIT(0)  /* of processors and I/O APICs */
#define MP_BOOT_CPU BIT(1) /* of processors */
#define MP_ALL_LAPICS 0xff

struct mp_processor {
	u8 type, id, version, flags;
	u32 signature, features, reserved[2];
} PACKED;

struct mp_bus {
	u8 type, id;
	u8 name[6];
} PACKED;

struct mp_ioapic {
	u8 type, id, version, flags;
	u32 address;
} PACKED;

/* 4.3.4, 4.3.5 */
enum { MP_INT = 0, MP_NMI = 1, MP_EXTINT = 3 };

#define MP_AS_THE_BUS 0
#define MP_ACTIVE_HIGH 0x1
#define MP_LEVEL 0xc

struct mp_interrupt {
	u8 type, kind;
	u16 flags;
	u8 bus, irq, apic, pin;
} PACKED;

static_assert(sizeof(struct mp_pointer) == 16, "MP 4.1");
static_assert(sizeof(struct mp_header) == 44, "MP 4.2");
static_assert(sizeof(struct mp_processor) == 20, "MP 4.3.1");
static_assert(sizeof(struct mp_bus) == 8, "MP 4.3.2");
static_assert(sizeof(struct mp_ioapic) == 8, "MP 4.3.3");
static_assert(sizeof(struct mp_interrupt) == 8, "MP 4.3.4");
