#pragma once
#include "compiler.h"
/*
 * For bugs of our own, never for anything a guest does: prints the reason, registers and a symbolised
 * backtrace on COM1 and VGA by polling, stops the other processors, and halts (or powers off with the
 * kernel option poweroff=idle, so that a test ends).
 */
NORETURN PRINTF(1, 2) void panic(const char *fmt, ...);

#define ASSERT(cond)                                                                          \
	do {                                                                                  \
		if (__builtin_expect(!(cond), 0))                                             \
			panic("assertion failed: %s, %s:%d", #cond, __FILE__, __LINE__);      \
	} while (0)
