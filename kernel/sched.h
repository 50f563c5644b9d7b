#pragma once
/* Structures of the scheduler that struct cpu contains; the functions are in kernel/thread.h. */
#include "lib/list.h"
#include "lib/spinlock.h"
#include "types.h"

#define PRIORITIES 8
#define PRIO_IDLE 0 /* the idle thread alone */
#define PRIO_VCPU 3
#define PRIO_KERNEL 5 /* monitor, reaper */
#define PRIO_HIGH 6

struct cpu;
struct thread;
struct timer;

struct run_queue {
	struct spinlock lock; /* protects the rest, cpu->current and the states of the CPU's
				 threads; taken with interrupts off */
	struct list ready[PRIORITIES];
	u32 ready_mask; /* bit n: ready[n] is not empty */
	u64 switches;
	struct thread *left; /* whom the latest switch left; the CPU's own */
};

struct timer_queue {
	struct spinlock lock;  /* protects the rest; taken with interrupts off */
	struct list armed;     /* struct timer, soonest first */
	struct timer *running; /* whose function is being called */
	u64 programmed_ns;     /* what the hardware will fire for; TIMER_NEVER: nothing */
};

#define TIMER_NEVER UINT64_MAX
#define SCHED_SLICE_NS (10 * NS_PER_MS)

/* When the running thread's slice ends, if another of its priority is ready; else TIMER_NEVER. */
u64 sched_slice_deadline(const struct cpu *cpu);
/* Asks for a switch when that time is over. From the timer's interrupt. */
void sched_slice_check(struct cpu *cpu);

/* For wait queues: makes a blocked thread ready. Interrupts off; then sched_resched_point(). */
void sched_make_ready(struct thread *t);
/* Switches now, or at the next occasion, when sched_make_ready() woke a higher priority. */
void sched_resched_point(void);
/* Gives the CPU away; a thread that is not RUNNING stays off until made ready. Interrupts off. */
void sched_switch(void);
/* The first thing that runs after a switch, in the thread that was entered. Interrupts off. */
void sched_finish_switch(void);
