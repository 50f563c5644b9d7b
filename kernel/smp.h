#pragma once
/* Several processors: starting them, and having them do something. SDM 3A 8.4, APM 2 16.8. */
#include "compiler.h"
#include "types.h"

struct cpu;

extern u64 cpus_online; /* bit n: CPU n runs threads. Only grows, during smp_start() */
extern u64 cpus_idle;	/* atomic; bit n: CPU n has nothing to do. A hint */

/* The interrupt of cross-calls. Once, before smp_start() and before interrupts are on. */
void smp_init(void);
/*
 * Starts the processors of the MADT one after another, at most maxcpus=N in all. One that does not
 * answer, or differs from the boot processor in what the kernel relies on, is reported and left
 * out. Thread context, once.
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

/* Sends an interrupt that also gets the CPU out of a guest, whatever the machine. Any context. */
void smp_interrupt(struct cpu *cpu, u8 vector);
/* The same with VECTOR_RESCHED: the CPU leaves the guest, and looks at its run queue. */
void cpu_kick(struct cpu *cpu);
/* Interrupts alone do not end every guest on this machine (vmm/watchdog.c): an NMI must follow. */
extern bool smp_kick_by_nmi;
