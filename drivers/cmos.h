#pragma once
#include "types.h"
/* The machine's CMOS clock as seconds since 1970; 0 when there is none. */
u64 cmos_read_time(void);
