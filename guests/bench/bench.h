/* What the files of this guest share: series of measurements. */
#ifndef GUEST_BENCH_H
#define GUEST_BENCH_H

#include "irq.h"
#include "trap.h"

struct series {
	u64 min, sum, count;
};

extern u64 overhead, rounds;

void series_add(struct series *s, u64 value);
void series_print(const struct series *s, const char *name);

/* A macro, not a function with a pointer: the call would be measured as well. */
#define MEASURE(name, code)                            \
	do {                                           \
		struct series s_ = { 0, 0, 0 };        \
		for (u64 i_ = 0; i_ < rounds; i_++) {  \
			u64 t_ = rdtsc();              \
			code;                          \
			series_add(&s_, rdtsc() - t_); \
		}                                      \
		series_print(&s_, name);               \
	} while (0)

void measure_wake(void); /* wake.c */
void measure_ipi(void);	 /* ipi.c */

#endif
