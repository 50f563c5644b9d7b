/* The monitor's command `cpus`: what each processor does, and how busy it has been. */
#include "kernel/cpu.h"
#include "kernel/monitor.h"
#include "kernel/terminal.h"
#include "kernel/thread.h"
#include "kernel/timer.h"
#include "lib/string.h"
#include "x86/insn.h"

/* At the last call; 0 before it, so that the first one tells of all the time that it is there. */
static struct {
	u64 time_ns, idle_ns;
} last[CPUS_MAX];

/* Another CPU may be changing both fields: the sum is then off by what has just passed. */
static u64 idle_until(const struct cpu *cpu, u64 now)
{
	u64 since = READ_ONCE(cpu->idle_since_ns), idle = READ_ONCE(cpu->idle_ns);

	return since && since < now ? idle + now - since : idle;
}

static unsigned load_percent(const struct cpu *cpu, u64 now)
{
	u64 time = now - MAX(last[cpu->id].time_ns, cpu->online_since_ns);
	u64 idle = idle_until(cpu, now);
	u64 idle_since_last = idle - MIN(idle, last[cpu->id].idle_ns);

	last[cpu->id].time_ns = now;
	last[cpu->id].idle_ns = idle;
	return time ? (unsigned)(100 - 100 * MIN(idle_since_last, time) / time) : 0;
}

/* Who runs there; the lock keeps it from going, and its name with it. */
static void copy_current(struct cpu *cpu, char *name, size_t size)
{
	u64 flags = spin_lock_irq(&cpu->run_queue.lock);

	str_copy(name, cpu->current == cpu->idle ? "idle" : cpu->current->name, size);
	spin_unlock_irq(&cpu->run_queue.lock, flags);
}

void monitor_cpus(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	terminal_printf("%3s %4s  %-20s %5s %10s %10s %8s %8s %8s\n", "CPU", "APIC", "RUNS", "LOAD",
			"SWITCHES", "INTERRUPTS", "TIMER", "IPIS", "NMIS");
	for (unsigned i = 0; i < cpu_count; i++) {
		struct cpu *cpu = cpus[i];
		char name[21];

		copy_current(cpu, name, sizeof(name));
		terminal_printf("%3u %4u  %-20s %4u%% %10lu %10lu %8lu %8lu %8lu\n", cpu->id,
				cpu->apic_id, name, load_percent(cpu, clock_now_ns()),
				READ_ONCE(cpu->run_queue.switches), READ_ONCE(cpu->interrupts),
				READ_ONCE(cpu->timer_interrupts), READ_ONCE(cpu->ipis),
				READ_ONCE(cpu->nmis));
	}
}
