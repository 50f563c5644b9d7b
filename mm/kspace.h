#pragma once
/* The kernel's address space: direct map, image with W^X, device windows, guarded stacks. */
#include "compiler.h"
#include "types.h"

struct machine;

#define KERNEL_BASE 0xffffffff80000000ull /* the image: physical = virtual - KERNEL_BASE */
#define DEVICE_MAP 0xffffc00000000000ull  /* device windows */
#define STACK_MAP 0xffffd00000000000ull	  /* stacks, each above an unmapped guard area */
#define KERNEL_STACK_SIZE (16 * 1024ull)

/*
 * Builds the final tables, switches to them, and gives the allocator the memory above 4 GiB. After
 * frame_init; panics when memory is short. The direct map then holds RAM, ACPI tables and the first
 * MiB, writable and not executable; what else the firmware reserved is not in it (it may be device
 * memory, which must not be mapped cached): kspace_map_firmware() reaches it. Nothing is mapped at
 * low addresses any more.
 */
void kspace_init(const struct machine *m);
/* The tables' root, for CR3 of another processor. Constant after kspace_init. */
hpa_t kspace_root(void);
/*
 * Maps device registers uncached; any alignment. NULL when out of memory. Not before kspace_init.
 * Any context; so are the functions below, but for kspace_unmap().
 */
MUST_CHECK void *kspace_map_device(hpa_t pa, u64 size);
/*
 * Tables that firmware left in memory, wherever that is: cached, for reading only. The direct map's
 * address where that has it. NULL when out of memory.
 */
MUST_CHECK const void *kspace_map_firmware(hpa_t pa, u64 size);
/*
 * Takes a window of the two functions above away again; what lies in the direct map stays. No
 * processor can use it any more on return, and its address does not come again. Thread context,
 * interrupts on, no spinlock held.
 */
void kspace_unmap(const void *window, u64 size);
/* What takes a range of kernel addresses out of every processor's TLB. Before the first unmap. */
void kspace_set_flush(void (*flush)(u64 va, u64 size));
/* The top of a new stack (16-byte aligned), NULL when out of memory. */
MUST_CHECK void *kspace_alloc_stack(void);
/* Kept for the next kspace_alloc_stack: unmapping it would need a flush on every processor. */
void kspace_free_stack(void *top);
/* True when the address lies in a guard page: the fault handler then says "stack overflow". */
bool kspace_is_guard(u64 va);
/* For self-tests: NULL, or what contradicts the above (W^X, executable outside the text). */
const char *kspace_check(void);
