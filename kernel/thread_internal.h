#pragma once
/* Between thread.c, sched.c and thread_switch.asm. */
#include "compiler.h"
#include "kernel/policy.h"
#include "types.h"

struct cpu;
struct thread;

/* Saves the callee-saved registers and RSP of one thread and loads the other's. Interrupts off. */
void thread_switch(struct thread *from, struct thread *to);
NORETURN void thread_call_on_stack(void *stack_top, void (*fn)(void));
/*
 * Into the queue of its home, this CPU, the lock of which is held. True: the CPU must know, since
 * the thread goes first, or ends the running one's turn sooner.
 */
bool sched_add(struct cpu *cpu, struct thread *t, enum sched_why why, u64 now);
/* A vCPU's thread out of its queue, not to run but to move. Lock held. */
void sched_dequeue_guest(struct run_queue *rq, struct thread *t);
/* Counts what the CPU's current thread has used up to now, and tells the policy. Lock held. */
void sched_account(struct cpu *cpu, u64 now);
/* The thread's stack is left for ever: joiners may free it. Interrupts off. */
void thread_buried(struct thread *t);
/* Frees the dead threads that nobody joins. Thread context. */
void thread_free_dead(void);
/* The thread that a CPU runs when it has nothing to do; panics when memory is short. */
struct thread *thread_create_idle(struct cpu *cpu);
