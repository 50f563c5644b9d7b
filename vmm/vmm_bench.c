/*
 * What a switch from one vCPU to another costs on one CPU: two threads that carry a vCPU each give
 * way to each other, and each measures how long the other's thread_yield() took to come to it.
 */
#include "vmm/vmm_bench.h"

#include "kernel/selftest.h"
#include "kernel/thread.h"
#include "vmm/testvcpu.h"
#include "vmm/vcpu.h"
#include "vmm/vfpu.h"
#include "x86/insn.h"

#define ROUNDS 200
#define WARM_UP 10

static const u8 code_halt[] = { 0xfa, 0xf4 }; /* cli; hlt; never entered */

static struct {
	u64 left_at; /* TSC before the latest thread_yield() */
	u64 min, sum, count;
} bench;

static void note(u64 cost, unsigned round)
{
	if (round < WARM_UP)
		return;
	bench.min = MIN(bench.min, cost);
	bench.sum += cost;
	bench.count++;
}

static void give_way(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < ROUNDS; i++) {
		bench.left_at = x86_rdtsc();
		thread_yield();
		note(x86_rdtsc() - bench.left_at, i);
	}
}

/* The FPU's part of it. */
static u64 fpu_cost(struct vcpu *v)
{
	u64 flags = vcpu_inspect_begin(v), begin, cost = UINT64_MAX;

	for (unsigned i = 0; i < ROUNDS; i++) {
		begin = x86_rdtsc();
		vfpu_put(v);
		vfpu_load(v);
		cost = MIN(cost, x86_rdtsc() - begin);
	}
	vcpu_inspect_end(v, flags);
	return cost;
}

static bool run_pair(struct vcpu *const v[2])
{
	static const struct sched_params params = { .priority = GUEST_PRIORITY_DEFAULT,
						    .weight = SCHED_WEIGHT_DEFAULT,
						    .cpus = BIT(0) };
	struct thread *t[2];

	for (unsigned i = 0; i < 2; i++) {
		t[i] = thread_create_guest("bench", give_way, NULL, &params);
		if (!t[i])
			return false; /* nothing runs after this bench: what is left does no harm */
		vcpu_give_thread(v[i], t[i]);
	}
	for (unsigned i = 0; i < 2; i++)
		thread_start(t[i]);
	for (unsigned i = 0; i < 2; i++)
		thread_join(t[i]);
	return true;
}

static void bench_switch(void)
{
	struct vcpu *v[2] = { testvcpu_create(code_halt, sizeof(code_halt)),
			      testvcpu_create(code_halt, sizeof(code_halt)) };
	u64 fpu;

	bench.min = UINT64_MAX;
	bench.sum = bench.count = 0;
	if (v[0] && v[1] && run_pair(v) && bench.count) {
		fpu = fpu_cost(v[0]);
		selftest_bench_line("switch-fpu", bench.min, bench.sum / bench.count);
		selftest_bench_line("switch", bench.min - fpu, bench.sum / bench.count - fpu);
	}
	for (unsigned i = 0; i < 2; i++)
		if (v[i])
			testvcpu_destroy(v[i]);
}

void vmm_bench_register(void)
{
	selftest_bench_add(bench_switch);
}
