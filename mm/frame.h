#pragma once
/*
 * The frame allocator: a buddy system over all usable memory. Every frame has one owner (rule 5 of
 * docs/architecture.md), kept in a table with one entry for each 4 KiB frame.
 */
#include "compiler.h"
#include "types.h"

#define FRAME_SIZE 4096ull
#define FRAME_ORDER_4K 0
#define FRAME_ORDER_2M 9
#define FRAME_ORDER_MAX 10 /* the largest block: 4 MiB */

typedef u16 owner_t;
enum {
	OWNER_FREE,	     /* in the allocator's lists */
	OWNER_NONE,	     /* not memory, or memory that the firmware keeps */
	OWNER_BOOT,	     /* GRUB's modules and information, the kernel's image, the first MiB */
	OWNER_KERNEL,	     /* heap, stacks, kernel page tables, per-CPU data */
	OWNER_PARTITION = 8, /* and up: partition n owns OWNER_PARTITION + n */
	OWNER_COUNT = 1024,  /* the end: take the numbers of dead partitions again */
};

struct machine;

/*
 * Builds the table and the free lists from the machine's memory map; reserved ranges (kernel,
 * modules, multiboot information, the first MiB) never enter the lists. Called once, before
 * anything allocates. Of the direct map it needs the first 4 GiB; memory above stays out until
 * frame_add_high(). The machine is looked at again then.
 */
void frame_init(const struct machine *m);
/* Adds the memory above 4 GiB. kspace_init() calls it when the direct map covers that memory. */
void frame_add_high(void);

/*
 * 2^order frames, aligned to their size, contents undefined. HPA_NONE when there is none.
 * Any context; takes the allocator's lock with interrupts off.
 */
MUST_CHECK hpa_t frame_alloc(unsigned order, owner_t owner);
/* Gives back exactly what frame_alloc returned. A double free or wrong order is our bug: panics. */
void frame_free(hpa_t pa, unsigned order);
/* Splits an allocated block into single frames that may be freed one by one. */
void frame_split(hpa_t pa, unsigned order);

/* OWNER_FREE, OWNER_NONE, or who allocated the frame with this address. Any context. */
owner_t frame_owner(hpa_t pa);
/* Order of the allocated block that begins at pa; panics when none does. */
unsigned frame_order(hpa_t pa);
u64 frame_count(owner_t owner); /* frames (4 KiB) that the owner has; OWNER_FREE counts free ones */
u64 frame_count_total(void);	/* usable frames: all but OWNER_NONE */
/*
 * Proves table, lists and counts against each other; NULL, or what is wrong. Goes through the whole
 * table with interrupts off: for self-tests.
 */
const char *frame_check(void);

/* The direct map: all physical memory at one offset. On the build host tests provide these. */
#define DIRECT_MAP 0xffff800000000000ull
#if __STDC_HOSTED__
void *phys_to_virt(hpa_t pa);
hpa_t virt_to_phys(const void *va);
#else
static inline void *phys_to_virt(hpa_t pa)
{
	return (void *)(DIRECT_MAP + pa);
}
/* Only for pointers into the direct map, which is where heap and frames are. */
static inline hpa_t virt_to_phys(const void *va)
{
	return (u64)va - DIRECT_MAP;
}
#endif
