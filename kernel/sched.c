/*
 * The scheduler: one run queue for each CPU, the highest priority first, round robin within one.
 *
 * A thread runs on its home CPU alone, so a thread that was put back into the queue cannot be
 * entered before the CPU has left its stack: the queue's lock need not be held across the switch.
 * Whatever must wait until a dead thread's stack is left is done by sched_finish_switch() in the
 * next thread.
 */
#include "drivers/apic.h"
#include "kernel/cpu.h"
#include "kernel/irq.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "kernel/thread_internal.h"
#include "kernel/timer.h"
#include "x86/insn.h"
#include "x86/reg.h"

static_assert(offsetof(struct cpu, current) == CPU_CURRENT_OFFSET, "thread_current() reads it");

/* Caller holds the queue's lock. */
static void enqueue(struct run_queue *rq, struct thread *t, bool front)
{
	t->state = THREAD_READY;
	if (front)
		list_push_front(&rq->ready[t->priority], &t->run_node);
	else
		list_push_back(&rq->ready[t->priority], &t->run_node);
	rq->ready_mask |= 1u << t->priority;
}

/* Takes the best ready thread off the queue; the idle thread when there is none. Lock held. */
static struct thread *pick(struct cpu *cpu)
{
	struct run_queue *rq = &cpu->run_queue;
	struct thread *t;
	int priority;

	if (rq->ready_mask == 0)
		return cpu->idle;
	priority = 31 - __builtin_clz(rq->ready_mask);
	t = list_first(&rq->ready[priority], struct thread, run_node);
	list_remove(&t->run_node);
	if (list_empty(&rq->ready[priority]))
		rq->ready_mask &= ~(1u << priority);
	return t;
}

/* Chooses who runs next and makes it current; returns whom it replaces. */
static struct thread *choose(struct cpu *cpu, u64 now)
{
	struct run_queue *rq = &cpu->run_queue;
	struct thread *prev = cpu->current;

	spin_lock_raw(&rq->lock);
	cpu->need_resched = false;
	if (prev->state == THREAD_RUNNING && prev != cpu->idle)
		enqueue(rq, prev, now < prev->slice_end_ns);
	cpu->current = pick(cpu);
	cpu->current->state = THREAD_RUNNING;
	spin_unlock_raw(&rq->lock);
	return prev;
}

static void begin_slice(struct thread *t, u64 now)
{
	if (now >= t->slice_end_ns)
		t->slice_end_ns = now + SCHED_SLICE_NS;
}

void sched_switch(void)
{
	struct cpu *cpu = this_cpu();
	u64 now = clock_now_ns();
	struct thread *prev = choose(cpu, now), *next = cpu->current;

	if (next == prev) {
		begin_slice(next, now);
		return;
	}
	prev->run_ns += now - prev->last_in_ns;
	if (prev->switch_out)
		prev->switch_out(prev);
	cpu->run_queue.left = prev;
	thread_switch(prev, next);
	sched_finish_switch();
}

void sched_finish_switch(void)
{
	struct cpu *cpu = this_cpu();
	struct thread *t = cpu->current, *left = cpu->run_queue.left;

	t->last_in_ns = clock_now_ns();
	begin_slice(t, t->last_in_ns);
	t->switches++;
	cpu->run_queue.switches++;
	if (left->exiting)
		thread_buried(left);
	if (t->switch_in)
		t->switch_in(t);
	timer_program(cpu);
}

void sched_preempt(void)
{
	u64 flags = x86_irq_save();
	struct cpu *cpu = this_cpu();

	if (cpu->need_resched && cpu->preempt_count == 0 && !cpu->in_interrupt) {
		/* One that was about to block looks at its condition again when it is back. */
		spin_lock_raw(&cpu->run_queue.lock);
		if (cpu->current->state == THREAD_BLOCKED && !cpu->current->exiting)
			cpu->current->state = THREAD_RUNNING;
		spin_unlock_raw(&cpu->run_queue.lock);
		sched_switch();
	}
	x86_irq_restore(flags);
}

void preempt_disable(void)
{
	this_cpu()->preempt_count++;
	barrier();
}

void preempt_enable(void)
{
	barrier();
	if (--this_cpu()->preempt_count == 0)
		sched_resched_point();
}

void sched_make_ready(struct thread *t)
{
	struct cpu *home = t->home;
	bool notice = false;

	spin_lock_raw(&home->run_queue.lock);
	if (t->state == THREAD_BLOCKED && home->current == t) {
		t->state = THREAD_RUNNING; /* it has not yet left */
	} else if (t->state == THREAD_BLOCKED) {
		enqueue(&home->run_queue, t, false);
		if (t->priority > home->current->priority)
			home->need_resched = true;
		notice = t->priority >= home->current->priority;
	}
	spin_unlock_raw(&home->run_queue.lock);
	if (notice && home != this_cpu())
		lapic_send_ipi(home->apic_id, VECTOR_RESCHED);
	else if (notice)
		timer_program(home); /* the running thread's slice counts now */
}

void sched_resched_point(void)
{
	const struct cpu *cpu = this_cpu();

	if (!READ_ONCE(cpu->need_resched) || cpu->in_interrupt || cpu->preempt_count)
		return; /* the end of the interrupt or preempt_enable() comes back to it */
	if (x86_read_rflags() & RFLAGS_IF)
		sched_preempt();
	else
		lapic_self_ipi(VECTOR_RESCHED); /* comes when the caller lets interrupts in */
}

u64 sched_slice_deadline(const struct cpu *cpu)
{
	const struct thread *t = cpu->current;

	if (!t || t == cpu->idle || !(READ_ONCE(cpu->run_queue.ready_mask) & 1u << t->priority))
		return TIMER_NEVER;
	return t->slice_end_ns;
}

void sched_slice_check(struct cpu *cpu)
{
	if (sched_slice_deadline(cpu) <= clock_now_ns())
		cpu->need_resched = true;
}

/* Another CPU made a thread of ours ready. */
static void resched_vector(void *ctx)
{
	(void)ctx;
	timer_program(this_cpu());
}

static NORETURN void idle_loop(void)
{
	struct cpu *cpu = this_cpu();

	cpu->preempt_count = 0;
	for (;;) {
		thread_free_dead();
		x86_cli();
		if (cpu->run_queue.ready_mask)
			sched_switch();
		else
			x86_sti_hlt();
	}
}

void sched_init(void)
{
	struct cpu *cpu = this_cpu();
	struct run_queue *rq = &cpu->run_queue;

	spin_init(&rq->lock, LOCK_RUN_QUEUE);
	for (unsigned i = 0; i < PRIORITIES; i++)
		list_init(&rq->ready[i]);
	cpu->idle = thread_create_idle(cpu);
	cpu->current = cpu->idle;
	cpu->preempt_count = 1; /* until sched_idle() */
	irq_register_vector(VECTOR_RESCHED, resched_vector, NULL);
}

void sched_idle(void)
{
	x86_cli();
	thread_call_on_stack(this_cpu()->idle->stack_top, idle_loop);
}
