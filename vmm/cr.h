#pragma once
/* Writes to control registers and EFER, checked as the processor checks them. */
#include "compiler.h"
#include "types.h"
struct vcpu;
/* 0, or -EINVAL: the guest gets #GP(0). SDM 3A 2.5, APM 2 3.1. */
MUST_CHECK int cr0_write(struct vcpu *v, u64 value);
MUST_CHECK int cr3_write(struct vcpu *v, u64 value);
MUST_CHECK int cr4_write(struct vcpu *v, u64 value);
MUST_CHECK int efer_write(struct vcpu *v, u64 value);
