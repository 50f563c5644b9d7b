#pragma once
/*
 * The I/O APIC: Intel 82093AA data sheet (order 290566), with the EOI register of version 0x20 (ICH
 * data sheets). Lines are given as asserted or not; the polarity bit is only remembered.
 */
#include "compiler.h"
#include "types.h"
#include "vmm/dev/platform.h"
#include "vmm/dev/vlapic.h"

struct iobus;
struct io_access;

struct vioapic_state {
	u32 id;	    /* bits 27:24, as in the register */
	u32 select; /* IOREGSEL */
	u32 lines;  /* bit n: pin n is asserted */
	u64 redir[VIOAPIC_PINS];
};

struct vioapic {
	struct vioapic_state state;
	struct vlapic_bus *apics;
	u64 undelivered; /* messages that no local APIC took; a statistic */
};

MUST_CHECK int vioapic_init(struct vioapic *io, struct iobus *bus, struct vlapic_bus *apics);
void vioapic_reset(struct vioapic *io);
/* The level of a pin. Pins beyond the last are ignored. */
void vioapic_set(struct vioapic *io, unsigned pin, bool level);
/* A local APIC ended a level-triggered interrupt. */
void vioapic_eoi(struct vioapic *io, u8 vector);
/* The bus's handler, public for tests. */
void vioapic_io(void *dev, struct io_access *access);
