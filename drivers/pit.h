#pragma once
/* PIT channel 2, the one clock of known frequency that every PC has. Intel 8254 data sheet. */
#include "types.h"

#define PIT_HZ 1193182ull

/* Starts channel 2 counting down from 65535 (gate by port 61h, speaker off), once. */
void pit_start(void);
/* Its count now. */
u16 pit_read(void);
