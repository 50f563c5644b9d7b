#pragma once
/* Structures of the scheduler that struct cpu contains; the functions are in kernel/thread.h. */
#include "lib/list.h"
#include "lib/spinlock.h"
#include "types.h"

#define PRIORITIES 8
#define PRIO_IDLE 0     /* the idle thread alone */
#define PRIO_VCPU 3
#define PRIO_KERNEL 5   /* monitor, reaper */
#define PRIO_HIGH 6

struct run_queue {
	struct spinlock lock; /* protects the rest; taken with interrupts off */
	struct list ready[PRIORITIES];
	u32 ready_mask;       /* bit n: ready[n] is not empty */
	u64 switches;
};

struct timer_queue {
	struct spinlock lock; /* protects the rest; taken with interrupts off */
	struct list armed;    /* struct timer, soonest first */
};
