#pragma once
/*
 * The first tier: exits that need nothing of the host are answered with interrupts still off, and
 * the guest is entered again. A host interrupt that waits makes that entry exit at once, so nothing
 * is late.
 */
#include "vmm/cpuid.h"
#include "vmm/emulate.h"
#include "vmm/guestwalk.h"
#include "vmm/vcpu.h"

/* Outside 64-bit code RIP has 32 bits. */
static ALWAYS_INLINE u64 vcpu_next_rip(struct vcpu *v, u64 rip, unsigned length)
{
	u64 next = rip + length;

	return unlikely((rip ^ next) >> 32) && guest_code_bits(v) != 64 ? (u32)next : next;
}

/* The guest single-steps: raises the trap that the instruction would have ended with. True. */
bool vcpu_raise_step(struct vcpu *v);

/* To the next instruction. True: a #DB has been raised. On the path of nearly every exit. */
static ALWAYS_INLINE bool vcpu_skip(struct vcpu *v, u64 rip, unsigned length)
{
	return unlikely(backend->skip(v, vcpu_next_rip(v, rip, length))) && vcpu_raise_step(v);
}

/*
 * Interrupts off. True: the exit is answered, RIP is at the next instruction, and the guest may be
 * entered as it is. False: to the handlers, where it is either untouched or, when only an event is
 * left to deliver, has become VM_EXIT_HOST_INTERRUPT. Inline, because it is on the path of every
 * exit.
 */
static ALWAYS_INLINE bool first_tier(struct vcpu *v, struct vm_exit *exit)
{
	unsigned length;

	if (exit->reason != VM_EXIT_CPUID || exit->in_flight.kind != EVENT_NONE ||
	    READ_ONCE(v->requests))
		return false;
	length = exit->length ? exit->length : emulate_length(v, exit);
	if (unlikely(length == 0))
		return false;
	cpuid_answer(v);
	if (unlikely(vcpu_skip(v, exit->rip, length))) {
		exit->reason = VM_EXIT_HOST_INTERRUPT;
		return false;
	}
	v->exits[VM_EXIT_CPUID]++;
	return true;
}
