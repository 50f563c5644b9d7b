/* One-shot timers: a sorted list for each CPU over its local APIC's timer. */
#include "kernel/timer.h"
#include "drivers/apic.h"
#include "kernel/cpu.h"
#include "kernel/irq.h"
#include "kernel/machine.h"
#include "x86/insn.h"

void timer_init(struct timer *t, void (*fn)(struct timer *t), void *ctx)
{
	list_init(&t->node);
	t->deadline_ns = 0;
	t->armed = false;
	t->cpu = NULL;
	t->fn = fn;
	t->ctx = ctx;
}

/* Its function does not run on another CPU any more. */
static void wait_for(const struct timer *t, const struct cpu *cpu)
{
	while (cpu && cpu != this_cpu() && READ_ONCE(cpu->timers.running) == t)
		x86_pause();
}

/* Off its queue, if it is on one. Interrupts off. */
static void disarm(struct timer *t)
{
	struct cpu *cpu = t->cpu;

	if (!cpu)
		return;
	spin_lock_raw(&cpu->timers.lock);
	if (t->armed)
		list_remove(&t->node);
	t->armed = false;
	spin_unlock_raw(&cpu->timers.lock);
}

/* Behind all timers that are due no later. Caller holds the lock. */
static void insert_sorted(struct list *armed, struct timer *t)
{
	struct list *before = armed->prev;

	while (before != armed &&
	       list_entry(before, struct timer, node)->deadline_ns > t->deadline_ns)
		before = before->prev;
	list_insert(&t->node, before, before->next);
}

void timer_arm(struct timer *t, u64 deadline_ns)
{
	u64 flags = x86_irq_save();
	struct cpu *cpu = this_cpu();

	disarm(t);
	wait_for(t, t->cpu);
	spin_lock_raw(&cpu->timers.lock);
	t->cpu = cpu;
	t->deadline_ns = deadline_ns;
	t->armed = true;
	insert_sorted(&cpu->timers.armed, t);
	spin_unlock_raw(&cpu->timers.lock);
	timer_program(cpu);
	x86_irq_restore(flags);
}

void timer_cancel(struct timer *t)
{
	u64 flags = x86_irq_save();
	struct cpu *cpu = t->cpu;

	disarm(t);
	/* The hardware may fire for nothing: cheaper than programming it again. */
	wait_for(t, cpu);
	x86_irq_restore(flags);
}

static void program_hardware(u64 deadline_ns)
{
	u64 now = clock_now_ns();

	if (deadline_ns == TIMER_NEVER)
		lapic_timer_stop();
	else if (deadline_ns <= now)
		lapic_self_ipi(VECTOR_TIMER); /* some engines never fire for a TSC gone by */
	else if (cpu_features.tsc_deadline)
		lapic_timer_deadline(boot_tsc + clock_ns_to_tsc(deadline_ns) + 1);
	else
		lapic_timer_oneshot(clock_ns_to_lapic(deadline_ns - now));
}

void timer_program(struct cpu *cpu)
{
	struct timer_queue *q = &cpu->timers;
	u64 next = sched_next_event(cpu);

	spin_lock_raw(&q->lock);
	if (!list_empty(&q->armed))
		next = MIN(next, list_first(&q->armed, struct timer, node)->deadline_ns);
	/* One that comes too early is harmless, and the next program call finds it gone. */
	if (next < q->programmed_ns) {
		q->programmed_ns = next;
		program_hardware(next);
	}
	spin_unlock_raw(&q->lock);
}

/* Takes the first timer that is due; NULL when none is. */
static struct timer *take_due(struct timer_queue *q)
{
	struct timer *t = NULL;

	spin_lock_raw(&q->lock);
	if (!list_empty(&q->armed)) {
		t = list_first(&q->armed, struct timer, node);
		if (t->deadline_ns <= clock_now_ns()) {
			list_remove(&t->node);
			t->armed = false;
		} else {
			t = NULL;
		}
	}
	WRITE_ONCE(q->running, t);
	spin_unlock_raw(&q->lock);
	return t;
}

void timer_interrupt(void)
{
	struct cpu *cpu = this_cpu();
	struct timer *t;

	cpu->timer_interrupts++;
	cpu->timers.programmed_ns = TIMER_NEVER;
	while ((t = take_due(&cpu->timers)))
		t->fn(t);
	sched_check_event(cpu);
	timer_program(cpu);
}

static void timer_vector(void *ctx)
{
	(void)ctx;
	timer_interrupt();
}

void timer_setup(void)
{
	struct timer_queue *q = &this_cpu()->timers;

	spin_init(&q->lock, LOCK_TIMERS);
	list_init(&q->armed);
	q->programmed_ns = TIMER_NEVER;
	irq_register_vector(VECTOR_TIMER, timer_vector, NULL);
}
