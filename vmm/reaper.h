#pragma once
/*
 * The thread that takes ended partitions apart, restarts them, and powers the machine off when
 * idle.
 */
#include "compiler.h"
#include "types.h"
MUST_CHECK int partition_reaper_start(bool poweroff_idle);
/* Something changed that the reaper should look at. */
void partition_reaper_poke(void);
