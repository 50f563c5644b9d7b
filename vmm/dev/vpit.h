#pragma once
/*
 * The timer of a PC: Intel 8254 at ports 40h..43h, and port 61h with channel 2's gate and output.
 * Nothing counts here: counts and outputs are computed from the tick at which a channel was loaded.
 */
#include "vmm/dev/devices.h"
#include "vmm/dev/vpit_channel.h"

#define VPIT_HZ 1193182ull

struct vpit_state {
	struct vpit_channel channel[3];
	u8 port61; /* the bits that the guest wrote */
};

struct vpit {
	struct vpit_state state;
	struct irqline line; /* channel 0's output */
	struct vclock *clock;
	struct vtimer timer;
};

MUST_CHECK int vpit_init(struct vpit *p, struct iobus *bus, struct vclock *clock,
			 struct irqline line);
void vpit_reset(struct vpit *p);
