#pragma once
/* The VMM as the kernel's main() sees it. */
#include "types.h"
/* True once everything that starts by itself has been started or refused. */
bool vmm_all_started(void);
