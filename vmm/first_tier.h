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

#define FIRST_TIER_APIC \
	(BIT(VM_EXIT_RDMSR) | BIT(VM_EXIT_WRMSR) | BIT(VM_EXIT_CR) | BIT(VM_EXIT_FAULT))

/*
 * The registers of the local APIC by MSR or in memory, and CR8, as far as no lock is needed and no
 * other vCPU is put into another state: EOI of edges, fixed IPIs, TPR, timer, and all that is read.
 */
bool first_tier_apic(struct vcpu *v, struct vm_exit *exit);

static ALWAYS_INLINE bool first_tier_cpuid(struct vcpu *v, struct vm_exit *exit)
{
	unsigned length;

	if (exit->in_flight.kind != EVENT_NONE || READ_ONCE(v->requests))
		return false;
	length = exit->length ? exit->length : emulate_length(v, exit);
	if (unlikely(length == 0))
		return false;
	cpuid_answer(v);
	v->exits[VM_EXIT_CPUID]++;
	if (unlikely(vcpu_skip(v, exit->rip, length)))
		event_prepare(v);
	return true;
}

/*
 * Interrupts off. True: the exit is answered, RIP is at the next instruction, and the guest may be
 * entered as it is. False: the exit is as it was, for its handler. On the path of every exit.
 */
static ALWAYS_INLINE bool first_tier(struct vcpu *v, struct vm_exit *exit)
{
	if (exit->reason == VM_EXIT_CPUID)
		return first_tier_cpuid(v, exit);
	return (FIRST_TIER_APIC & BIT(exit->reason)) && first_tier_apic(v, exit);
}
