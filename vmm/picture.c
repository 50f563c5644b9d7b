/*
 * Looking at a vCPU without a part in its work. Its state is in one of three places, and a look at
 * its thread, held in its place by the lock of its run queue, tells which:
 *
 * - The thread uses no CPU, or has ended: all is in memory. It is loaded on this CPU for a moment;
 *   nobody else can load it, since the thread cannot begin to run.
 * - It uses one, where the guest runs or has just been left, or where it has blocked and the CPU is
 *   idle on its stack: the state is still in that processor. It is copied there, in an interrupt.
 * - By the time of the interrupt it has gone on: then we look again.
 */
#include "vmm/picture.h"

#include "kernel/cpu.h"
#include "kernel/smp.h"
#include "vmm/fetch.h"
#include "vmm/vcpu.h"
#include "x86/insn.h"

struct request {
	struct vcpu *v;
	struct vcpu_picture *pic;
	bool done;
};

/* The state is loaded on this CPU; interrupts are off. */
static void copy(struct vcpu *v, struct vcpu_picture *pic)
{
	struct guest_context c;

	backend->get_context(v, &c);
	for (unsigned i = 0; i < REG_COUNT; i++)
		pic->reg[i] = vcpu_get_reg(v, i);
	for (unsigned i = 0; i < SEG_COUNT; i++)
		backend->get_seg(v, i, &pic->seg[i]);
	pic->exit = v->exit;
	pic->code_len = guest_peek(v, &c, pic->code, sizeof(pic->code));
	pic->code_bits = c.bits;
}

static void copy_if_loaded(void *arg)
{
	struct request *r = arg;

	r->done = this_cpu()->loaded_vcpu == r->v;
	if (r->done)
		copy(r->v, r->pic);
}

/* NULL: done, by loading it here. Else the CPU that uses the thread's stack. */
static struct cpu *copy_if_off(struct request *r)
{
	u64 flags = x86_irq_save(), inner;
	struct run_queue *rq = sched_lock(r->v->thread);
	struct cpu *cpu = NULL;

	if (r->v->thread->on_cpu) {
		cpu = r->v->thread->home;
	} else {
		inner = vcpu_inspect_begin(r->v);
		copy(r->v, r->pic);
		vcpu_inspect_end(r->v, inner);
	}
	spin_unlock_raw(&rq->lock);
	x86_irq_restore(flags);
	return cpu;
}

void vcpu_take_picture(struct vcpu *v, struct vcpu_picture *pic)
{
	struct request r = { .v = v, .pic = pic };
	u64 flags;

	if (v->thread == thread_current()) {
		flags = x86_irq_save();
		copy(v, pic);
		x86_irq_restore(flags);
		return;
	}
	while (!r.done) {
		struct cpu *cpu = copy_if_off(&r);

		if (!cpu)
			return;
		smp_call(cpu, copy_if_loaded, &r);
	}
}
