#pragma once
/* What the scheduler is asked before a partition starts. Under the partition's lock. */
#include "compiler.h"
#include "kernel/sched.h"

#define CPU_ANY 0xff

struct partition;

/* -EDQUOT: its budget cannot be guaranteed; logged with the arithmetic. */
MUST_CHECK int admission_enter(struct partition *p);
/* After its end; nothing if it was not admitted. */
void admission_leave(struct partition *p);
/* The parameters of a vCPU's thread, for one that was admitted. */
struct sched_params admission_params(const struct partition *p, unsigned vcpu);
