#pragma once
/* Several processors: starting them, and having them do something. SDM 3A 8.4, APM 2 16.8. */
#include "compiler.h"
#include "types.h"

struct cpu;

extern u64 cpus_online; /* bit n: CPU n runs threads. Only grows, during smp_start() */
extern u64 cpus_idle;	/* atomic; bit n: CPU n has nothing to do. A hint */

/*
 * Starts the processors of the MADT one after another, at most maxcpus=N in all. One that does not
 * answer, or differs from the boot processor in what the kernel relies on, is reported and left
 * out. Boot CPU, thread context, once.
 */
void smp_start(void);
/*
 * Runs fn in interrupt context on one CPU (on every online one, this one included), and returns
 * when it has run. Thread context, interrupts on, no spinlock held.
 */
void smp_call(struct cpu *cpu, void (*fn)(void *arg), void *arg);
void smp_call_all(void (*fn)(void *arg), void *arg);
/*
 * No processor uses a translation of [va, va+size) from before this call any more. For kernel
 * addresses. As smp_call_all().
 */
void smp_tlb_shootdown(u64 va, u64 size);
