/* A machine whose RAM is the arena, and the real frame allocator over it. */
#include <string.h>

#include "kernel/machine.h"
#include "mm/frame.h"
#include "tests/unit/stubs/arena.h"

void arena_frames(u64 end, bool dirty)
{
	static struct machine m;

	arena_reset();
	if (dirty)
		memset(phys_to_virt(0), 0xa5, end);
	memset(&m, 0, sizeof(m));
	m.region_count = 1;
	m.region[0] = (struct machine_region){ .base = 0, .size = end, .type = 1 };
	frame_init(&m);
}
