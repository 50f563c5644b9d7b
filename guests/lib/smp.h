/*
 * Several processors. smp_init() finds them in the MADT or the MP table, smp_start() brings them
 * up; then each sleeps until it is called. All of it also works on a machine with one.
 *
 *	smp_init();
 *	smp_start();
 *	cpu_call(1, function, argument);	// goes on there, with interrupts off
 *	cpu_wait(1, WAIT_MS);			// until it has returned
 *
 * Only the boot processor, number 0, calls others, prints and checks. TRY() works on one processor
 * at a time. Traps go to the same handlers on all: this_cpu() tells where.
 */
#ifndef GUEST_SMP_H
#define GUEST_SMP_H

#include "irq.h"
#include "lock.h"
#include "pctables.h"

#define CPU_VECTOR_CALL 0xf1 /* wakes a processor that sleeps until it is called */
#define AP_PAGE 8	     /* SIPI vector: the trampoline is at 8000h */

typedef void cpu_function(void *arg);

struct cpu {
	struct cpu *self; /* at GS:0 */
	u32 index, apic_id;
	volatile u32 starts; /* how many times it came up */
	cpu_function *volatile call;
	void *volatile arg;
};

extern struct cpu cpus[CPUS_MAX];
extern u32 cpu_count;

/* If set, an AP calls it as its first C code, before it enables its local APIC. */
extern void (*volatile smp_ap_hook)(void);

/* The processor this runs on. After smp_init(). */
static inline struct cpu *this_cpu(void)
{
	struct cpu *cpu;

	asm volatile("movq %%gs:0, %0" : "=r"(cpu));
	return cpu;
}

static inline u32 cpu_index(void)
{
	return this_cpu()->index;
}

u32 smp_init(void);
bool smp_start(void);

/* INIT, SIPI, SIPI as SDM 3A 9.4.4.1 has it. False: it did not come up. */
bool cpu_start(u32 n);
void cpu_init(u32 n);
void cpu_startup(u32 n, u8 page);
bool cpu_came_up(u32 n, u32 starts);

void cpu_call(u32 n, cpu_function *function, void *arg);
bool cpu_wait(u32 n, u64 ms);
void cpus_call_others(cpu_function *function, void *arg);
bool cpus_wait_others(u64 ms);
/* On every processor at once, this one included; true when all have returned. */
bool cpus_run(cpu_function *function, void *arg, u64 ms);
/* Wakes processors from HLT with interrupts on, and does nothing else. */
void cpus_wake_others(void);

/* Waits with PAUSE until a condition holds; false when the time is up. */
#define WAIT_FOR(condition, ms)                                       \
	({                                                            \
		u64 deadline__ = deadline_in_ms(ms);                  \
		while (!(condition) && rdtsc() < deadline__)          \
			cpu_pause();                                  \
		(bool)(condition); /* the host may have held us up */ \
	})

#endif
