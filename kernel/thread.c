/* Threads: their life from creation to the freeing of their stacks. */
#include "kernel/thread.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/smp.h"
#include "kernel/thread_internal.h"
#include "kernel/timer.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "mm/kspace.h"
#include "x86/insn.h"

#define SWITCH_REGISTERS 6 /* what thread_switch.asm pops before it returns */

/* Protects the lists and the detached flags; interrupts off. */
static struct spinlock all_lock = SPINLOCK_INIT(LOCK_THREADS);
static struct list all = LIST_INIT(all);
static struct list dead = LIST_INIT(dead); /* detached and dead, by run_node */
static struct waitq exits = WAITQ_INIT(exits);

static void free_thread(struct thread *t)
{
	kspace_free_stack(t->stack_top);
	heap_free(t);
}

/* Where thread_switch() returns to the first time. */
static void thread_entry(void)
{
	struct thread *t = this_cpu()->current;

	sched_finish_switch();
	x86_sti();
	t->fn(t->arg);
	thread_exit();
}

static void *initial_stack(void *top)
{
	u64 *sp = top;

	*--sp = 0; /* thread_entry's return address: the end of backtraces */
	*--sp = (u64)thread_entry;
	for (unsigned i = 0; i < SWITCH_REGISTERS; i++)
		*--sp = 0;
	return sp;
}

static struct thread *allocate(const char *name)
{
	struct thread *t = heap_alloc(sizeof(*t));

	if (!t)
		return NULL;
	t->stack_top = kspace_alloc_stack();
	if (!t->stack_top) {
		heap_free(t);
		return NULL;
	}
	str_copy(t->name, name, sizeof(t->name));
	t->rsp = (u64)initial_stack(t->stack_top);
	t->state = THREAD_BLOCKED;
	t->home = this_cpu();
	t->sched.params.cpus = CPUS_ANY;
	list_init(&t->run_node);
	list_init(&t->wait_node);
	list_init(&t->guest_node);
	list_init(&t->sched.node);
	return t;
}

static void add_to_all(struct thread *t)
{
	u64 flags = spin_lock_irq(&all_lock);

	list_push_back(&all, &t->all_node);
	spin_unlock_irq(&all_lock, flags);
}

static struct thread *create(const char *name, void (*fn)(void *), void *arg)
{
	struct thread *t;

	thread_free_dead(); /* a busy machine may never be idle */
	t = allocate(name);
	if (!t)
		return NULL;
	t->fn = fn;
	t->arg = arg;
	return t;
}

struct thread *thread_create_blocked(const char *name, void (*fn)(void *), void *arg,
				     unsigned kernel_priority)
{
	struct thread *t = create(name, fn, arg);

	ASSERT(kernel_priority < KERNEL_PRIORITIES);
	if (!t)
		return NULL;
	t->kernel_priority = (u8)kernel_priority;
	t->sched.params.cpus = thread_current()->sched.params.cpus;
	add_to_all(t);
	return t;
}

struct thread *thread_create_guest(const char *name, void (*fn)(void *), void *arg,
				   const struct sched_params *params)
{
	struct thread *t = create(name, fn, arg);

	ASSERT(params->cpus & cpus_online);
	if (!t)
		return NULL;
	t->guest = true;
	t->sched.params = *params;
	add_to_all(t);
	return t;
}

struct thread *thread_create(const char *name, void (*fn)(void *), void *arg,
			     unsigned kernel_priority)
{
	struct thread *t = thread_create_blocked(name, fn, arg, kernel_priority);

	if (t)
		thread_start(t);
	return t;
}

struct thread *thread_create_idle(struct cpu *cpu)
{
	struct thread *t = allocate("idle");

	if (!t)
		panic("no memory for an idle thread");
	t->home = cpu;
	t->state = THREAD_RUNNING;
	t->on_cpu = true;
	add_to_all(t);
	return t;
}

void thread_start(struct thread *t)
{
	u64 flags = x86_irq_save();

	sched_make_ready(t);
	x86_irq_restore(flags);
	sched_resched_point();
}

void thread_exit(void)
{
	struct thread *t = thread_current();

	x86_cli();
	ASSERT(this_cpu()->preempt_count == 0);
	t->exiting = true;
	t->state = THREAD_BLOCKED; /* for ever: it waits in no queue */
	sched_switch();
	panic("a dead thread runs");
}

void thread_buried(struct thread *t)
{
	bool detached;

	spin_lock_raw(&all_lock);
	list_remove(&t->all_node);
	detached = t->detached;
	if (detached)
		list_push_back(&dead, &t->run_node);
	t->state = THREAD_DEAD;
	spin_unlock_raw(&all_lock);
	if (!detached)
		waitq_wake_all(&exits); /* not a queue in *t, which a joiner may free at once */
}

void thread_join(struct thread *t)
{
	wait_event(&exits, READ_ONCE(t->state) == THREAD_DEAD);
	free_thread(t);
}

void thread_detach(struct thread *t)
{
	u64 flags = spin_lock_irq(&all_lock);

	t->detached = true;
	if (t->state == THREAD_DEAD)
		list_push_back(&dead, &t->run_node);
	spin_unlock_irq(&all_lock, flags);
}

static struct thread *take_dead(void)
{
	u64 flags = spin_lock_irq(&all_lock);
	struct thread *t = NULL;

	if (!list_empty(&dead)) {
		t = list_first(&dead, struct thread, run_node);
		list_remove(&t->run_node);
	}
	spin_unlock_irq(&all_lock, flags);
	return t;
}

void thread_free_dead(void)
{
	struct thread *t;

	while (!list_empty(&dead) && (t = take_dead()))
		free_thread(t);
}

struct sleeper {
	struct timer timer;
	struct waitq queue;
	bool done;
};

static void sleep_over(struct timer *timer)
{
	struct sleeper *s = timer->ctx;

	WRITE_ONCE(s->done, true);
	waitq_wake_all(&s->queue);
}

void thread_sleep_ns(u64 ns)
{
	struct sleeper s = { .done = false };

	waitq_init(&s.queue);
	timer_init(&s.timer, sleep_over, &s);
	timer_arm(&s.timer, clock_now_ns() + ns);
	wait_event(&s.queue, READ_ONCE(s.done));
	timer_cancel(&s.timer); /* on another CPU its function may still be at our queue */
}

/*
 * Sleeping is how a thread leaves a CPU; waking is when it gets another. It must be long enough to
 * have left: on Bochs a microsecond is 50 instructions.
 */
#define LEAVE_NS (100 * NS_PER_US)

void thread_set_cpus(u64 cpus)
{
	struct thread *t = thread_current();
	u64 flags = x86_irq_save();
	struct run_queue *rq = sched_lock(t);
	bool here;

	ASSERT(cpus & cpus_online);
	t->sched.params.cpus = cpus;
	here = cpus & BIT(t->home->id);
	spin_unlock_raw(&rq->lock);
	x86_irq_restore(flags);
	while (!here) {
		thread_sleep_ns(LEAVE_NS);
		here = cpus & BIT(READ_ONCE(t->home)->id);
	}
}

void thread_for_each(void (*fn)(const struct thread *t, void *ctx), void *ctx)
{
	u64 flags = spin_lock_irq(&all_lock);
	struct thread *t;

	list_for_each(t, &all, all_node)
		fn(t, ctx);
	spin_unlock_irq(&all_lock, flags);
}
