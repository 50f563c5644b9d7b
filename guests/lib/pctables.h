/*
 * What a PC's firmware says of processors and interrupts, in the MADT (ACPI 6.4, 5.2.12) and in
 * the MP configuration table (MultiProcessor Specification 1.4, chapter 4).
 */
#ifndef GUEST_PCTABLES_H
#define GUEST_PCTABLES_H

#include "types.h"

#define CPUS_MAX 16
#define ISA_IRQS 16

/* Of an ISA interrupt; both tables have the same two fields of two bits. 0: as the bus has it. */
#define PC_ACTIVE_HIGH 0x1
#define PC_LEVEL 0xc

struct pc_tables {
	u32 cpus, boot_cpu; /* which of cpus booted, where the table says so */
	u8 apic_id[CPUS_MAX];
	u32 lapic, ioapic; /* addresses */
	u32 ioapics;
	u8 ioapic_id;
	u8 gsi[ISA_IRQS];
	u16 flags[ISA_IRQS];
	u16 described; /* bit n: the table names IRQ n */
	u8 nmi_lint;   /* of all processors; 0xff: not said */
};

/* False: there is no such table. */
bool madt_read(struct pc_tables *t);	/* acpi.c */
bool mptable_read(struct pc_tables *t); /* mptable.c */
/* The sum of these bytes is 0, as every table's has to be. */
bool sum_is_zero(const void *data, size_t size);

#endif
