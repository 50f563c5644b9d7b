#pragma once
/*
 * What a guest sees of the processor: the host's CPUID, less what we do not support, plus what we
 * emulate, a hypervisor leaf of our own at 0x40000000 and KVM's clock at 0x40000100.
 */
#include "compiler.h"
#include "types.h"
#include "x86/insn.h"

struct vcpu;

#define CPUID_HYPERVISOR_BASE 0x40000000u
#define CPUID_KVM_BASE 0x40000100u
#define CPUID_SIGNATURE "PartitaVMM\0\0"
#define CPUID_KVM_SIGNATURE "KVMKVMKVM\0\0\0"

/* Builds the vCPU's table once; the few bits that change at run time are filled in at each use. */
MUST_CHECK int cpuid_init(struct vcpu *v);
void cpuid_free(struct vcpu *v);
struct cpuid_regs cpuid_guest(struct vcpu *v, u32 leaf, u32 subleaf);
/*
 * The CPUID instruction, on the vCPU's registers. Its FPU state is loaded; interrupts may be off.
 */
void cpuid_answer(struct vcpu *v);
/* How many leaves were asked for that have no rule, and the last of them. */
u64 cpuid_unknown(const struct vcpu *v, u32 *last);
/* Bits that the guest's CPUID allows: others give #GP. */
u64 cpuid_cr4_mask(const struct vcpu *v);
u64 cpuid_efer_mask(const struct vcpu *v);
unsigned cpuid_phys_bits(const struct vcpu *v);
/* What a processor that was reset has in EDX: family, model, stepping. */
u32 cpuid_signature(const struct vcpu *v);
bool cpuid_has_rdtscp(const struct vcpu *v);
