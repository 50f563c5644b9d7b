#pragma once
/* What the two halves of the policy `budget` share: scheduling and admission. */
#include "kernel/policy.h"
#include "kernel/sched.h"

#define BUDGET_TEXT 48

/* "10ms/100ms", as in a manifest. */
void budget_format(char text[BUDGET_TEXT], u64 budget_ns, u64 period_ns);

MUST_CHECK int budget_admit(const struct sched_params *params, unsigned count, u8 *cpu_of,
			    char *why, size_t size);
void budget_release(const struct sched_params *params, unsigned count, const u8 *cpu_of);
void budget_describe_cpu(unsigned cpu, char *text, size_t size);
