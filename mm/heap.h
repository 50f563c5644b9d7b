#pragma once
/*
 * The kernel heap: size classes up to half a page, whole frame blocks above (to 4 MiB, in powers of
 * two). Memory comes zeroed. Frames go back as soon as nothing in them is used.
 */
#include "compiler.h"
#include "types.h"

/* 16-byte aligned (from 4 KiB up page aligned), zeroed; NULL without memory. Any context. */
MUST_CHECK void *heap_alloc(size_t size);
/*
 * NULL is allowed. Anything else that heap_alloc did not return, or a second free, panics. Any
 * context.
 */
void heap_free(void *p);
u64 heap_used(void); /* bytes handed out, rounded to their classes */
