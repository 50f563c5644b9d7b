#pragma once
/*
 * Every emulated device: a plain state structure without pointers (rule 1: a copy is a snapshot)
 * and its wiring beside it. X_init() sets the wiring and the power-on state and adds the regions to
 * the bus; X_reset() returns to the power-on state. All are called with the partition's device lock
 * held.
 */
#include "compiler.h"
#include "vmm/backends.h"
#include "vmm/dev/platform.h"
#include "vmm/iobus.h"
#include "vmm/irqline.h"
#include "vmm/vclock.h"

/* What a guest asks of its machine. */
enum platform_event { PLATFORM_SHUTDOWN, PLATFORM_RESET };
struct platform_hooks {
	void (*event)(void *ctx, enum platform_event event);
	void *ctx;
};
