#pragma once
/*
 * Single ports: 80h (POST code and I/O delay), 92h (fast A20 and reset), and places where guests
 * look for devices that this PC has not, which answer as an empty bus but are no surprise.
 */
#include "vmm/dev/devices.h"

struct vport_state {
	u8 post, port92;
};

struct vport {
	struct vport_state state;
	struct platform_hooks platform;
};

MUST_CHECK int vport_init(struct vport *p, struct iobus *bus, struct platform_hooks platform);
void vport_reset(struct vport *p);
