#pragma once
/*
 * The machine's physical memory as a sequence of spans, in ascending order and without overlaps,
 * whatever the firmware's list looks like: where its entries contradict each other the stricter
 * wins.
 */
#include "compiler.h"
#include "types.h"

struct machine;

enum memmap_kind {
	MEMMAP_HOLE, /* in no entry: devices, or nothing */
	MEMMAP_RAM,  /* ours to use */
	MEMMAP_BOOT, /* RAM with the kernel's image, modules, Multiboot2 information; the first MiB
		      */
	MEMMAP_FIRMWARE, /* reserved, ACPI tables, bad memory */
};

struct memmap_span {
	hpa_t start, end; /* 4 KiB aligned, end exclusive */
	enum memmap_kind kind;
	u32 type; /* the Multiboot2 type of MEMMAP_FIRMWARE */
};

/*
 * Moves on to the span that begins at span->end, which starts as 0. False at the end of memory,
 * where nothing but a hole follows. No side effects, no locks.
 */
bool memmap_next(const struct machine *m, struct memmap_span *span);
/*
 * A page of RAM below 640 KiB that the firmware does not use and GRUB has put nothing into, for
 * code that runs in real mode. HPA_NONE: there is none.
 */
hpa_t memmap_low_page(const struct machine *m);
