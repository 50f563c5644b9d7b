#pragma once
/* Between thread.c, sched.c and thread_switch.asm. */
#include "compiler.h"

struct cpu;
struct thread;

/* Saves the callee-saved registers and RSP of one thread and loads the other's. Interrupts off. */
void thread_switch(struct thread *from, struct thread *to);
NORETURN void thread_call_on_stack(void *stack_top, void (*fn)(void));
/* The thread's stack is left for ever: joiners may free it. Interrupts off. */
void thread_buried(struct thread *t);
/* Frees the dead threads that nobody joins. Thread context. */
void thread_free_dead(void);
/* The thread that a CPU runs when it has nothing to do; panics when memory is short. */
struct thread *thread_create_idle(struct cpu *cpu);
