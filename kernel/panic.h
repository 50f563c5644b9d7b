#pragma once
#include "compiler.h"
#include "types.h"
/*
 * For bugs of our own, never for anything a guest does: prints the reason, registers and a
 * symbolised backtrace on COM1 and VGA by polling, stops the other processors, and halts (or powers
 * off with the kernel option poweroff=idle, so that a test ends).
 */
NORETURN PRINTF(1, 2) void panic(const char *fmt, ...);

/* The two halves of it, for the exception dump: log lines between them come out at once. */
void panic_begin(void);
NORETURN void panic_end(void);
/* True once another processor is in panic_begin(): this one stops at the NMI that it sends. */
bool panic_elsewhere(void);
/* Logs the chain of callers; rip may be 0 to begin with the frame's return address. */
void panic_backtrace(u64 rip, u64 rbp);

#define ASSERT(cond)                                                                     \
	do {                                                                             \
		if (__builtin_expect(!(cond), 0))                                        \
			panic("assertion failed: %s, %s:%d", #cond, __FILE__, __LINE__); \
	} while (0)
