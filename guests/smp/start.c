/* All processors come up, each is who the tables say, and each answers when it is called. */
#include "tests.h"

#define LEAF_TOPOLOGY 0xb

struct identity {
	u32 initial_id, x2apic_id, lapic_id, version, gs_index;
	u64 apic_base, rsp;
};

static struct identity seen[CPUS_MAX];

/* Without the leaf EBX reads 0 (SDM 2A, CPUID). */
static bool has_topology(void)
{
	return cpuid(0, 0).eax >= LEAF_TOPOLOGY && cpuid(LEAF_TOPOLOGY, 0).ebx;
}

static void identify(void *arg)
{
	struct identity *i = &seen[cpu_index()];

	(void)arg;
	i->initial_id = cpuid(1, 0).ebx >> 24;
	i->x2apic_id = has_topology() ? cpuid(LEAF_TOPOLOGY, 0).edx : i->initial_id;
	i->lapic_id = lapic_id();
	i->version = lapic_read(LAPIC_VERSION);
	i->apic_base = rdmsr(MSR_APIC_BASE);
	asm volatile("movq %%rsp, %0" : "=r"(i->rsp));
}

static void check_one(u32 n)
{
	const struct identity *i = &seen[n];
	u64 base = LAPIC_BASE | APIC_BASE_EN | (n == 0 ? APIC_BASE_BSP : 0);

	check(i->lapic_id == cpus[n].apic_id && i->initial_id == cpus[n].apic_id,
	      "cpu %u: the local APIC and CPUID leaf 1 have its APIC ID, %u", n, cpus[n].apic_id);
	check_eq(i->x2apic_id, cpus[n].apic_id, "cpu %u: CPUID leaf Bh has it", n);
	check_eq(i->apic_base, base, "cpu %u: APIC_BASE says who booted", n);
	check_eq(i->version, seen[0].version, "cpu %u: the same version of the local APIC", n);
}

static bool stacks_differ(void)
{
	for (u32 a = 0; a < cpu_count; a++)
		for (u32 b = 0; b < a; b++)
			if (seen[a].rsp == seen[b].rsp)
				return false;
	return true;
}

void smp_test_start(void)
{
	u64 want = cmdline_number("cpus", 0);
	u32 starts_right = 0;

	if (want)
		check_eq(cpu_count, want, "the tables have this many processors");
	check(smp_start(), "every one comes up by INIT, SIPI, SIPI to all others");
	settle();
	for (u32 n = 0; n < cpu_count; n++)
		starts_right += cpus[n].starts == 1;
	check_eq(starts_right, cpu_count, "each of them once");
	trap_set_handler(VEC_NMI, on_interrupt);
	check(cpus_run(identify, NULL, WAIT_MS), "a call runs on each");
	for (u32 n = 0; n < cpu_count; n++)
		check_one(n);
	check(stacks_differ(), "each has a stack of its own");
}
