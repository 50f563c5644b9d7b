/*
 * How a request reaches a vCPU: vcpu_request() and vcpu_kick() against vcpu_enter() and vcpu_rest()
 * in vmm/run.c; the protocol stands in vmm/vcpu.h. Property: every request is served, wherever the
 * vCPU is when it is made: on its way into the guest, in a guest that never exits by itself, on its
 * way to sleep, asleep, or between two CPUs.
 *
 * Two CPUs. The vCPU's thread may be preempted and moved wherever interrupts are on. Requests come
 * from a thread that moves, too, so that it may run where the vCPU ran a moment ago, and from the
 * handler of CPU 0's timer, which may interrupt the vCPU at any instruction. The store to in_guest
 * goes through a store buffer, as on x86: others may see it later, unless a barrier waits for it.
 * Of the wait queue this model takes for granted what sched.pml proves.
 *
 * Mutations, each of which must be found (tests/model/run):
 *	LOOK_BEFORE_IN_GUEST	the vCPU looks at requests first, then says that it is in the guest
 *	NO_BARRIER		it does not wait for its store to in_guest before it looks
 *	LOOK_BEFORE_QUEUE	it looks at requests, queues itself, and sleeps
 *	LOOK_BEFORE_REQUEST	who asks looks at in_guest first, then sets the bit
 */
#define NONE 2
#define GONE 3
#define THREAD_BIT 1
#define TIMER_BIT 2
#ifndef THREAD_REQUESTS
#define THREAD_REQUESTS 1
#endif
#ifndef TIMER_REQUESTS
#define TIMER_REQUESTS 1
#endif

byte vcpu_cpu = 0;	/* where the vCPU's thread runs; NONE: preempted or asleep */
byte requester_cpu = 1; /* where the requesting thread runs */
bool timer0, irq0;	/* CPU 0: the timer's interrupt is pending; its handler runs */
bool irqs_off;		/* by the vCPU's thread, on its CPU */
bool ipi[2];		/* VECTOR_RESCHED is pending */

byte requests;		/* v->requests */
byte in_guest = NONE;	/* v->in_guest as memory has it: a CPU */
bool stored;		/* a store to it is in the store buffer */
byte to_store = NONE;	/* its value */
bool queued;		/* in v->wait */
bool blocked;		/* thread->state is BLOCKED */
bool guest_runs;	/* the processor executes the guest */

/* The vCPU's thread executes its next instruction now. */
#define V_RUNS (vcpu_cpu != NONE && !(irq0 && vcpu_cpu == 0))
#define STEP(what) atomic { V_RUNS -> what }
#define R_RUNS (requester_cpu != NONE && requester_cpu != vcpu_cpu && !(irq0 && requester_cpu == 0))

inline store_in_guest(value)
{
	atomic {
		V_RUNS && !stored -> to_store = value;
		stored = true
	}
}

#ifdef NO_BARRIER
#define full_barrier() skip
#else
#define full_barrier() STEP(!stored -> skip)
#endif

/* The processor's store buffer drains at any time. */
active proctype store_buffer()
{
end:	do
	:: atomic { stored -> in_guest = to_store; stored = false }
	od
}

/* Interrupts are on here: a reschedule IPI is taken, and the thread may lose its CPU. */
inline interruptible()
{
	atomic {
		V_RUNS && !irqs_off -> ipi[vcpu_cpu] = false;
		if
		:: skip
		:: !stored -> vcpu_cpu = NONE; /* sched_preempt(); a switch drains the buffer */
		   blocked = false	       /* one that was about to block looks again */
		fi
	}
}

/* Ready threads get a free CPU, and IPIs that came too late are taken by whoever runs there. */
active proctype scheduler()
{
end:	do
	:: atomic {
		vcpu_cpu == NONE && !blocked ->
		if
		:: requester_cpu != 0 && !irq0 -> vcpu_cpu = 0
		:: requester_cpu != 1 -> vcpu_cpu = 1
		fi
	   }
	:: atomic {
		requester_cpu == NONE ->
		if
		:: vcpu_cpu != 0 && !irq0 -> requester_cpu = 0
		:: vcpu_cpu != 1 -> requester_cpu = 1
		fi
	   }
	:: atomic { ipi[0] && vcpu_cpu != 0 -> ipi[0] = false }
	:: atomic { ipi[1] && vcpu_cpu != 1 -> ipi[1] = false }
	od
}

/* wait_event(&v->wait, requests) */
inline wait_for_request()
{
	do
	:: requests != 0 -> break
	:: else ->
#ifdef LOOK_BEFORE_QUEUE
	   STEP(!stored -> queued = true; blocked = true);
	   interruptible();
	   STEP(vcpu_cpu = (blocked -> NONE : vcpu_cpu));
#else
	   /* waitq_prepare(), and the barrier of vcpu_has_reason() */
	   STEP(!stored -> queued = true; blocked = true);
	   interruptible();
	   if
	   :: requests != 0
	   :: else ->
	      interruptible();
	      STEP(vcpu_cpu = (blocked -> NONE : vcpu_cpu)) /* waitq_sleep() */
	   fi;
#endif
	   STEP(queued = false; blocked = false) /* waitq_finish() */
	od
}

/* vcpu_enter(): in the guest until an interrupt, or until it exits by itself, if it ever does. */
inline enter_guest()
{
	STEP(irqs_off = true); /* x86_cli() */
#ifdef LOOK_BEFORE_IN_GUEST
	STEP(looked = requests);
	store_in_guest(vcpu_cpu);
	full_barrier();
#else
	store_in_guest(vcpu_cpu);
	full_barrier();
	STEP(looked = requests);
#endif
	if
	:: looked != 0
	:: else -> STEP(guest_runs = true);
end_guest: /* it may stay there for ever, when nobody has a request */
	   STEP(may_exit || ipi[vcpu_cpu] || (timer0 && vcpu_cpu == 0) -> guest_runs = false)
	fi;
	store_in_guest(NONE);
	STEP(irqs_off = false); /* x86_sti() */
	interruptible()
}

active proctype vcpu()
{
	byte looked;
	bool may_exit;

	do
	:: STEP(requests = 0); /* vcpu_serve_requests(): one exchange */
	   interruptible();
	   if
	   :: may_exit = true
	   :: may_exit = false
	   fi;
	   enter_guest();
	   if /* vcpu_handle_exit() */
	   :: skip
	   :: may_exit -> wait_for_request() /* HLT: vcpu_rest() */
	   fi
	od
}

/* What a thread does that may be preempted, and move, before every step. */
#define R(what) \
	do \
	:: atomic { R_RUNS -> what; break } \
	:: atomic { R_RUNS && moves > 0 -> moves--; requester_cpu = NONE } \
	od

/* waitq_wake_all(): under the queue's lock, so one step. */
#define WAKE queued = false; blocked = false

/* vcpu_request() and vcpu_kick() from a thread. */
active proctype requester()
{
	byte n, seen, moves = 1;

	do
	:: n < THREAD_REQUESTS ->
#ifdef LOOK_BEFORE_REQUEST
	   R(seen = in_guest);
	   R(requests = requests | THREAD_BIT);
#else
	   R(requests = requests | THREAD_BIT);
	   R(seen = in_guest);
#endif
	   if
	   :: seen != NONE -> R(ipi[seen] = true)
	   :: seen == NONE && queued -> R(WAKE)
	   :: seen == NONE && !queued
	   fi;
	   n++
	:: else -> break
	od;
	requester_cpu = GONE
}

/*
 * The same from the handler of CPU 0's timer. It waits while interrupts are off there, and ends a
 * guest.
 */
active proctype timer()
{
	byte n, seen;

	do
	:: n < TIMER_REQUESTS ->
	   timer0 = true;
	   atomic {
		!(vcpu_cpu == 0 && irqs_off) -> timer0 = false;
		irq0 = true
	   }
	   requests = requests | TIMER_BIT;
	   seen = in_guest;
	   if
	   :: seen != NONE -> ipi[seen] = true
	   :: seen == NONE && queued -> atomic { WAKE }
	   :: seen == NONE && !queued
	   fi;
	   irq0 = false;
	   n++
	:: else -> break
	od
}

ltl served
{
	[] ((requests & THREAD_BIT) != 0 -> <> ((requests & THREAD_BIT) == 0)) &&
	[] ((requests & TIMER_BIT) != 0 -> <> ((requests & TIMER_BIT) == 0))
}
