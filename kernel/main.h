#pragma once
#include "compiler.h"

/* Where boot/ hands over: struct machine holds what the loader said; temporary tables, no traps yet. */
NORETURN void kernel_main(void);
