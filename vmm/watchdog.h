#pragma once
/* Gets the processor out of guests that interrupts do not end, where there are such. */

/* Switches it on if this machine needs it. After backend_init(), thread context. */
void watchdog_init(void);
