#pragma once
/* The callers of a function, by the chain of frame pointers. Takes no lock. */
#include "compiler.h"
#include "kernel/log.h"
#include "types.h"

/*
 * Stores at most max return addresses, the innermost first, beginning with that of the frame at
 * rbp, and answers how many. Stops where the chain leaves the stack.
 */
unsigned backtrace_collect(u64 rbp, u64 *callers, unsigned max);
/* One line: the address, and the function that it is in or, if it is a return address, before. */
void backtrace_log(enum log_level level, u64 rip, bool is_return_address);
