#pragma once
/*
 * Putting a partition together from its configuration, and taking it apart. Under the partition's
 * lock.
 */
#include "compiler.h"
struct partition;
/*
 * Everything but the state: memory, devices, vCPUs, the image. A failure is logged with its reason.
 */
MUST_CHECK int partition_build(struct partition *p);
/* Frees whatever partition_build() made, complete or not, and keeps the statistics. */
void partition_demolish(struct partition *p);
