#pragma once
/* A vCPU's thread: the loop of entries and exits. */
struct vcpu;
/* The thread's function; arg is the struct vcpu. Returns when the vCPU has been asked to stop. */
void vcpu_thread(void *arg);
/*
 * Registers, the last exit and the bytes at RIP, by names. Thread context; the vCPU may run.
 */
void vcpu_dump(struct vcpu *v, void (*print)(const char *fmt, ...));
