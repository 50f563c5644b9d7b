#pragma once
#include "compiler.h"

/* boot/ hands over: struct machine holds what the loader said; temporary tables, no traps. */
NORETURN void kernel_main(void);
