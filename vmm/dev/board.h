#pragma once
/* The emulated PC: which devices a partition has and how they are wired. */
#include "compiler.h"
#include "types.h"
#include "vmm/dev/devices.h"
#include "vmm/dev/vi8042.h"
#include "vmm/dev/vioapic.h"
#include "vmm/dev/vlapic.h"
#include "vmm/dev/vpci.h"
#include "vmm/dev/vpic.h"
#include "vmm/dev/vpit.h"
#include "vmm/dev/vpm.h"
#include "vmm/dev/vport.h"
#include "vmm/dev/vrtc.h"
#include "vmm/dev/vuart.h"

struct board {
	/* The 8259 pair's output goes to every LINT0, and as on a PC to pin 0 of the IOAPIC. */
	void (*extint)(void *ctx, bool level);
	void *extint_ctx;
	struct vlapic_bus apics;
	struct vpic pic;
	struct vioapic ioapic;
	struct vpit pit;
	struct vrtc rtc;
	struct vuart com1;
	struct vi8042 i8042;
	struct vpm pm;
	struct vpci pci;
	struct vport port; /* 80h, 92h */
};

struct board_config {
	struct iobus *bus;
	struct vclock *clock;
	struct byte_backend com1;
	struct platform_hooks platform;
	/* The 8259 pair's output changed. */
	void (*extint)(void *ctx, bool level);
	void *ctx;
	u64 memory_below_4g, memory_above_4g; /* bytes, for the CMOS */
};

/*
 * Creates every device, puts them on the bus, connects lines. board.apics is empty then:
 * the vCPUs' local APICs join it afterwards. -ENOSPC, -EEXIST: a bug of the layout.
 */
MUST_CHECK int board_init(struct board *b, const struct board_config *config);
/* A GSI from a device: the 8259 pair (below 16) and the IOAPIC both see it. */
void board_set_gsi(void *board, unsigned gsi, bool level);
