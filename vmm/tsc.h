#pragma once
/* The guest's time-stamp counter: the host's plus an offset, read by the guest without an exit. */
#include "types.h"
#include "vmm/vcpu.h"
#include "x86/insn.h"

static inline u64 tsc_guest(const struct vcpu *v)
{
	return x86_rdtsc() + v->tsc_offset;
}

static inline void tsc_set_offset(struct vcpu *v, u64 offset)
{
	v->tsc_offset = offset;
	backend->set_tsc_offset(v, offset);
}
