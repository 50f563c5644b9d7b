/*
 * The scheduler: one run queue for each CPU. Kernel threads go first, by fixed priority; which
 * vCPU's thread comes then is up to the policy (kernel/policy.h).
 *
 * A thread is in at most one run queue, that of its home CPU, whose lock protects its state.
 * Others may take it to another CPU only while it is READY or BLOCKED and not on_cpu, that is when
 * its old CPU has left its stack. A CPU that finds nothing to do leaves nothing: it waits on the
 * stack of the thread that has just blocked, and if that one is what comes next, as for a vCPU that
 * halts and is woken, nothing has to be switched. tests/model/ proves that no wake-up is lost and
 * no stack used twice.
 */
#include "drivers/apic.h"
#include "kernel/balance.h"
#include "kernel/cpu.h"
#include "kernel/irq.h"
#include "kernel/levels.h"
#include "kernel/panic.h"
#include "kernel/policy.h"
#include "kernel/smp.h"
#include "kernel/thread.h"
#include "kernel/thread_internal.h"
#include "kernel/timer.h"
#include "x86/insn.h"
#include "x86/reg.h"

static_assert(offsetof(struct cpu, current) == CPU_CURRENT_OFFSET, "thread_current() reads it");

struct run_queue *sched_lock(const struct thread *t)
{
	for (;;) {
		struct cpu *home = READ_ONCE(t->home);

		spin_lock_raw(&home->run_queue.lock);
		if (READ_ONCE(t->home) == home)
			return &home->run_queue;
		spin_unlock_raw(&home->run_queue.lock);
	}
}

static void enqueue(struct run_queue *rq, struct thread *t, enum sched_why why, u64 now)
{
	t->state = THREAD_READY;
	if (!t->guest) {
		levels_push(&rq->kernel, t->kernel_priority, &t->run_node,
			    why == SCHED_PREEMPTED && now < t->slice_end_ns);
		return;
	}
	list_push_back(&rq->guests, &t->guest_node);
	rq->guest_count++;
	rq->load += balance_weight(t);
	sched_policy->enqueue(rq, t, why, now);
}

/* The policy has given it out. */
static void leave_guests(struct run_queue *rq, struct thread *t)
{
	list_remove(&t->guest_node);
	rq->guest_count--;
	rq->load -= balance_weight(t);
	if (rq->hint == t)
		rq->hint = NULL;
}

void sched_dequeue_guest(struct run_queue *rq, struct thread *t)
{
	sched_policy->remove(rq, t);
	leave_guests(rq, t);
}

static struct thread *pick_kernel(struct run_queue *rq)
{
	unsigned level = levels_highest(&rq->kernel);
	struct thread *t = list_first(&rq->kernel.list[level], struct thread, run_node);

	levels_remove(&rq->kernel, level, &t->run_node);
	return t;
}

static struct thread *pick_guest(struct run_queue *rq, u64 now)
{
	struct thread *t = rq->hint;

	if (unlikely(t)) {
		sched_dequeue_guest(rq, t);
		t->sched.slice_end_ns = now + SCHED_SLICE_NS;
		return t;
	}
	t = sched_policy->pick(rq, now);
	if (t)
		leave_guests(rq, t);
	return t;
}

/* Takes who runs next off the queue; the idle thread when there is none. Lock held. */
static struct thread *pick(struct cpu *cpu, u64 now)
{
	struct run_queue *rq = &cpu->run_queue;
	struct thread *t = NULL;

	if (rq->kernel.mask)
		return pick_kernel(rq);
	if (rq->guest_count)
		t = pick_guest(rq, now);
	return t ? t : cpu->idle;
}

void sched_account(struct cpu *cpu, u64 now)
{
	struct thread *t = cpu->current;
	u64 ran = now - t->last_in_ns;

	if (now <= t->last_in_ns)
		return; /* another CPU has looked at its clock later, and was here first */
	t->last_in_ns = now;
	t->run_ns += ran;
	if (t->guest && sched_policy->charge)
		sched_policy->charge(&cpu->run_queue, t, ran);
}

u64 sched_run_ns(const struct thread *t)
{
	u64 now = clock_now_ns();
	bool running = t->state == THREAD_RUNNING && now > t->last_in_ns;

	return t->run_ns + (running ? now - t->last_in_ns : 0);
}

/* Lock held. */
static void make_current(struct cpu *cpu, struct thread *t, u64 now)
{
	t->state = THREAD_RUNNING;
	t->on_cpu = true;
	t->last_in_ns = now;
	if (t->guest)
		cpu->run_queue.load += balance_weight(t);
	else if (now >= t->slice_end_ns)
		t->slice_end_ns = now + SCHED_SLICE_NS;
	cpu->current = t;
}

/* Chooses who runs next and makes it current. */
static struct thread *choose(struct cpu *cpu, enum sched_why why)
{
	struct run_queue *rq = &cpu->run_queue;
	struct thread *prev = cpu->current;
	u64 now = clock_now_ns();

	spin_lock_raw(&rq->lock);
	cpu->need_resched = false;
	if (prev != cpu->idle) {
		sched_account(cpu, now);
		if (prev->guest)
			rq->load -= balance_weight(prev);
		if (prev->state == THREAD_RUNNING)
			enqueue(rq, prev, why, now);
	}
	make_current(cpu, pick(cpu, now), now);
	spin_unlock_raw(&rq->lock);
	return cpu->current;
}

/*
 * Nothing is ready here: halts until something is, on whatever stack we are. An interrupt wakes the
 * CPU and ends without a switch, since the stack is that of a thread that has blocked. Who makes
 * something ready after our look into the queue sends an interrupt, which waits for the STI. And
 * who queues something at a busy CPU looks for idle ones afterwards, as we look for something to
 * take after we have said that we are idle: one of the two sees the other.
 */
static struct thread *wait_for_work(struct cpu *cpu)
{
	struct thread *next;

	cpu->preempt_count++;
	cpu->idle_since_ns = cpu->current->last_in_ns;
	thread_free_dead();
	do {
		__atomic_or_fetch(&cpus_idle, BIT(cpu->id), __ATOMIC_SEQ_CST);
		if (!balance_pull(cpu)) {
			if (cpu->run_queue.guest_count) /* the policy lets them wait */
				timer_program(cpu);
			x86_sti_hlt();
			x86_cli();
		}
		next = choose(cpu, SCHED_PREEMPTED);
	} while (next == cpu->idle);
	__atomic_and_fetch(&cpus_idle, ~BIT(cpu->id), __ATOMIC_SEQ_CST);
	cpu->idle_ns += next->last_in_ns - cpu->idle_since_ns;
	cpu->idle_since_ns = 0;
	cpu->preempt_count--;
	return next;
}

static void switch_as(enum sched_why why)
{
	struct cpu *cpu = this_cpu();
	struct thread *prev = cpu->current, *next = choose(cpu, why);

	/* A stack that is to be freed, or needed elsewhere, is left to the idle thread's. */
	if (next == cpu->idle && !prev->exiting && balance_may_use(prev, cpu))
		next = wait_for_work(cpu);
	if (next == prev) {
		timer_program(cpu);
		return;
	}
	if (prev->switch_out)
		prev->switch_out(prev);
	cpu->run_queue.left = prev;
	thread_switch(prev, next);
	sched_finish_switch();
}

void sched_switch(void)
{
	switch_as(SCHED_PREEMPTED);
}

void sched_finish_switch(void)
{
	struct cpu *cpu = this_cpu();
	struct run_queue *rq = &cpu->run_queue;
	struct thread *t = cpu->current, *left = rq->left;
	bool exiting = left->exiting;

	t->switches++;
	rq->switches++;
	/* From here on it may run, and end, on another CPU; and only then we look for idle ones. */
	__atomic_store_n(&left->on_cpu, false, __ATOMIC_SEQ_CST);
	if (exiting) /* this one cannot: it is freed when it has been buried */
		thread_buried(left);
	if (t->switch_in)
		t->switch_in(t);
	/* Who waits here could not be taken by a CPU that is idle while its stack was in use. */
	if (rq->balance || (rq->guest_count && READ_ONCE(cpus_idle)))
		balance_push(cpu);
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

void thread_yield(void)
{
	u64 flags = x86_irq_save();

	thread_current()->slice_end_ns = 0;
	switch_as(SCHED_YIELDED);
	x86_irq_restore(flags);
}

bool sched_yield_to(struct thread *t)
{
	u64 flags = x86_irq_save();
	bool fetched = balance_fetch(this_cpu(), t);

	if (fetched)
		switch_as(SCHED_YIELDED);
	x86_irq_restore(flags);
	return fetched;
}

/* One instruction each: between two the thread could be taken to another CPU. */
void preempt_disable(void)
{
	__asm__ volatile("incl %%gs:%c0" : : "i"(offsetof(struct cpu, preempt_count)) : "memory");
}

void preempt_enable(void)
{
	bool zero;

	__asm__ volatile("decl %%gs:%c1"
			 : "=@ccz"(zero)
			 : "i"(offsetof(struct cpu, preempt_count))
			 : "memory");
	if (zero)
		sched_resched_point();
}

/* Does the thread, ready on this CPU now, go before the current one? */
static bool goes_first(const struct cpu *cpu, const struct thread *t)
{
	const struct thread *current = cpu->current;

	if (current == cpu->idle)
		return true;
	if (!t->guest)
		return current->guest || t->kernel_priority > current->kernel_priority;
	return current->guest && sched_policy->preempts(t, current);
}

bool sched_add(struct cpu *cpu, struct thread *t, enum sched_why why, u64 now)
{
	bool first;

	if (cpu->current->guest)
		sched_account(cpu, now);
	enqueue(&cpu->run_queue, t, why, now);
	first = goes_first(cpu, t);
	if (first)
		cpu->need_resched = true;
	/* If a kernel thread is running, a vCPU's turn comes when that has done its work. */
	return first || cpu->current->guest == t->guest;
}

/* What sched_add() asks for, without the lock. */
static void tell(struct cpu *cpu)
{
	if (cpu != this_cpu())
		cpu_kick(cpu);
	else if (cpu->current != cpu->idle)
		timer_program(cpu); /* the running thread's slice counts now */
}

/* Puts a blocked thread into a queue; the CPU of which is returned if it must know, else NULL. */
static struct cpu *wake_up(struct thread *t, struct run_queue *rq)
{
	struct cpu *cpu = balance_place(t);
	bool moved = cpu != t->home, must_know;

	if (moved) { /* nobody else has an interest in a blocked thread that waits for nothing */
		t->home = cpu;
		t->migrations += t->wakeups != 0;
		spin_unlock_raw(&rq->lock);
		rq = &cpu->run_queue;
		spin_lock_raw(&rq->lock);
	}
	must_know =
	    sched_add(cpu, t, moved || !t->wakeups ? SCHED_NEW : SCHED_WOKEN, clock_now_ns());
	t->wakeups++;
	if (t->guest && cpu->current != cpu->idle)
		balance_offer(t);
	spin_unlock_raw(&rq->lock);
	return must_know ? cpu : NULL;
}

void sched_make_ready(struct thread *t)
{
	struct run_queue *rq = sched_lock(t);
	struct cpu *cpu;

	if (t->state != THREAD_BLOCKED || t->home->current == t) {
		if (t->state == THREAD_BLOCKED)
			t->state = THREAD_RUNNING; /* it has not yet left */
		spin_unlock_raw(&rq->lock);
		return;
	}
	cpu = wake_up(t, rq);
	if (cpu)
		tell(cpu);
}

void sched_expedite(struct thread *t)
{
	u64 flags = x86_irq_save(), now = clock_now_ns();
	struct run_queue *rq = sched_lock(t);
	bool waits = t->guest && t->state == THREAD_READY;
	struct cpu *cpu = t->home;

	if (t->guest && t == cpu->current) {
		sched_account(cpu, now);
		rq->load -= balance_weight(t);
	}
	if (waits)
		sched_dequeue_guest(rq, t);
	t->guest = false;
	t->kernel_priority = PRIO_KERNEL;
	/* Never BLOCKED meanwhile: it may also be in a wait queue, and be woken from there. */
	waits = waits && sched_add(cpu, t, SCHED_PREEMPTED, now);
	spin_unlock_raw(&rq->lock);
	if (waits)
		tell(cpu);
	x86_irq_restore(flags);
	sched_resched_point();
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

/* Lock held. */
static u64 next_event(const struct cpu *cpu)
{
	const struct run_queue *rq = &cpu->run_queue;
	const struct thread *t = cpu->current;

	if (t->guest || t == cpu->idle)
		return sched_policy->next_event(rq, t->guest ? t : NULL);
	return rq->kernel.mask & 1u << t->kernel_priority ? t->slice_end_ns : TIMER_NEVER;
}

u64 sched_next_event(struct cpu *cpu)
{
	struct run_queue *rq = &cpu->run_queue;
	u64 at;

	if (!cpu->current || !(READ_ONCE(rq->guest_count) || READ_ONCE(rq->kernel.mask) ||
			       sched_policy->limits_lone))
		return TIMER_NEVER; /* no tick for a CPU with one thread, or none */
	if (READ_ONCE(cpu->need_resched))
		/* it is over and the switch due, perhaps when preemption is on */
		return TIMER_NEVER;
	spin_lock_raw(&rq->lock);
	at = next_event(cpu);
	spin_unlock_raw(&rq->lock);
	return at;
}

void sched_check_event(struct cpu *cpu)
{
	struct run_queue *rq = &cpu->run_queue;
	struct thread *t = cpu->current;
	u64 now = clock_now_ns();

	spin_lock_raw(&rq->lock);
	if (next_event(cpu) <= now) {
		if (t != cpu->idle)
			sched_account(cpu, now);
		if (!t->guest && t != cpu->idle)
			cpu->need_resched = true;
		else if (!sched_policy->event || sched_policy->event(rq, t->guest ? t : NULL, now))
			cpu->need_resched = rq->balance = true;
	}
	spin_unlock_raw(&rq->lock);
}

/* Another CPU made a thread of ours ready. If that goes first the switch programs the timer. */
static void resched_vector(void *ctx)
{
	(void)ctx;
	if (!this_cpu()->need_resched)
		timer_program(this_cpu());
}

static NORETURN void idle_loop(void)
{
	this_cpu()->preempt_count = 0;
	for (;;)
		sched_switch();
}

void sched_init_cpu(struct cpu *cpu)
{
	struct run_queue *rq = &cpu->run_queue;

	spin_init(&rq->lock, LOCK_RUN_QUEUE);
	levels_init(&rq->kernel);
	list_init(&rq->guests);
	sched_policy->init(rq);
	cpu->idle = thread_create_idle(cpu);
	cpu->current = cpu->idle;
	cpu->preempt_count = 1; /* until sched_idle() */
}

void sched_init(void)
{
	policy_choose();
	sched_init_cpu(this_cpu());
	irq_register_vector(VECTOR_RESCHED, resched_vector, NULL);
}

void sched_idle(void)
{
	x86_cli();
	thread_call_on_stack(this_cpu()->idle->stack_top, idle_loop);
}
