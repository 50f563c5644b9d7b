/*
 * Cross-calls: having another processor run a function, and what is built on them.
 *
 * Each CPU has room for one call. Who finds it taken waits with interrupts on, and so does who
 * waits for an answer: whatever the two CPUs want of each other, both go on serving.
 */
#include "drivers/apic.h"
#include "kernel/cpu.h"
#include "kernel/irq.h"
#include "kernel/panic.h"
#include "kernel/smp.h"
#include "mm/frame.h"
#include "mm/kspace.h"
#include "x86/insn.h"
#include "x86/reg.h"

#define FLUSH_PAGES_MAX 64 /* more than that: the whole TLB is cheaper */

struct call {
	void (*fn)(void *arg);
	void *arg;
	unsigned left; /* atomic: CPUs that have not run it yet */
};

bool smp_kick_by_nmi;

void smp_interrupt(struct cpu *cpu, u8 vector)
{
	lapic_send_ipi(cpu->apic_id, vector);
	/* Once the NMI has ended the guest, the interrupt is taken like any other. */
	if (unlikely(smp_kick_by_nmi) && READ_ONCE(cpu->loaded_vcpu))
		lapic_send_nmi(cpu->apic_id);
}

void cpu_kick(struct cpu *cpu)
{
	smp_interrupt(cpu, VECTOR_RESCHED);
}

static bool post(struct cpu *cpu, struct call *call)
{
	struct call *nothing = NULL;
	u64 flags = x86_irq_save(); /* who takes the room must also send the interrupt */
	bool posted = __atomic_compare_exchange_n(&cpu->call, &nothing, call, false,
						  __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);

	if (posted)
		smp_interrupt(cpu, VECTOR_CALL);
	x86_irq_restore(flags);
	return posted;
}

static void call_cpus(u64 mask, void (*fn)(void *arg), void *arg)
{
	struct call call = { fn, arg, 0 };

	ASSERT(x86_read_rflags() & RFLAGS_IF);
	for (u64 m = mask; m; m &= m - 1)
		call.left++;
	for (; mask; mask &= mask - 1)
		while (!post(cpus[__builtin_ctzll(mask)], &call))
			x86_pause();
	while (__atomic_load_n(&call.left, __ATOMIC_ACQUIRE))
		x86_pause();
}

void smp_call(struct cpu *cpu, void (*fn)(void *arg), void *arg)
{
	call_cpus(BIT(cpu->id), fn, arg);
}

void smp_call_all(void (*fn)(void *arg), void *arg)
{
	call_cpus(READ_ONCE(cpus_online), fn, arg);
}

static void call_vector(void *ctx)
{
	struct call *call = __atomic_exchange_n(&this_cpu()->call, NULL, __ATOMIC_SEQ_CST);

	(void)ctx;
	if (!call)
		return;
	call->fn(call->arg);
	__atomic_sub_fetch(&call->left, 1, __ATOMIC_RELEASE); /* it lies on the caller's stack */
}

struct flush {
	u64 va, size;
};

/* No entry is global, so a new CR3 takes them all. SDM 3A 4.10.4.1 */
static void flush_here(void *arg)
{
	const struct flush *f = arg;

	if (f->size > FLUSH_PAGES_MAX * FRAME_SIZE) {
		x86_write_cr3(x86_read_cr3());
		return;
	}
	for (u64 at = 0; at < f->size; at += FRAME_SIZE)
		x86_invlpg((const void *)(f->va + at));
}

void smp_tlb_shootdown(u64 va, u64 size)
{
	struct flush f = { va, size };

	smp_call_all(flush_here, &f);
}

void smp_init(void)
{
	irq_register_vector(VECTOR_CALL, call_vector, NULL);
	kspace_set_flush(smp_tlb_shootdown);
}
