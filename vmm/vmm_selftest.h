#pragma once
#include "types.h"

struct partition;

/* Adds the cases of the partition's life to the kernel's self-test. From vmm_init(). */
void vmm_selftest_register(void);
/* Those with several vCPUs: vcpu_selftest.c. */
void vcpu_selftest_register(void);
/* Guests whose memory is taken away under them: shootdown_selftest.c. */
void shootdown_selftest_register(void);
/* Threads of all kinds while a partition comes and goes: stress_selftest.c. */
void stress_selftest_register(void);

/*
 * A partition of 4 MiB that boots these bytes, at 0000:7C00 in real mode; made once, and kept for
 * the cases that follow. NULL: no memory.
 */
struct partition *selftest_partition(const char *name, const u8 *code, size_t size, unsigned vcpus);

/* The same with one that does nothing but count at COUNTER. */
struct partition *selftest_busy_partition(const char *name);

#define COUNTER 0x9000u /* where guests count, 32 bits */
#define LONG_MS 10000	/* what only a hang takes */

u32 selftest_counter(struct partition *p);
/* Waits until the guest's counter is no more what it was. False: it stays. */
bool selftest_counts_on(struct partition *p, u32 from);
