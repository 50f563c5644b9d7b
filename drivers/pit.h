#pragma once
#include "types.h"
/* Busy-waits on PIT channel 2 (gate by port 61h) for this many PIT ticks (1193182 Hz), 1..65535. */
void pit_wait(u16 ticks);
/* The machine's CMOS clock as seconds since 1970 (read twice until stable). */
u64 cmos_read_time(void);
