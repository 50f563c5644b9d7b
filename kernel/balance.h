#pragma once
/*
 * On which CPU a thread runs. It goes to a CPU that is idle when it wakes; a CPU that becomes idle
 * takes one that waits elsewhere; and at the end of a turn the thread that was running goes to a
 * CPU that has less to do, if only by one: so three busy vCPUs on two CPUs get two thirds each.
 */
#include "kernel/cpu.h"
#include "kernel/policy.h"
#include "kernel/smp.h"
#include "kernel/thread.h"

static inline u64 balance_weight(const struct thread *t)
{
	return sched_policy->weighted ? t->sched.params.weight : 1;
}

static inline bool balance_may_use(const struct thread *t, const struct cpu *cpu)
{
	return t->sched.params.cpus & BIT(cpu->id);
}

/* The CPU for a thread that wakes or starts. The lock of its home is held. */
struct cpu *balance_place(const struct thread *t);
/* The vCPU's thread, just queued, may have to wait there: an idle CPU is told to take it. */
void balance_offer(const struct thread *t);
/* The CPU has nothing to do. True: a thread is in its queue now. Interrupts off. */
bool balance_pull(struct cpu *cpu);
/* A turn is over on this CPU. Interrupts off. */
void balance_push(struct cpu *cpu);
/* Makes t, if it is ready, the next guest to run on this CPU. False: it cannot be. */
bool balance_fetch(struct cpu *cpu, struct thread *t);
