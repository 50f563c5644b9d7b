/*
 * Time is one for all: whatever a processor reads is never less than what another one read before
 * (SDM 3B 18.17: the TSC; Linux, Documentation/virt/kvm/x86/msr.rst: KVM's clock).
 */
#include "tests.h"

#define TURNS 200
#define TAKES 4000
#define KVM_FEATURES 1
#define KVM_FEATURE_CLOCK (1u << 3)
#define MSR_KVM_SYSTEM_TIME 0x4b564d01
#define KVM_CLOCK_ON 1
#define CLOCK_STABLE 1

struct clock_page {
	volatile u32 version, pad;
	u64 tsc, ns;
	u32 multiplier;
	signed char shift;
	u8 flags, pad2[2];
} __attribute__((aligned(64)));

static struct clock_page pages[CPUS_MAX];

static volatile u64 last;
static volatile u32 turn, backwards, turns_taken[CPUS_MAX];
static struct spinlock lock;
static u64 (*read_clock)(void);

/* RDTSC may run ahead of the loads before it: SDM 2B. */
static u64 read_tsc(void)
{
	u64 now;

	asm volatile("lfence" : : : "memory");
	now = rdtsc();
	asm volatile("lfence" : : : "memory");
	return now;
}

static u64 read_tsc_msr(void)
{
	return rdmsr(MSR_TSC);
}

static u64 read_tscp(void)
{
	u32 low, high, aux;

	asm volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(aux) : : "memory");
	if (aux != cpu_index())
		backwards += 1000000;
	asm volatile("lfence" : : : "memory");
	return (u64)high << 32 | low;
}

static u64 read_kvm(void)
{
	const struct clock_page *p = &pages[cpu_index()];
	u64 ticks, ns;
	u32 version;

	do {
		version = p->version;
		ticks = read_tsc() - p->tsc;
		ticks = p->shift < 0 ? ticks >> -p->shift : ticks << p->shift;
		ns = p->ns + (u64)((unsigned __int128)ticks * p->multiplier >> 32);
	} while ((version & 1) || version != p->version);
	return ns;
}

static void look(void)
{
	u64 now = read_clock();

	if (now < last)
		backwards++;
	last = now;
}

/* Strictly in turn: each reads right after another did. */
static void ping_pong(void *arg)
{
	u32 n = cpu_index(), count = *(const u32 *)arg;

	for (u32 i = 0; i < count; i++) {
		if (!WAIT_FOR(turn % cpu_count == n, WAIT_MS))
			return;
		look();
		turns_taken[n]++;
		__atomic_store_n(&turn, turn + 1, __ATOMIC_RELEASE);
	}
}

/* In no order, as often as each gets the lock. */
static void scramble(void *arg)
{
	u32 n = cpu_index(), count = *(const u32 *)arg;

	for (u32 i = 0; i < count; i++) {
		spin_lock(&lock);
		look();
		spin_unlock(&lock);
		turns_taken[n]++;
	}
}

static void check_clock(const char *name, u64 (*read)(void), cpu_function *game, u32 count)
{
	u32 sum = 0;

	read_clock = read;
	last = turn = backwards = 0;
	for (u32 n = 0; n < cpu_count; n++)
		turns_taken[n] = 0;
	check(cpus_run(game, &count, 3 * WAIT_MS), "%s: all return", name);
	for (u32 n = 0; n < cpu_count; n++)
		sum += turns_taken[n];
	check_eq(sum, count * cpu_count, "%s: all turns are taken", name);
	check_eq(backwards, 0, "%s: never goes back", name);
}

static void set_aux(void *arg)
{
	(void)arg;
	wrmsr(MSR_TSC_AUX, cpu_index());
}

/* KVM's leaves come behind those of another hypervisor, 100h higher. */
static u32 kvm_leaf(void)
{
	if (!(cpuid(1, 0).ecx & CPUID1_ECX_HYPERVISOR))
		return 0;
	for (u32 leaf = 0x40000000; leaf < 0x40010000; leaf += 0x100) {
		struct cpuid id = cpuid(leaf, 0);
		u32 words[3] = { id.ebx, id.ecx, id.edx };

		if (memcmp(words, "KVMKVMKVM\0\0\0", 12) == 0)
			return leaf;
	}
	return 0;
}

static void kvm_clock_on(void *arg)
{
	(void)arg;
	wrmsr(MSR_KVM_SYSTEM_TIME, (u64)&pages[cpu_index()] | KVM_CLOCK_ON);
}

static void kvm_clock_off(void *arg)
{
	(void)arg;
	wrmsr(MSR_KVM_SYSTEM_TIME, 0);
}

static void check_kvm_clock(void)
{
	u32 leaf = kvm_leaf(), count = rounds(TAKES);
	u32 stable = 0;

	if (!leaf || !(cpuid(leaf + KVM_FEATURES, 0).eax & KVM_FEATURE_CLOCK)) {
		check_skip("CPUID does not offer it", "KVM's clock");
		return;
	}
	check(cpus_run(kvm_clock_on, NULL, WAIT_MS), "KVM's clock is on everywhere");
	for (u32 n = 0; n < cpu_count; n++)
		stable += pages[n].flags & CLOCK_STABLE;
	if (stable == cpu_count)
		check_clock("KVM's clock", read_kvm, scramble, count);
	else
		check_skip("it does not say that it is stable", "KVM's clock");
	check(cpus_run(kvm_clock_off, NULL, WAIT_MS), "and off again");
}

void smp_test_clock(void)
{
	check_clock("TSC, in turn", read_tsc, ping_pong, rounds(TURNS) / cpu_count);
	check_clock("TSC, in any order", read_tsc, scramble, rounds(TAKES));
	if (rdmsr(MSR_TSC)) /* QEMU's emulator reads 0 */
		check_clock("TSC by RDMSR", read_tsc_msr, scramble, rounds(TAKES) / 10);
	else
		check_skip("it reads 0", "TSC by RDMSR");
	if (cpuid(0x80000001, 0).edx & CPUID81_EDX_RDTSCP) {
		cpus_run(set_aux, NULL, WAIT_MS);
		check_clock("TSC by RDTSCP", read_tscp, scramble, rounds(TAKES));
	} else {
		check_skip("CPUID does not offer it", "TSC by RDTSCP");
	}
	check_kvm_clock();
}
