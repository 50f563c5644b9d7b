#pragma once
/*
 * The physical memory of unit tests: a lazily backed arena of ARENA_SIZE bytes, physical address 0
 * at its start. phys_to_virt() and virt_to_phys() of mm/frame.h lead into and out of it.
 */
#include "types.h"

#define ARENA_SIZE (16 * GIB)

/* All memory reads as zero again. */
void arena_reset(void);

/*
 * A machine with RAM from 1 MiB to the given end, ready to allocate from
 * (tests/unit/stubs/frames.c; needs mm/frame.c). Memory is filled with a pattern where `dirty` says
 * so, so that code which forgets to clear a frame is seen; keep `end` small then.
 */
void arena_frames(u64 end, bool dirty);
