#pragma once
/*
 * MSRs that a guest reads and writes by an exit. In the vCPU's thread.
 */
#include "compiler.h"
#include "types.h"
struct vcpu;
/* 0, or -EINVAL: the guest gets #GP(0); an unknown MSR is also counted. */
MUST_CHECK int msr_read(struct vcpu *v, u32 msr, u64 *value);
MUST_CHECK int msr_write(struct vcpu *v, u32 msr, u64 value);
/* Power-on values. */
void msr_reset(struct vcpu *v);
