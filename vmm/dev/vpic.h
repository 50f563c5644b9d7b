#pragma once
/* The interrupt controllers of a PC: two Intel 8259A in cascade, with the edge/level registers. */
#include "vmm/dev/devices.h"

struct vpic_chip {
	u8 lines; /* levels of the eight inputs */
	u8 edges; /* rising edges that wait; the IRR also holds the level-triggered inputs */
	u8 imr, isr;
	u8 elcr; /* inputs that are level-triggered */
	u8 icw1, base, icw3, icw4;
	u8 init;   /* the ICW that is expected next: 2, 3, 4; 0: initialised */
	u8 lowest; /* the input that has the lowest priority now */
	bool special_mask, rotate_on_aeoi, poll, read_isr;
};

struct vpic_state {
	struct vpic_chip chip[2]; /* master, slave */
	bool output;
};

struct vpic {
	struct vpic_state state;
	/* The master's INT pin changed. */
	void (*output)(void *ctx, bool level);
	void *ctx;
};

MUST_CHECK int vpic_init(struct vpic *p, struct iobus *bus, void (*output)(void *ctx, bool level),
			 void *ctx);
void vpic_reset(struct vpic *p);
/* An input's level. 0..15; others, and the cascade (2), are ignored. */
void vpic_set(struct vpic *p, unsigned irq, bool level);
/* The processor's INTA cycle: returns the vector (a spurious one when nothing asks any more). */
int vpic_ack(struct vpic *p);
