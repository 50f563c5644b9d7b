#pragma once
/*
 * Guest memory for tests of loaders: mm/gmem.h over a flat array, and a load request to fill. Reads
 * and writes outside the partition's RAM fail as in the kernel.
 */
#include "mm/gmem.h"
#include "vmm/load/load.h"

/* All memory zero; RAM as load_layout() maps it, holes below 1 MiB included. */
void guestmem_reset(u64 memory);
/* Where a guest-physical address is for the test. */
u8 *guestmem(gpa_t gpa);
u16 guestmem_u16(gpa_t gpa);
u32 guestmem_u32(gpa_t gpa);
u64 guestmem_u64(gpa_t gpa);
/* Transfers succeed this many times and then give -ENOMEM; -1: always. */
void guestmem_fail_after(long transfers);

/* A request for a kernel of these bytes, with a layout, and memory reset. */
void guestmem_request(struct load_request *req, u64 memory, const void *kernel, u64 size);
/* load_image(); on failure checks that there is a message which names the kernel. */
int guestmem_load(const struct load_request *req, struct load_entry *entry);
extern char guestmem_message[LOAD_MESSAGE];

/*
 * Loads every truncation of an image, and many random changes of it. Nothing may crash; what is
 * accepted must be consistent. The copy has its exact size, so that reading too far is seen.
 */
void guestmem_torture(const struct load_request *req, unsigned mutations, u64 mutable_size);
