#pragma once
/* What a device sees of the outside: back ends that carry bytes (packets and blocks come later). */
#include "types.h"

struct byte_backend {
	/*
	 * A byte from the device. Returns false when it cannot be taken now (the device may drop
	 * it).
	 */
	bool (*put)(void *ctx, u8 c);
	/*
	 * The next byte for the device, or -1. The owner calls the device's rx function when some
	 * wait.
	 */
	int (*get)(void *ctx);
	void *ctx;
};
