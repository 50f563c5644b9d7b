/* Physical memory on the build host. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "mm/frame.h"
#include "tests/unit/stubs/arena.h"

static u8 *arena;

static void arena_open(void)
{
	u8 *p;

	/* 1 GiB alignment, so that aligned physical addresses are aligned pointers as well. */
	p = mmap(NULL, ARENA_SIZE + GIB, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED) {
		perror("arena");
		abort();
	}
	arena = (u8 *)ROUND_UP((uintptr_t)p, GIB);
}

void arena_reset(void)
{
	if (!arena)
		arena_open();
	else if (madvise(arena, ARENA_SIZE, MADV_DONTNEED))
		abort();
}

void *phys_to_virt(hpa_t pa)
{
	if (!arena)
		arena_open();
	if (pa >= ARENA_SIZE) {
		fprintf(stderr, "phys_to_virt: %#llx is outside the arena\n",
			(unsigned long long)pa);
		abort();
	}
	return arena + pa;
}

hpa_t virt_to_phys(const void *va)
{
	if (!arena || (const u8 *)va < arena || (const u8 *)va >= arena + ARENA_SIZE) {
		fprintf(stderr, "virt_to_phys: %p is outside the arena\n", va);
		abort();
	}
	return (hpa_t)((const u8 *)va - arena);
}
