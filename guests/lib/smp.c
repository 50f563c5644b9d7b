/* See smp.h. */
#include "smp.h"

#include "trap.h"

#define STACK_SIZE 4096 /* no processor but the first prints or checks */
#define INIT_MS 10	/* between INIT and SIPI, SDM 3A 9.4.4.1 */
#define SIPI_US 200	/* between the two SIPIs */
#define UP_MS 5000

extern const u8 ap_trampoline[], ap_trampoline_end[];
void ap_main(u32 index);

struct cpu cpus[CPUS_MAX];
u32 cpu_count;
void (*volatile smp_ap_hook)(void);

/* For ap.asm: by APIC ID the number, by number the stack. */
u8 ap_index[256];
u64 ap_stack_tops[CPUS_MAX];

static u8 stacks[CPUS_MAX][STACK_SIZE] __attribute__((aligned(16)));

static void on_call(struct trap_frame *frame)
{
	(void)frame;
	lapic_eoi();
}

/* Sleeps until it is called, runs that with interrupts off, sleeps again. */
static void __attribute__((noreturn)) serve_calls(struct cpu *cpu)
{
	for (;;) {
		irq_off();
		while (!cpu->call) {
			irq_on_and_halt();
			irq_off();
		}
		cpu->call(cpu->arg);
		__atomic_store_n(&cpu->call, NULL, __ATOMIC_RELEASE);
	}
}

void ap_main(u32 index)
{
	struct cpu *cpu = &cpus[index];

	wrmsr(MSR_GS_BASE, (u64)cpu);
	trap_load();
	if (smp_ap_hook)
		smp_ap_hook();
	lapic_enable();
	cpu->call = NULL;
	__atomic_store_n(&cpu->starts, cpu->starts + 1, __ATOMIC_RELEASE);
	serve_calls(cpu);
}

/* The boot processor first, whatever the order of the table. */
static void list_cpus(void)
{
	u8 boot = (u8)(cpuid(1, 0).ebx >> 24);
	struct pc_tables t;

	cpus[0].apic_id = boot;
	cpu_count = 1;
	if (!madt_read(&t) && !mptable_read(&t))
		return;
	for (u32 i = 0; i < t.cpus; i++)
		if (t.apic_id[i] != boot && cpu_count < CPUS_MAX)
			cpus[cpu_count++].apic_id = t.apic_id[i];
}

u32 smp_init(void)
{
	list_cpus();
	for (u32 i = 0; i < cpu_count; i++) {
		cpus[i].self = &cpus[i];
		cpus[i].index = i;
		ap_index[cpus[i].apic_id] = (u8)i;
		ap_stack_tops[i] = (u64)stacks[i] + STACK_SIZE;
	}
	wrmsr(MSR_GS_BASE, (u64)&cpus[0]);
	cpus[0].starts = 1;
	trap_set_handler(CPU_VECTOR_CALL, on_call);
	tsc_per_ms(); /* measured now, by one processor */
	lapic_enable();
	memcpy(phys(AP_PAGE * PAGE_SIZE), ap_trampoline,
	       (size_t)(ap_trampoline_end - ap_trampoline));
	return cpu_count;
}

void cpu_init(u32 n)
{
	lapic_ipi(cpus[n].apic_id, ICR_INIT | ICR_ASSERT);
}

void cpu_startup(u32 n, u8 page)
{
	lapic_ipi(cpus[n].apic_id, ICR_STARTUP | ICR_ASSERT | page);
}

bool cpu_came_up(u32 n, u32 starts)
{
	return WAIT_FOR(cpus[n].starts == starts, UP_MS);
}

bool cpu_start(u32 n)
{
	u32 starts = cpus[n].starts;

	cpu_init(n);
	spin_ms(INIT_MS);
	cpu_startup(n, AP_PAGE);
	spin_us(SIPI_US);
	cpu_startup(n, AP_PAGE);
	return cpu_came_up(n, starts + 1);
}

/* All at once, by the shorthand that leaves out the sender. */
bool smp_start(void)
{
	bool up = true;

	if (cpu_count == 1)
		return true;
	lapic_ipi(0, ICR_OTHERS | ICR_INIT | ICR_ASSERT);
	spin_ms(INIT_MS);
	lapic_ipi(0, ICR_OTHERS | ICR_STARTUP | ICR_ASSERT | AP_PAGE);
	spin_us(SIPI_US);
	lapic_ipi(0, ICR_OTHERS | ICR_STARTUP | ICR_ASSERT | AP_PAGE);
	for (u32 n = 1; n < cpu_count; n++)
		up = cpu_came_up(n, 1) && up;
	return up;
}

void cpu_call(u32 n, cpu_function *function, void *arg)
{
	cpus[n].arg = arg;
	__atomic_store_n(&cpus[n].call, function, __ATOMIC_RELEASE);
	lapic_ipi(cpus[n].apic_id, CPU_VECTOR_CALL);
}

bool cpu_wait(u32 n, u64 ms)
{
	return WAIT_FOR(!__atomic_load_n(&cpus[n].call, __ATOMIC_ACQUIRE), ms);
}

void cpus_call_others(cpu_function *function, void *arg)
{
	for (u32 n = 1; n < cpu_count; n++)
		cpu_call(n, function, arg);
}

bool cpus_wait_others(u64 ms)
{
	bool all = true;

	for (u32 n = 1; n < cpu_count; n++)
		all = cpu_wait(n, ms) && all;
	return all;
}

bool cpus_run(cpu_function *function, void *arg, u64 ms)
{
	cpus_call_others(function, arg);
	function(arg);
	return cpus_wait_others(ms);
}

void cpus_wake_others(void)
{
	for (u32 n = 1; n < cpu_count; n++)
		lapic_ipi(cpus[n].apic_id, CPU_VECTOR_CALL);
}

bool barrier_wait(struct barrier *b, u32 count)
{
	u32 round = b->round;

	if (__atomic_add_fetch(&b->waiting, 1, __ATOMIC_ACQ_REL) == count) {
		b->waiting = 0;
		__atomic_store_n(&b->round, round + 1, __ATOMIC_RELEASE);
		return true;
	}
	return WAIT_FOR(__atomic_load_n(&b->round, __ATOMIC_ACQUIRE) != round, UP_MS);
}
