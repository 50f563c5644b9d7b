#pragma once
/*
 * One-shot timers on the CPU's local APIC (or TSC deadline). No periodic tick: the APIC is
 * programmed for the soonest timer or the end of the running thread's slice when another is ready
 * at its priority.
 */
#include "lib/list.h"
#include "types.h"

struct cpu;

struct timer {
	struct list node;
	u64 deadline_ns;
	bool armed;
	struct cpu *cpu;
	void (*fn)(struct timer *t); /* interrupt context, interrupts off; may not arm it again */
	void *ctx;
};

/* Nanoseconds since the kernel's start, from the TSC; monotonic. Any context. */
u64 clock_now_ns(void);
u64 clock_tsc_to_ns(u64 ticks);
u64 clock_ns_to_tsc(u64 ns);
/* Seconds since 1970 by the machine's CMOS clock read at boot, advanced by clock_now_ns(). */
u64 clock_wall_seconds(void);
/* Measures the TSC and the local APIC timer against the PIT (2 ms). Once, before timers. */
void clock_init(void);
/* Ticks of the local APIC timer, at least 1 and at most what its counter holds. */
u32 clock_ns_to_lapic(u64 ns);

void timer_init(struct timer *t, void (*fn)(struct timer *t), void *ctx);
/* Arms (again) on this CPU. A deadline in the past fires at once, by interrupt. Any context. */
void timer_arm(struct timer *t, u64 deadline_ns);
/*
 * After it returns the function does not run any more, and will not: if it just does on another
 * CPU this waits. Any context, but no lock held that the function takes.
 */
void timer_cancel(struct timer *t);
/* Lists and vector of the boot CPU; after clock_init(). */
void timer_setup(void);
/* Programs the hardware for the soonest of timers and slice end. Interrupts off. */
void timer_program(struct cpu *cpu);
/* From the APIC timer's interrupt. */
void timer_interrupt(void);
