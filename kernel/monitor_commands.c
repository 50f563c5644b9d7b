/* What the monitor can do. Output goes to the terminal, never to the log. */
#include "drivers/acpi.h"
#include "error.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/machine.h"
#include "kernel/monitor.h"
#include "kernel/sched.h"
#include "kernel/terminal.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "vmm/cpuid.h"
#include "vmm/partition.h"
#include "vmm/run.h"
#include "vmm/shootdown.h"

/* The partition that a command names; says so when there is none. */
static struct partition *named(int argc, char **argv)
{
	struct partition *p;

	if (argc != 2) {
		terminal_printf("usage: %s NAME\n", argv[0]);
		return NULL;
	}
	p = partition_find(argv[1]);
	if (!p)
		terminal_printf("%s: no such partition; \"ls\" lists them\n", argv[1]);
	return p;
}

static void command_help(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	for (const struct monitor_command *c = monitor_commands; c->name; c++)
		terminal_printf("  %-8s %-12s %s\n", c->name, c->args, c->help);
	terminal_printf("Ctrl-] goes to the attached partition and back. Tab completes.\n");
}

static u64 run_ms(const struct thread *t)
{
	u64 flags = x86_irq_save(), ns;
	struct run_queue *rq = sched_lock(t);

	ns = sched_run_ns(t);
	spin_unlock_raw(&rq->lock);
	x86_irq_restore(flags);
	return ns / NS_PER_MS;
}

static u64 partition_run_ms(const struct partition *p)
{
	u64 sum = 0;

	for (unsigned i = 0; i < p->vcpu_count; i++)
		sum += run_ms(p->vcpu[i]->thread);
	return sum;
}

static void command_ls(int argc, char **argv)
{
	struct partition *p;

	(void)argc;
	(void)argv;
	terminal_printf("%-16s %-9s %5s %8s %9s %12s  %s\n", "NAME", "STATE", "VCPUS", "MEMORY",
			"RUN MS", "EXITS", "CONSOLE");
	list_for_each(p, &partitions, node) {
		mutex_lock(&p->lock); /* the vCPUs must not go while we look */
		terminal_printf("%-16s %-9s %5u %7luM %9lu %12lu  %lu bytes%s\n", p->config.name,
				partition_state_name(p), p->config.vcpus,
				(u64)(p->config.memory / MIB), partition_run_ms(p),
				partition_exits(p), p->console.written,
				terminal_attached() == &p->console ? ", attached" : "");
		mutex_unlock(&p->lock);
	}
}

static void command_console(int argc, char **argv)
{
	struct partition *p = named(argc, argv);

	if (!p)
		return;
	terminal_printf("[%s: Ctrl-] for the monitor]\n", p->config.name);
	terminal_attach(&p->console);
}

static void command_start(int argc, char **argv)
{
	struct partition *p = named(argc, argv);
	int r;

	if (!p)
		return;
	r = partition_start(p);
	if (r == -EBUSY)
		terminal_printf("%s is %s\n", p->config.name, partition_state_name(p));
	else if (r)
		terminal_printf("%s could not be started: see the log\n", p->config.name);
	else
		terminal_printf("%s started\n", p->config.name);
}

static bool running(const struct partition *p)
{
	if (p && p->state == PARTITION_RUNNING)
		return true;
	if (p)
		terminal_printf("%s is %s\n", p->config.name, partition_state_name(p));
	return false;
}

static void command_stop(int argc, char **argv)
{
	struct partition *p = named(argc, argv);

	/*
	 * Also one that is just starting again: a guest that resets itself all the time must not
	 * escape.
	 */
	if (p && p->state != PARTITION_STOPPED)
		partition_stop(p, STOP_KILLED);
	else
		running(p); /* says what it is instead */
}

static void command_reset(int argc, char **argv)
{
	struct partition *p = named(argc, argv);

	if (running(p))
		partition_reset(p);
}

static void command_reclaim(int argc, char **argv)
{
	struct partition *p = named(argc, argv);
	u64 freed;
	int r;

	if (!running(p))
		return;
	r = partition_reclaim(p, &freed);
	if (r == -EBUSY && !running(p))
		return; /* it has just ended */
	if (r == -ETIMEDOUT)
		terminal_printf("%s: a vCPU has not run for seconds, others have its CPU; try "
				"again later\n",
				p->config.name);
	terminal_printf("%s: %lu KiB of zeros taken back, %lu KiB populated\n", p->config.name,
			freed / 1024, p->space.populated / 1024);
}

static void command_info(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	terminal_printf("processor  %s (%s), %u of %u CPUs in use\n", cpu_features.brand,
			cpu_features.vendor, cpu_count, machine.cpu_count);
	terminal_printf("TSC        %lu kHz%s\n", machine.tsc_khz,
			cpu_features.invariant_tsc ? ", invariant" : "");
	terminal_printf("engine     %s, nested tables: %s\n", backend ? backend->name : "none",
			backend ? backend->format->name : "-");
	terminal_printf("features  %s%s%s%s\n", cpu_features.xsave ? " xsave" : "",
			cpu_features.x2apic ? " x2apic" : "",
			cpu_features.tsc_deadline ? " tsc-deadline" : "",
			cpu_features.pages_1g ? " 1g-pages" : "");
	terminal_printf("xcr0       %#lx, %u bytes of extended state\n",
			cpu_features.xcr0_supported, cpu_features.xsave_size);
	terminal_printf("memory     %llu MiB usable, %llu MiB free, %lu KiB of heap in use\n",
			frame_count_total() * FRAME_SIZE / MIB,
			frame_count(OWNER_FREE) * FRAME_SIZE / MIB, heap_used() / 1024);
	terminal_printf("loader     %s, command line: %s\n", machine.loader, machine.cmdline);
	for (unsigned i = 0; i < machine.module_count; i++)
		terminal_printf("module     %s, %lu bytes\n", machine.module[i].name,
				machine.module[i].size);
}

static void print_strays(const struct partition *p)
{
	terminal_printf("stray ports %lu (last %#lx), stray memory %lu (last %#lx)\n",
			p->bus.stray_ports, p->bus.last_stray_port, p->bus.stray_memory,
			p->bus.last_stray_memory);
	for (unsigned i = 0; i < p->vcpu_count; i++) {
		const struct vcpu *v = p->vcpu[i];
		u32 leaf;
		u64 leaves = cpuid_unknown(v, &leaf);

		if (v->unknown_msrs || leaves)
			terminal_printf(
			    "vcpu %u: unknown msrs %lu (last %#lx), cpuid leaves %lu (last %#x)\n",
			    i, v->unknown_msrs, v->last_unknown_msr, leaves, leaf);
	}
}

/* The partition's lock is held: its vCPUs stay. */
static void print_vcpus(const struct partition *p)
{
	if (p->vcpu_count)
		terminal_printf("%4s %-9s %3s %8s %9s %6s %9s %10s %9s  %s\n", "VCPU", "STATE",
				"CPU", "RUN MS", "SWITCHES", "MOVES", "WAKES", "EXITS", "EVENTS",
				"PAUSES");
	for (unsigned i = 0; i < p->vcpu_count; i++) {
		const struct vcpu *v = p->vcpu[i];
		const struct thread *t = v->thread;

		terminal_printf("%4u %-9s %3u %8lu %9lu %6lu %9lu %10lu %9lu  %lu+%lu\n", i,
				vcpu_state_name(v), READ_ONCE(t->home)->id, run_ms(t), t->switches,
				t->migrations, t->wakeups, vcpu_exits(v), v->injected,
				v->pause.useful, v->pause.useless);
	}
}

static void command_stats(int argc, char **argv)
{
	struct partition *p = named(argc, argv);

	if (!p)
		return;
	terminal_printf("%s: %s, %lu starts, %lu resets, %lu KiB populated\n", p->config.name,
			partition_state_name(p), p->starts, p->resets, p->space.populated / 1024);
	mutex_lock(&p->lock);
	for (unsigned r = 0; r < VM_EXIT_REASONS; r++) {
		u64 n = partition_exits_by(p, r);

		if (n)
			terminal_printf("  %-18s %12lu\n", vm_exit_name(r), n);
	}
	print_vcpus(p);
	print_strays(p);
	mutex_unlock(&p->lock);
}

static void print_terminal(const char *fmt, ...)
{
	char line[160];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	terminal_printf("%s\n", line);
}

/* NAME or NAME.VCPU */
static void command_regs(int argc, char **argv)
{
	char *dot = argc == 2 ? strchr(argv[1], '.') : NULL;
	struct partition *p;
	u64 id = 0;

	if (dot)
		*dot = '\0';
	p = named(argc, argv);
	if (!running(p))
		return;
	if (dot && str_to_u64(dot + 1, &id) != 0)
		id = VCPUS_MAX;
	mutex_lock(&p->lock);
	if (id < p->vcpu_count)
		vcpu_dump(p->vcpu[id], print_terminal);
	else
		terminal_printf("%s has vCPUs 0 to %u\n", p->config.name, p->config.vcpus - 1);
	mutex_unlock(&p->lock);
}

static void print_log_line(u64 time_ns, enum log_level level, const char *text, void *ctx)
{
	static const char *const names[] = { "error: ", "warning: ", "", "debug: ", "" };

	(void)ctx;
	terminal_printf("[%6lu.%06lu] %s%s\n", (u64)(time_ns / NS_PER_SEC),
			(u64)(time_ns % NS_PER_SEC / NS_PER_US), names[level], text);
}

static void command_log(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	log_for_each(print_log_line, NULL);
}

static void command_poweroff(int argc, char **argv)
{
	struct partition *p;

	(void)argc;
	(void)argv;
	list_for_each(p, &partitions, node) {
		if (p->state == PARTITION_RUNNING)
			partition_stop(p, STOP_KILLED);
	}
	log_info("power off");
	terminal_drain();
	acpi_power_off();
}

const struct monitor_command monitor_commands[] = {
	{ "help", "", "this list", command_help },
	{ "ls", "", "partitions: state, vCPUs, memory, exits, console", command_ls },
	{ "console", "NAME", "attach the terminal to a partition's console", command_console },
	{ "start", "NAME", "start a stopped partition", command_start },
	{ "stop", "NAME", "stop a partition at once", command_stop },
	{ "reset", "NAME", "restart a partition, as its reset button would", command_reset },
	{ "reclaim", "NAME", "take back memory that holds only zeros", command_reclaim },
	{ "cpus", "", "processors: what each runs, its load since the last cpus", monitor_cpus },
	{ "info", "", "processor, vendor, features, memory, modules", command_info },
	{ "stats", "NAME", "exits by reason, and what nobody answered", command_stats },
	{ "sched", "", "the policy, and how much each vCPU has run", monitor_sched },
	{ "regs", "NAME[.VCPU]", "registers, the last exit, the bytes at RIP", command_regs },
	{ "log", "", "the kernel's log", command_log },
	{ "poweroff", "", "stop everything and power the machine off", command_poweroff },
	{ NULL, NULL, NULL, NULL },
};

void monitor_complete(const char *word, int first_word, void (*fn)(const char *name, void *ctx),
		      void *ctx)
{
	struct partition *p;

	if (first_word) {
		for (const struct monitor_command *c = monitor_commands; c->name; c++) {
			if (str_starts(c->name, word))
				fn(c->name, ctx);
		}
		return;
	}
	list_for_each(p, &partitions, node) {
		if (str_starts(p->config.name, word))
			fn(p->config.name, ctx);
	}
}
