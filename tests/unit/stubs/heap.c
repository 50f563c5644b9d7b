/*
 * The kernel heap on the host's, so that AddressSanitizer sees overruns, leaks and use after free.
 */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "mm/heap.h"
#include "tests/unit/stubs/heap.h"

static u64 used;
static long fail_in = -1;

void heap_fail_after(long allocations)
{
	fail_in = allocations;
}

void *heap_alloc(size_t size)
{
	size_t bytes = size ? size : 1;
	void *p;

	if (fail_in == 0)
		return NULL;
	if (fail_in > 0)
		fail_in--;
	p = aligned_alloc(size >= 4096 ? 4096 : 16, ROUND_UP(bytes, size >= 4096 ? 4096 : 16));
	if (!p)
		return NULL;
	memset(p, 0, bytes);
	used += malloc_usable_size(p);
	return p;
}

void heap_free(void *p)
{
	if (p)
		used -= malloc_usable_size(p);
	free(p);
}

u64 heap_used(void)
{
	return used;
}
