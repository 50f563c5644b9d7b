/* Placing threads on CPUs; kernel/balance.h says by which rules. */
#include "kernel/balance.h"

#include "kernel/smp.h"
#include "kernel/thread_internal.h"
#include "kernel/timer.h"

#define SCAN_MAX 16 /* threads of a long queue that a search for one to move looks at */

/* Of two queues that of the lower CPU first. */
static void lock_both(struct cpu *a, struct cpu *b)
{
	if (a->id > b->id) {
		lock_both(b, a);
		return;
	}
	spin_lock_raw(&a->run_queue.lock);
	if (a != b)
		spin_lock_raw(&b->run_queue.lock);
}

static void unlock_both(struct cpu *a, struct cpu *b)
{
	spin_unlock_raw(&a->run_queue.lock);
	if (a != b)
		spin_unlock_raw(&b->run_queue.lock);
}

static u64 allowed_cpus(const struct thread *t)
{
	return t->sched.params.cpus & READ_ONCE(cpus_online);
}

/* The CPU of the mask with the smallest load; of several the first. Loads are hints. */
static struct cpu *least_loaded(u64 mask)
{
	struct cpu *best = NULL;

	for (; mask; mask &= mask - 1) {
		struct cpu *cpu = cpus[__builtin_ctzll(mask)];

		if (!best || READ_ONCE(cpu->run_queue.load) < READ_ONCE(best->run_queue.load))
			best = cpu;
	}
	return best;
}

struct cpu *balance_place(const struct thread *t)
{
	u64 allowed = allowed_cpus(t), idle;
	bool home_allowed = allowed & BIT(t->home->id);

	if (t->on_cpu || (home_allowed && t->home->current == t->home->idle && t->wakeups))
		return t->home;
	idle = READ_ONCE(cpus_idle) & allowed;
	if (idle) {
		unsigned id = (unsigned)__builtin_ctzll(idle);

		/* The next one that wakes looks for another. */
		__atomic_and_fetch(&cpus_idle, ~BIT(id), __ATOMIC_SEQ_CST);
		return cpus[id];
	}
	/* A new one has no home yet that would be worth waiting for. */
	return home_allowed && (t->wakeups || !t->guest) ? t->home : least_loaded(allowed);
}

void balance_offer(const struct thread *t)
{
	u64 idle;

	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* first it is queued, then we look */
	idle = READ_ONCE(cpus_idle) & allowed_cpus(t);
	if (idle)
		cpu_kick(cpus[__builtin_ctzll(idle)]);
}

/* May another CPU take this ready thread? Lock of its home held. */
static bool movable(const struct thread *t, const struct cpu *to)
{
	return !__atomic_load_n(&t->on_cpu, __ATOMIC_ACQUIRE) && balance_may_use(t, to);
}

/* Both locks held. */
static void move(struct thread *t, struct cpu *to)
{
	u64 now = clock_now_ns();

	if (t->home->current->guest)
		sched_account(t->home, now);
	sched_dequeue_guest(&t->home->run_queue, t);
	t->home = to;
	t->migrations++;
	sched_add(to, t, SCHED_MOVED, now);
}

/* A ready vCPU of one CPU that may go to the other; NULL: none. Both locks held. */
static struct thread *find_movable(struct cpu *from, const struct cpu *to, u64 weight_max)
{
	struct thread *t;
	unsigned left = SCAN_MAX;

	list_for_each_reverse(t, &from->run_queue.guests, guest_node)
	{
		if (movable(t, to) && balance_weight(t) <= weight_max)
			return t;
		if (--left == 0)
			break;
	}
	return NULL;
}

static bool move_one(struct cpu *from, struct cpu *to, u64 weight_max)
{
	struct thread *t;

	lock_both(from, to);
	/* Who runs nothing will run it at once; two idle CPUs must not take it from each other. */
	t = from->current == from->idle ? NULL : find_movable(from, to, weight_max);
	if (t)
		move(t, to);
	unlock_both(from, to);
	return t;
}

bool balance_pull(struct cpu *cpu)
{
	for (unsigned i = 0; i < cpu_count; i++) {
		struct cpu *from = cpus[i];

		if (from != cpu && READ_ONCE(from->run_queue.guest_count) &&
		    move_one(from, cpu, UINT64_MAX))
			return true;
	}
	return false;
}

/*
 * The least loaded CPU first; if nobody may go there, the next one. What it may weigh: the other
 * CPU must not have more afterwards than this one had before.
 */
void balance_push(struct cpu *cpu)
{
	u64 mask = READ_ONCE(cpus_online) & ~BIT(cpu->id);

	cpu->run_queue.balance = false;
	while (mask && READ_ONCE(cpu->run_queue.guest_count)) {
		struct cpu *to = least_loaded(mask);
		u64 here = cpu->run_queue.load, there = READ_ONCE(to->run_queue.load);

		if (there >= here)
			return;
		if (move_one(cpu, to, here - there)) {
			cpu_kick(to);
			return;
		}
		mask &= ~BIT(to->id);
	}
}

bool balance_fetch(struct cpu *cpu, struct thread *t)
{
	struct cpu *from = READ_ONCE(t->home);
	bool ready;

	lock_both(from, cpu);
	ready = t->home == from && t->state == THREAD_READY && t->guest && movable(t, cpu) &&
		(!sched_policy->may_run || sched_policy->may_run(&cpu->run_queue, t));
	if (ready && from != cpu)
		move(t, cpu);
	if (ready)
		cpu->run_queue.hint = t;
	unlock_both(from, cpu);
	return ready;
}
