/*
 * Pages of 4 KiB in a window of virtual memory, to be pointed anywhere: at two frames that do not
 * touch, at a device, at nothing. The window lies below 2 GiB, so that every way to address
 * memory (RIP-relative, 32-bit displacement) reaches it; guests have less memory than that.
 */
#ifndef GUEST_PAGING_H
#define GUEST_PAGING_H

#include "lib.h"

#define WINDOW 0x40000000ul
#define WINDOW_PAGES 512

#define PTE_PRESENT (1ull << 0)
#define PTE_WRITE (1ull << 1)
#define PTE_UNCACHED (3ull << 3)
#define PTE_NX (1ull << 63)

void window_init(void);
/* On a processor that has used the window: forgets all of it. */
void window_flush(void);
void *window_map(u32 page, u64 pte);

/* The start of a 2 MiB page of memory nothing has touched yet, or 0; `nth` counts from 0. */
u64 cold_memory(u32 nth);

#endif
