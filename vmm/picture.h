#pragma once
/*
 * A copy of what a vCPU holds, to be looked at in peace: for the monitor, and when a guest fails.
 */
#include "types.h"
#include "vmm/exit.h"
#include "x86/reg.h"

struct vcpu;

struct vcpu_picture {
	u64 reg[REG_COUNT];
	struct segment seg[SEG_COUNT];
	struct vm_exit exit; /* the last one */
	u8 code[15];	     /* at RIP, as far as it can be read without a trace */
	unsigned code_len, code_bits;
};

/*
 * Wherever the vCPU is: of one that runs it shows some moment of the present. Thread context,
 * interrupts on, no spinlock held; from its own thread, or while it cannot be freed.
 */
void vcpu_take_picture(struct vcpu *v, struct vcpu_picture *pic);
