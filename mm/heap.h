#pragma once
/* The kernel heap: size classes up to a page, whole frame blocks above. Memory comes zeroed. */
#include "compiler.h"
#include "types.h"

/* 16-byte aligned (page aligned from 4 KiB up), zeroed; NULL when there is no memory. Any context. */
MUST_CHECK void *heap_alloc(size_t size);
void heap_free(void *p); /* NULL is allowed */
u64 heap_used(void);     /* bytes handed out, rounded to their classes */
