/* Runs the tables of self-tests and reports in KTAP. */
#include "kernel/selftest.h"
#include "drivers/acpi.h"
#include "kernel/log.h"
#include "kernel/machine.h"
#include "kernel/panic.h"
#include "kernel/sched.h"
#include "kernel/terminal.h"
#include "kernel/thread.h"
#include "lib/format.h"
#include "lib/string.h"

#define TABLES_MAX 16
#define BENCHES_MAX 8

static struct {
	const struct selftest_case *cases;
	unsigned count;
} tables[TABLES_MAX];
static unsigned table_count;

static void (*benches[BENCHES_MAX])(void);
static unsigned bench_count;

void selftest_add(const struct selftest_case *cases, unsigned count)
{
	ASSERT(table_count < TABLES_MAX);
	tables[table_count].cases = cases;
	tables[table_count].count = count;
	table_count++;
}

void selftest_reason(struct selftest *t, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(t->reason, sizeof(t->reason), fmt, args);
	va_end(args);
}

/* True unless it failed. */
static bool run_case(const struct selftest_case *c, unsigned number)
{
	struct selftest t = { .reason = "" };
	int result = c->fn(&t);

	if (result == SELFTEST_SKIPPED)
		terminal_printf("ok %u %s # SKIP %s\n", number, c->name, t.reason);
	else if (result == SELFTEST_OK)
		terminal_printf("ok %u %s\n", number, c->name);
	else
		terminal_printf("not ok %u %s # %s\n", number, c->name, t.reason);
	return result == SELFTEST_OK || result == SELFTEST_SKIPPED;
}

void selftest_bench_add(void (*fn)(void))
{
	ASSERT(bench_count < BENCHES_MAX);
	benches[bench_count++] = fn;
}

/* In the format of guests/bench. */
void selftest_bench_line(const char *name, u64 min, u64 average)
{
	terminal_printf("bench: %s min %lu avg %lu\n", name, min, average);
}

static void run_benches(void)
{
	for (unsigned i = 0; i < bench_count; i++)
		benches[i]();
	terminal_printf("bench: done\n");
}

static void run_all(void *arg)
{
	unsigned total = 0, number = 0, failed = 0;
	char value[16] = "";

	(void)arg;
	thread_set_cpus(BIT(0)); /* kernel threads that the tests make inherit it */
	if (machine_option(&machine, "selftest", value, sizeof(value)))
		selftest_crash(value);
	if (strcmp(value, "bench") == 0) {
		run_benches();
		return;
	}
	for (unsigned i = 0; i < table_count; i++)
		total += tables[i].count;
	terminal_printf("KTAP version 1\n1..%u\n", total);
	for (unsigned i = 0; i < table_count; i++)
		for (unsigned n = 0; n < tables[i].count; n++)
			failed += !run_case(&tables[i].cases[n], ++number);
	terminal_printf("# %u passed, %u failed\n", total - failed, failed);
	if (machine_option(&machine, "poweroff", value, sizeof(value)) &&
	    strcmp(value, "idle") == 0) {
		terminal_drain();
		acpi_power_off();
	}
}

void selftest_start(void)
{
	struct thread *t;

	selftest_add(selftest_mm_cases, selftest_mm_count);
	selftest_add(selftest_kernel_cases, selftest_kernel_count);
	selftest_add(selftest_smp_cases, selftest_smp_count);
	selftest_bench_add(selftest_bench_sched);
	selftest_add(selftest_lockdep_cases, selftest_lockdep_count); /* the last looks back */
	t = thread_create("selftest", run_all, NULL, PRIO_KERNEL);
	if (t)
		thread_detach(t);
	else
		log_error("no memory for the self-tests");
}
