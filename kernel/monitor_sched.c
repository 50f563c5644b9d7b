/* The monitor's command `sched`: the policy, what the CPUs have to do, and every vCPU's thread. */
#include "kernel/cpu.h"
#include "kernel/monitor.h"
#include "kernel/policy.h"
#include "kernel/terminal.h"
#include "kernel/thread.h"
#include "lib/string.h"
#include "mm/heap.h"

#define DETAIL_SIZE 80

/* A copy, since nothing can be printed while the list of all threads is locked. */
struct line {
	char name[sizeof(((struct thread *)0)->name)];
	char detail[DETAIL_SIZE];
	enum thread_state state;
	unsigned cpu;
	u64 run_ns, switches, wakeups, migrations;
};

struct table {
	struct line *line;
	unsigned count, size;
};

static void count_line(const struct thread *t, void *ctx)
{
	struct table *table = ctx;

	table->size += t->guest;
}

static void copy_line(const struct thread *t, void *ctx)
{
	struct table *table = ctx;
	struct run_queue *rq;
	struct line *l;

	if (!t->guest || table->count == table->size)
		return;
	l = &table->line[table->count++];
	rq = sched_lock(t);
	str_copy(l->name, t->name, sizeof(l->name));
	l->state = t->state;
	l->cpu = t->home->id;
	l->run_ns = sched_run_ns(t);
	l->switches = t->switches;
	l->wakeups = t->wakeups;
	l->migrations = t->migrations;
	sched_policy->describe(t, l->detail, sizeof(l->detail));
	spin_unlock_raw(&rq->lock);
}

static void print_cpus(void)
{
	for (unsigned i = 0; i < cpu_count; i++) {
		const struct run_queue *rq = &cpus[i]->run_queue;
		char detail[DETAIL_SIZE] = "";

		if (sched_policy->describe_cpu)
			sched_policy->describe_cpu(i, detail, sizeof(detail));
		terminal_printf("CPU %u: %u vCPUs wait, load %lu, %lu switches%s%s\n", i,
				READ_ONCE(rq->guest_count), READ_ONCE(rq->load),
				READ_ONCE(rq->switches), detail[0] ? ", " : "", detail);
	}
}

static void print_lines(const struct table *table)
{
	static const char *const states[] = { "ready", "running", "blocked", "dead" };

	terminal_printf("%-20s %-7s %3s %12s %9s %9s %7s  %s\n", "VCPU", "STATE", "CPU",
			"RUN TIME us", "SWITCHES", "WAKE-UPS", "MOVES", "POLICY");
	for (unsigned i = 0; i < table->count; i++) {
		const struct line *l = &table->line[i];

		terminal_printf("%-20s %-7s %3u %12lu %9lu %9lu %7lu  %s\n", l->name,
				states[l->state], l->cpu, (u64)(l->run_ns / NS_PER_US), l->switches,
				l->wakeups, l->migrations, l->detail);
	}
}

void monitor_sched(int argc, char **argv)
{
	struct table table = { NULL, 0, 0 };

	(void)argc;
	(void)argv;
	terminal_printf("sched=%s: %s\n", sched_policy->name, sched_policy->summary);
	print_cpus();
	thread_for_each(count_line, &table);
	table.line = heap_alloc(MAX(table.size, 1u) * sizeof(*table.line));
	if (!table.line) {
		terminal_printf("no memory\n");
		return;
	}
	thread_for_each(copy_line, &table);
	print_lines(&table);
	heap_free(table.line);
}
