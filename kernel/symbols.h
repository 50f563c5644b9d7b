#pragma once
/* The kernel's own function names, for backtraces. The table is written by tools/mksymbols. */
#include "types.h"

/* The function that contains the address and the distance into it; NULL when there is none. */
const char *symbol_lookup(u64 address, u64 *offset);
