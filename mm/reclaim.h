#pragma once
/*
 * Taking memory back from a living partition: frames that hold only zeros. The guest cannot tell,
 * since RAM that it touches for the first time, or again, is zero.
 *
 * A guest may write at any time, so each frame goes in three steps. Its leaf is hidden: whoever
 * touches the page now faults, and gpspace_fault() just shows it again. Then everybody who may
 * still use it from before, a processor by its TLB or the kernel by a pointer, lets go of it. Only
 * now is it certain that nobody writes: if it is still hidden, and still zero, it is freed.
 */
#include "compiler.h"
#include "mm/gpspace.h"
#include "types.h"

/*
 * Frees what it can and says how many bytes that was. let_go(ctx) returns 0 when nobody uses a
 * translation or a pointer of this space from before the call; if it fails, which ends the whole,
 * what was hidden for it is there again. One caller at a time for a space; thread context, may take
 * long.
 */
MUST_CHECK int gpspace_reclaim(struct gpspace *gs, int (*let_go)(void *ctx), void *ctx, u64 *freed);
