#pragma once
/*
 * The guest's FPU, SSE and AVX state. The kernel never touches these registers, so they stay in the
 * processor across exits and move only when the scheduler switches vCPUs (SDM 1 13, APM 2 11.5).
 */
#include "compiler.h"
#include "types.h"

struct vcpu;

/*
 * The XCR0 bits a guest may set: what the processor has and what its XSAVE area of ours can keep.
 */
u64 vfpu_xcr0_mask(void);
/* Allocates the area in the state after RESET. -ENOMEM. */
MUST_CHECK int vfpu_init(struct vcpu *v);
void vfpu_free(struct vcpu *v);
/* From the back ends' load and put: interrupts off. */
void vfpu_load(struct vcpu *v);
void vfpu_put(struct vcpu *v);
/* XSETBV by the guest while its state is loaded. -EINVAL: it gets #GP (SDM 2D XSETBV). */
MUST_CHECK int vfpu_set_xcr0(struct vcpu *v, u32 index, u64 value);
