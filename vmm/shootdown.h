#pragma once
/*
 * The shoot-down of nested tables (SDM 3C 29.4.3, APM 2 15.16): mappings of a living partition have
 * gone, and its vCPUs may be in the guest, on any CPU, with translations from before.
 *
 * Every vCPU is asked, as for anything else, and answers by taking the request: it has then left
 * the guest, and holds no pointer into the guest's memory, which live only from an exit to the next
 * look at requests. Before it enters again it finds that the tables have a new generation, and
 * flushes. One that sleeps is woken for it, so that there is one way for all.
 */
#include "compiler.h"
#include "types.h"

struct partition;

/*
 * When it returns 0, nobody uses a translation or a pointer from before the call. -ETIMEDOUT: a
 * vCPU did not run for seconds, since others have the CPUs; then nothing is certain. p->lock is
 * held; thread context, but not of the partition's own vCPUs.
 */
MUST_CHECK int partition_shootdown(struct partition *p);
/*
 * Frees the partition's frames that hold only zeros (mm/reclaim.h). -EBUSY: it does not run;
 * -ETIMEDOUT as above. *freed is in bytes, also of what came before an error. Thread context, but
 * not of the partition's own vCPUs.
 */
MUST_CHECK int partition_reclaim(struct partition *p, u64 *freed);
