#pragma once
/* Emulation of single instructions on behalf of a guest. In the vCPU's own thread. */
#include "compiler.h"
#include "types.h"
#include "vmm/exit.h"

struct vcpu;

/*
 * The instruction at RIP touched a device's memory. Emulates it whole: loads and stores go to RAM
 * or to the I/O bus by address. EXIT_ADVANCE with exit->length set; EXIT_RESUME when an exception
 * was raised in the guest or a REP has more to do (interrupts may come between); EXIT_STOP after
 * partition_error() when the decoder does not know it.
 */
enum exit_action emulate_mmio(struct vcpu *v, struct vm_exit *exit);
/* IN, OUT, INS, OUTS. The same answers. REP works in chunks so that interrupts are not held off. */
enum exit_action emulate_io(struct vcpu *v, struct vm_exit *exit);
/*
 * Length of the instruction at RIP that is known to be of this kind (OP_CPUID ...). The fast way
 * when its bytes have no prefix, else by the decoder. 0 when it cannot be read.
 */
unsigned emulate_length(struct vcpu *v, struct vm_exit *exit);
