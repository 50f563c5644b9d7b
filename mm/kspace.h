#pragma once
/* The kernel's address space: direct map, image with W^X, device windows, stacks with guard pages. */
#include "compiler.h"
#include "types.h"

struct machine;

#define KERNEL_BASE 0xffffffff80000000ull /* where the image is linked; physical = virtual - KERNEL_BASE */
#define DEVICE_MAP 0xffffc00000000000ull  /* device windows */
#define STACK_MAP 0xffffd00000000000ull   /* stacks, each above an unmapped guard page */
#define KERNEL_STACK_SIZE (16 * 1024ull)

/* Builds the final tables and switches to them. After frame_init and heap; panics when memory is short. */
void kspace_init(const struct machine *m);
/* Maps device registers uncached; any alignment. NULL when out of memory. Windows are never unmapped. */
MUST_CHECK void *kspace_map_device(u64 pa, u64 size);
/* The top of a new stack (16-byte aligned), NULL when out of memory. */
MUST_CHECK void *kspace_alloc_stack(void);
void kspace_free_stack(void *top);
/* True when the address lies in a guard page: the fault handler then says "stack overflow". */
bool kspace_is_guard(u64 va);
