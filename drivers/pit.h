#pragma once
/*
 * The PIT, the one clock of known frequency that every PC has: channel 2 to measure with, channel 0
 * for the watchdog. Intel 8254 data sheet.
 */
#include "types.h"

#define PIT_HZ 1193182ull

/* Starts channel 2 counting down from 65535 (gate by port 61h, speaker off), once. */
void pit_start(void);
/* Its count now. */
u16 pit_read(void);

/* Channel 0: a pulse on ISA interrupt 0, hz times a second (19 or more), until pit_off(). */
void pit_periodic(unsigned hz);
void pit_off(void);
