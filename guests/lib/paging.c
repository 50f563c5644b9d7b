/* See paging.h. The tables of the one-to-one map are start.asm's. */
#include "paging.h"

#define PDE_TABLE 3

extern u64 pd[4 * 512];
extern char guest_end[];

static u64 window_table[WINDOW_PAGES] __attribute__((aligned(4096)));

void window_init(void)
{
	pd[WINDOW >> 21] = (u64)window_table | PDE_TABLE;
	window_flush();
}

void window_flush(void)
{
	write_cr3(read_cr3());
}

void *window_map(u32 page, u64 pte)
{
	void *address = phys(WINDOW + page * PAGE_SIZE);

	window_table[page] = pte;
	invlpg(address);
	return address;
}

/*
 * From the top of memory downwards. The highest 2 MiB are left alone: loaders like to put their
 * own things there.
 */
u64 cold_memory(u32 nth)
{
	u64 at = (memory_top() & ~(2 * MIB - 1)) - (nth + 2) * 2 * MIB;

	return at > (u64)guest_end + 8 * MIB && at < WINDOW ? at : 0;
}
