#pragma once
/*
 * Tests that run inside the kernel when it is given the option "selftest". They print KTAP (the
 * Linux kernel's Documentation/dev-tools/ktap.rst) on the console, in a thread of their own.
 */
#include "compiler.h"
#include "types.h"

struct selftest {
	char reason[160]; /* why it failed or was skipped */
};

#define SELFTEST_OK 0
#define SELFTEST_FAILED (-1)
#define SELFTEST_SKIPPED 1

struct selftest_case {
	const char *name;
	int (*fn)(struct selftest *t); /* one of the three above */
};

/* Adds a table of cases, which must stay. From the subsystem's init function, before they run. */
void selftest_add(const struct selftest_case *cases, unsigned count);
/*
 * What runs instead of the tests with selftest=bench: counts instructions by the TSC, and prints
 * each result with selftest_bench_line().
 */
void selftest_bench_add(void (*fn)(void));
void selftest_bench_line(const char *name, u64 min, u64 average);
/* Starts the thread that runs them all; afterwards it powers off when poweroff=idle is given. */
void selftest_start(void);

/* Sets the reason, for SELFTEST_EXPECT and for what needs more words. */
void selftest_reason(struct selftest *t, const char *fmt, ...) PRINTF(2, 3);

/* Ends the test as failed when the condition does not hold. */
#define SELFTEST_EXPECT(t, cond)                                                    \
	do {                                                                        \
		if (!(cond)) {                                                      \
			selftest_reason(t, "%s:%d: %s", __FILE__, __LINE__, #cond); \
			return SELFTEST_FAILED;                                     \
		}                                                                   \
	} while (0)

#define SELFTEST_SKIP(t, why)                  \
	do {                                   \
		selftest_reason(t, "%s", why); \
		return SELFTEST_SKIPPED;       \
	} while (0)

extern const struct selftest_case selftest_smp_cases[];
extern const unsigned selftest_smp_count;
/* kernel/selftest_bench.c */
void selftest_bench_sched(void);

extern const struct selftest_case selftest_kernel_cases[], selftest_mm_cases[],
    selftest_lockdep_cases[];
extern const unsigned selftest_kernel_count, selftest_mm_count, selftest_lockdep_count;

/* Fails in the way that the option's value names (selftest_crash.c); returns for other values. */
void selftest_crash(const char *how);
