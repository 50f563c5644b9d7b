#pragma once
/*
 * An interrupt line from a device to the partition's interrupt controllers. Lines are GSI numbers;
 * 0..15 go to the 8259 pair as well as to the IOAPIC (GSI 0 is the PIT: IOAPIC pin 2).
 */
#include "types.h"

struct irqline {
	void (*set)(void *ctx, unsigned gsi, bool level);
	void *ctx;
	unsigned gsi;
};

static inline void irqline_set(const struct irqline *line, bool level)
{
	if (line->set)
		line->set(line->ctx, line->gsi, level);
}

/* One edge, for devices whose output is a pulse. */
static inline void irqline_pulse(const struct irqline *line)
{
	irqline_set(line, true);
	irqline_set(line, false);
}
