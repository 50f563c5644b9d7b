#pragma once
/*
 * The keyboard controller, with nothing plugged in: commands are answered, bytes for the keyboard
 * or the mouse time out at once. Guests use it for reset and the A20 gate.
 */
#include "vmm/dev/devices.h"

#define VI8042_KBD_GSI 1
#define VI8042_AUX_GSI 12

struct vi8042_state {
	u8 status;
	u8 ram[32]; /* ram[0] is the command byte */
	u8 output;  /* the output buffer */
	u8 output_port;
	u8 command;  /* one that waits for its data byte, or 0 */
	u64 unknown; /* commands that no controller we know of has */
};

struct vi8042 {
	struct vi8042_state state;
	struct irqline kbd, aux;
	struct platform_hooks platform;
};

MUST_CHECK int vi8042_init(struct vi8042 *k, struct iobus *bus, struct irqline kbd,
			   struct irqline aux, struct platform_hooks platform);
void vi8042_reset(struct vi8042 *k);
