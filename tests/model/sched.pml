/*
 * How threads block, wake and move between CPUs: kernel/sched.c, kernel/balance.c, kernel/waitq.c.
 *
 * Two CPUs, each with its idle thread. S and U sleep until what they wait for is there, by
 * wait_event(). The thread W and an interrupt handler of CPU 0 provide it, and W ends. All are
 * guests' threads, which are moved most. Who is picked, whether somebody better preempts, and when
 * a slice ends, is left open: what holds here, holds with every policy. A section under a lock that
 * takes no other lock is one step. A thread's process waits while its registers are saved. Left out
 * are kernel threads, masks of CPUs, and who runs out of turn (sched_yield_to()).
 *
 * Properties:
 *	one CPU at most uses a stack		asserted in thread_switch()
 *	a thread is in one queue at most	asserted in enqueue()
 *	one that has ended is not run again	asserted in make_current()
 *	when nothing can happen any more, everybody has got what came for him, and sleeps; nobody is
 *	ready, no lock is held (no lost wake-up, no deadlock)	asserted in the monitor
 *	this state comes: nothing goes on for ever		no cycles (pan -l)
 * With -DHOG the thread W wakes nobody, but runs for ever on one CPU, and nobody preempts it. The
 * other CPU must serve the sleepers.
 *
 * Mutations, each of which must be found (tests/model/run):
 *	CONDITION_FIRST		wait_event() looks at its condition, then queues the thread
 *	STACK_IN_USE		a thread is moved though a CPU is still on its stack
 *	PREEMPTED_BLOCKED	one that is preempted on its way to sleep stays BLOCKED
 *	NO_IPI			a CPU is not told that a thread was put into its queue
 *	LOCKS_AS_THEY_COME	two queues are locked in any order
 *	IDLE_AFTER_PULL		a CPU looks for something to take, then says that it is idle (HOG)
 *	FROM_IDLE		a thread is taken from a CPU that is idle, too (cycles)
 *	EXPEDITED_BLOCKED	sched_expedite() makes one that is ready BLOCKED, and wakes it
 */
#ifndef WAKES
#define WAKES 1 /* by the thread W */
#endif
#ifndef IRQS
#define IRQS 1 /* by the interrupt handler */
#endif
#ifndef SLICES
#define SLICES 1 /* that end */
#endif
#ifndef SLEEPERS
#define SLEEPERS 2
#endif

#define S 0
#define U 1
#define W 2
#define THREADS 3
#define CPUS 2
#define ALL 5 /* with the idle ones */
#define NONE 7
#define IDLE(c) (THREADS + (c))
#define OTHER(c) (1 - (c))

mtype = { READY, RUNNING, BLOCKED, DEAD };

/* struct thread; in_queue: run_node is in home's run queue */
mtype state[ALL];
byte home[ALL];
bool on_cpu[ALL], exiting[ALL], in_queue[ALL];
byte stack_user[ALL]; /* the CPU whose RSP is there; NONE: registers are saved */

/* struct cpu */
bool rq_locked[CPUS];
byte current[CPUS], left[CPUS];
bool need_resched[CPUS], cpus_idle[CPUS];
bool ipi[CPUS];	       /* VECTOR_RESCHED is pending */
bool timer0, handler0; /* CPU 0's other interrupt: pending; its handler runs */

byte slices = SLICES;

bool q_locked; /* struct waitq */
bool waiting[THREADS];
bool there[THREADS]; /* what it waits for */

#define IN_QUEUE(c, t) (in_queue[t] && home[t] == c)
#define ANY_READY(c) (IN_QUEUE(c, S) || IN_QUEUE(c, U) || IN_QUEUE(c, W))

/* --- run queues: the caller is in an atomic step that began when the lock was free --- */

inline enqueue(t)
{
	assert(!in_queue[t]);
	in_queue[t] = true;
	state[t] = READY
}

inline make_current(c, t)
{
	assert(!exiting[t] && home[t] == c);
	in_queue[t] = false;
	state[t] = RUNNING;
	on_cpu[t] = t < THREADS;
	current[c] = t
}

/* choose(): the one that runs goes back into the queue, unless it blocks; then the next */
inline choose(c)
{
	atomic {
		!rq_locked[c] -> need_resched[c] = false;
		if
		:: current[c] != IDLE(c) && state[current[c]] == RUNNING -> enqueue(current[c])
		:: else
		fi;
		if
#ifdef HOG
		:: IN_QUEUE(c, W) -> next = W
		:: IN_QUEUE(c, S) && !IN_QUEUE(c, W) -> next = S
		:: IN_QUEUE(c, U) && !IN_QUEUE(c, W) -> next = U
#else
		:: IN_QUEUE(c, S) -> next = S
		:: IN_QUEUE(c, U) -> next = U
		:: IN_QUEUE(c, W) -> next = W
#endif
		:: else -> next = IDLE(c)
		fi;
		make_current(c, next)
	}
}

/* goes_first(): an idle CPU is always left, else it is the policy's choice */
inline let_go_first(c)
{
	if
	:: current[c] == IDLE(c) -> need_resched[c] = true
	:: current[c] != IDLE(c) -> skip
#ifndef HOG
	:: current[c] != IDLE(c) -> need_resched[c] = true
#endif
	fi
}

/* --- moving threads: balance.c --- */

/* lock_both(): of two queues that of the lower CPU first */
#ifdef LOCKS_AS_THEY_COME
#define FIRST(a, b) a
#define SECOND(a, b) b
#else
#define FIRST(a, b) 0
#define SECOND(a, b) 1
#endif

#ifdef STACK_IN_USE
#define STACK_LEFT(t) true
#else
#define STACK_LEFT(t) (!on_cpu[t])
#endif

/* An idle CPU runs it itself in a moment. */
#ifdef FROM_IDLE
#define MAY_LEAVE(c) true
#else
#define MAY_LEAVE(c) (current[c] != IDLE(c))
#endif

#define MOVABLE(c, t) (IN_QUEUE(c, t) && STACK_LEFT(t) && MAY_LEAVE(c))

/* move_one(): any that may be moved goes to the other CPU's queue */
inline move_one(from, to)
{
	atomic { !rq_locked[FIRST(from, to)] -> rq_locked[FIRST(from, to)] = true }
	atomic {
		!rq_locked[SECOND(from, to)];
		if
		:: MOVABLE(from, S) -> moved = S
		:: MOVABLE(from, U) -> moved = U
		:: MOVABLE(from, W) -> moved = W
		:: else -> moved = NONE
		fi;
		if
		:: moved != NONE ->
		   in_queue[moved] = false;
		   home[moved] = to;
		   enqueue(moved);
		   let_go_first(to)
		:: else
		fi;
		rq_locked[FIRST(from, to)] = false
	}
}

/* balance_push(): somebody waits here while the other CPU is idle */
inline balance_push(c)
{
	if
	:: ANY_READY(c) && cpus_idle[OTHER(c)] ->
	   move_one(c, OTHER(c));
	   if
	   :: moved != NONE -> ipi[OTHER(c)] = true
	   :: else
	   fi;
	   moved = 0
	:: else
	fi
}

/* --- switching --- */

/* thread_switch(), and the first thing that the thread does that was entered */
inline finish_switch(me)
{
	atomic {
		stack_user[me] != NONE -> c = stack_user[me];
		if
		:: exiting[left[c]] -> state[left[c]] = DEAD /* thread_buried() */
		:: else -> on_cpu[left[c]] = false
		fi;
		left[c] = 0
	}
	balance_push(c)
}

inline thread_switch(me)
{
	atomic {
		left[c] = me;
		assert(stack_user[next] == NONE);
		stack_user[me] = NONE;
		stack_user[next] = c;
		next = 0
	}
	finish_switch(me)
}

/* Interrupts are off. */
inline sched_switch(me)
{
	c = stack_user[me];
	choose(c);
	if
	:: next == IDLE(c) && !exiting[me] -> wait_for_work(c)
	:: else
	fi;
	if
	:: next != me -> thread_switch(me)
	:: else -> next = 0
	fi
}

/* Halts on the stack of whoever has blocked. */
inline wait_for_work(c)
{
	do
	::
#ifndef IDLE_AFTER_PULL
	   cpus_idle[c] = true;
#endif
	   if
	   :: ANY_READY(OTHER(c)) -> move_one(OTHER(c), c) /* balance_pull() */
	   :: else -> moved = NONE
	   fi;
	   if
	   :: moved == NONE ->
#ifdef IDLE_AFTER_PULL
	      cpus_idle[c] = true;
#endif
	      ipi[c] || (timer0 && c == 0); /* STI and HLT */
	      take_interrupts(c)
	   :: else
	   fi;
	   moved = 0;
	   choose(c);
	   if
	   :: next != IDLE(c) -> break
	   :: else
	   fi
	od;
	cpus_idle[c] = false
}

/*
 * Interrupts that are pending are taken. The handler is a process of its own, in whose time this
 * one stands. The IPI's, resched_vector(), does nothing.
 */
inline take_interrupts(c)
{
	atomic {
		ipi[c] = false;
		if
		:: timer0 && c == 0 -> timer0 = false; handler0 = true
		:: else
		fi
	}
	!handler0 || c != 0
}

/* Interrupts are on: they may come, also at the end of a slice, and preempt: sched_preempt(). */
inline interruptible(me)
{
	c = stack_user[me];
	if
	:: ipi[c] || (timer0 && c == 0) -> take_interrupts(c)
	:: skip
	fi;
	if
	:: atomic { slices > 0 && ANY_READY(c) -> slices--; need_resched[c] = true }
	:: skip
	fi;
	if
	:: need_resched[c] ->
#ifndef PREEMPTED_BLOCKED
	   /* It looks at its condition again when it is back. */
	   atomic { !rq_locked[c] -> state[me] = RUNNING }
#endif
	   sched_switch(me)
	:: else
	fi
}

/* --- waking --- */

/* The other CPU may have become idle while this one was chosen: balance_offer(). */
inline enqueue_woken(t)
{
	enqueue(t);
	if
	:: current[new] != IDLE(new) && cpus_idle[OTHER(new)] -> ipi[OTHER(new)] = true
	:: else
	fi;
	let_go_first(new)
}

/* balance_place(), and what wake_up() does under the lock of t's old home */
inline place(t)
{
	if
	:: on_cpu[t] || current[old] == IDLE(old) -> new = old
	:: else ->
	   if
	   :: cpus_idle[0] -> cpus_idle[0] = false; new = 0
	   :: !cpus_idle[0] && cpus_idle[1] -> cpus_idle[1] = false; new = 1
	   :: else -> new = old
	   fi
	fi;
	home[t] = new;
	if
	:: new == old -> enqueue_woken(t)
	:: else
	fi
}

/* sched_make_ready(), on CPU c with interrupts off */
inline make_ready(c, t)
{
	atomic {
		old = home[t]; /* what sched_lock() ends with */
		!rq_locked[old] -> new = NONE;
		if
		:: state[t] != BLOCKED
		:: state[t] == BLOCKED && current[old] == t ->
		   state[t] = RUNNING /* it has not yet left */
		:: state[t] == BLOCKED && current[old] != t -> place(t)
		fi
	}
	if
	:: new != NONE && new != old ->
	   atomic { !rq_locked[new] -> enqueue_woken(t) }
	:: else
	fi;
#ifndef NO_IPI
	if
	:: new != NONE && new != c -> ipi[new] = true
	:: else
	fi;
#endif
	new = 0;
	old = 0
}

/* Something that somebody waits for comes; waitq_wake_all(). */
inline provide(c)
{
	if
	:: there[S] = true
	:: SLEEPERS > 1 -> there[U] = true
	fi;
	atomic { !q_locked -> q_locked = true }
	if
	:: waiting[S] -> waiting[S] = false; make_ready(c, S)
	:: else
	fi;
	if
	:: waiting[U] -> waiting[U] = false; make_ready(c, U)
	:: else
	fi;
	q_locked = false
}

#ifdef EXPEDITED_BLOCKED
/* It may be in a wait queue at the same time, and be woken from there. */
inline expedite(c, t)
{
	atomic {
		!rq_locked[home[t]];
		if
		:: in_queue[t] -> in_queue[t] = false; state[t] = BLOCKED
		:: else
		fi
	}
	make_ready(c, t)
}
#endif

/* --- sleeping --- */

/* Both locks; nobody takes the first while he holds the second. */
inline waitq_prepare(me)
{
	atomic {
		!q_locked && !rq_locked[stack_user[me]] -> waiting[me] = true;
		state[me] = BLOCKED
	}
}

inline waitq_sleep(me)
{
	if
	:: state[me] == BLOCKED -> sched_switch(me)
	:: else
	fi
}

inline waitq_finish(me)
{
	atomic {
		!q_locked && !rq_locked[stack_user[me]] -> waiting[me] = false;
		state[me] = RUNNING
	}
}

inline wait_event(me)
{
	do
	:: there[me] -> break
	:: else ->
#ifdef CONDITION_FIRST
	   interruptible(me);
	   waitq_prepare(me);
	   waitq_sleep(me);
#else
	   waitq_prepare(me);
	   interruptible(me);
	   if
	   :: there[me]
	   :: else -> waitq_sleep(me)
	   fi;
#endif
	   waitq_finish(me)
	od
}

/* --- the processes --- */

proctype idle_thread(byte me)
{
	byte c, next, moved;

	do
	:: sched_switch(me)
	od
}

proctype sleeper(byte me)
{
	byte c, next, moved;

	finish_switch(me);
	waitq_finish(me); /* he was asleep */
	do
	:: wait_event(me);
	   there[me] = false
	od
}

proctype waker(byte me)
{
	byte c, next, moved, old, new, n;

	finish_switch(me);
#ifdef HOG
	do
	:: c = stack_user[me];
	   ipi[c] || (timer0 && c == 0) -> take_interrupts(c)
	od
#else
	do
	:: n < WAKES ->
	   interruptible(me);
	   c = stack_user[me];
#ifdef EXPEDITED_BLOCKED
	   expedite(c, S);
#endif
	   provide(c);
	   n++
	:: else -> break
	od;
	exiting[me] = true; /* thread_exit() */
	state[me] = BLOCKED;
	sched_switch(me)
#endif
}

/* CPU 0's interrupt comes at any time. */
proctype timer()
{
	byte old, new, n;

	do
	:: n < IRQS ->
	   timer0 = true;
	   handler0;
	   provide(0);
	   handler0 = false;
	   n++
	:: else -> break
	od
}

/* When nobody can do anything any more. */
proctype monitor()
{
	timeout ->
	assert(!there[S] && !there[U]);
	assert(state[S] == BLOCKED && state[U] == BLOCKED);
	assert(!q_locked && !rq_locked[0] && !rq_locked[1] && !ANY_READY(0) && !ANY_READY(1));
#ifndef HOG
	assert(state[W] == DEAD && current[0] == IDLE(0) && current[1] == IDLE(1))
#endif
}

init
{
	byte i;

	atomic {
		for (i : 0 .. CPUS - 1) {
			home[IDLE(i)] = i;
			stack_user[IDLE(i)] = i;
			make_current(i, IDLE(i));
			run idle_thread(IDLE(i))
		}
		for (i : 0 .. THREADS - 1) {
			state[i] = BLOCKED;
			stack_user[i] = NONE
		}
		waiting[S] = true;
		waiting[U] = SLEEPERS > 1;
		enqueue(W);
		run sleeper(S);
		if
		:: SLEEPERS > 1 -> run sleeper(U)
		:: else
		fi;
		run waker(W);
		run timer();
		run monitor();
		i = 0
	}
}
