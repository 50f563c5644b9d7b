#pragma once
/* Between smp.c and smp_tsc.c: what the boot CPU and the one that it starts say to each other. */
#include "compiler.h"
#include "types.h"

/* What the one that starts does for the boot CPU, and then waits for the next order. */
enum ap_order {
	AP_ORDER_NONE,
	AP_ORDER_READ_TSC, /* value = its TSC */
	AP_ORDER_MOVE_TSC, /* its TSC += value, if it can be set */
	AP_ORDER_GO,	   /* run threads; the last one */
};

/* Gives an order and waits until it is carried out. False: no answer in time. */
MUST_CHECK bool ap_order(enum ap_order order, s64 *value);

/* The TSC, not before what comes before and not after what comes behind. SDM 2B RDTSC. */
static inline u64 tsc_ordered(void)
{
	u32 low, high;

	__asm__ volatile("lfence; rdtsc; lfence" : "=a"(low), "=d"(high) : : "memory");
	return (u64)high << 32 | low;
}

/* Boot CPU: makes the other's TSC the same as ours. False, with the reason, when it cannot. */
MUST_CHECK bool tsc_synchronise(char *why, size_t size);
/* The other CPU. */
void tsc_move(s64 ticks);
