#pragma once
/* Emulation of single instructions on behalf of a guest. In the vCPU's own thread. */
#include "compiler.h"
#include "types.h"
#include "vmm/decode.h"
#include "vmm/exit.h"
#include "vmm/iobus.h"

struct vcpu;

/*
 * The instruction at RIP touched a device's memory. Emulates it whole: loads and stores go to RAM
 * or to the I/O bus by address. EXIT_ADVANCE with exit->length set; EXIT_RESUME when an exception
 * was raised in the guest or a REP has more to do (interrupts may come between); EXIT_STOP after
 * partition_error() when the decoder does not know it.
 */
enum exit_action emulate_mmio(struct vcpu *v, struct vm_exit *exit);
/*
 * The quick way for what drivers do: a MOV of 4 or 8 bytes in 64-bit code that was decoded before.
 * False: nothing was done, emulate_mmio() must do it; else as after its EXIT_ADVANCE.
 */
MUST_CHECK bool emulate_device_mov(struct vcpu *v, struct vm_exit *exit);

/* Such a MOV in two steps, for who knows the device. */
struct device_mov {
	struct io_access access; /* all but its address */
	const struct operand *other;
	u8 length;
};

/* With interrupts off, too: takes no lock and no time. False: it is none. */
MUST_CHECK bool emulate_mov_find(struct vcpu *v, const struct vm_exit *exit,
				 struct device_mov *mov);
/* After the access: a load reaches its register. */
void emulate_mov_finish(struct vcpu *v, const struct device_mov *mov);
/* IN, OUT, INS, OUTS. The same answers. REP works in chunks so that interrupts are not held off. */
enum exit_action emulate_io(struct vcpu *v, struct vm_exit *exit);
/*
 * Length of the instruction at RIP that is known to be of this kind (OP_CPUID ...). The fast way
 * when its bytes have no prefix, else by the decoder. 0 when it cannot be read.
 */
unsigned emulate_length(struct vcpu *v, struct vm_exit *exit);
