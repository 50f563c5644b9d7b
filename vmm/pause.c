#include "vmm/pause.h"

#include "kernel/cpu.h"
#include "vmm/partition.h"
#include "x86/insn.h"

/* A hint: no lock is held. */
static bool waits_for_cpu(const struct vcpu *v)
{
	const struct thread *t = v->thread;

	return t && READ_ONCE(t->state) == THREAD_READY;
}

/* The next in turn that is ready to run; NULL: none. */
static struct vcpu *find_sibling(const struct vcpu *v)
{
	const struct partition *p = v->partition;
	unsigned count = p->vcpu_count;

	for (unsigned i = 1; i <= count; i++) {
		struct vcpu *s = p->vcpu[(v->pause.last + i) % count];

		if (s != v && waits_for_cpu(s))
			return s;
	}
	return NULL;
}

void pause_init(struct vcpu *v)
{
	v->pause.each =
	    v->partition->config.vcpus > 1 && backend->pause_exits(v, PAUSE_EXITS_LOOPS) != 0;
}

void pause_decide(struct vcpu *v)
{
	bool on = v->pause.each && find_sibling(v);

	if (v->pause.on == on)
		return;
	v->pause.on = on;
	(void)backend->pause_exits(v, on ? PAUSE_EXITS_ALL : PAUSE_EXITS_NONE);
}

/*
 * The thread may have been interrupted in the middle of the back end's work: it decides itself,
 * before it enters the guest. When it has left its loop it enters none, and its siblings may be
 * freed while we look.
 */
void pause_look(struct vcpu *v)
{
	if (v->state != VCPU_DONE && v->pause.on != (find_sibling(v) != NULL))
		__atomic_or_fetch(&v->requests, VCPU_REQ_PAUSE, __ATOMIC_SEQ_CST);
}

void pause_yield(struct vcpu *v)
{
	struct vcpu *s = find_sibling(v);

	if (s)
		v->pause.last = s->id;
	if (s && sched_yield_to(s->thread)) {
		v->pause.useful++;
		return;
	}
	v->pause.useless++;
	pause_decide(v);
}

/* Who wakes a sibling will often wait for it, perhaps on the one CPU that both have. */
void pause_woken(const struct vcpu *sibling)
{
	u64 flags = x86_irq_save();
	struct vcpu *v = this_cpu()->loaded_vcpu;

	if (v && v->partition == sibling->partition && v->thread == this_cpu()->current &&
	    waits_for_cpu(sibling))
		pause_look(v);
	x86_irq_restore(flags);
}
