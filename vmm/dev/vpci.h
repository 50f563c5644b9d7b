#pragma once
/*
 * PCI configuration mechanism 1 (PCI 3.0, 3.2.2.3.2) on a bus without any device, and the reset
 * control register that PC chipsets have at CF9.
 */
#include "vmm/dev/devices.h"

struct vpci_state {
	u32 address;
	u8 reset_control;
};

struct vpci {
	struct vpci_state state;
	struct platform_hooks platform;
};

MUST_CHECK int vpci_init(struct vpci *p, struct iobus *bus, struct platform_hooks platform);
void vpci_reset(struct vpci *p);
