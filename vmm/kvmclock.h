#pragma once
/*
 * KVM's paravirtual clock: Linux learns the TSC's frequency and its time of day from it without
 * calibrating against a PIT (Linux Documentation/virt/kvm/x86/msr.rst).
 */
#include "compiler.h"
#include "types.h"
struct vcpu;
/*
 * -EINVAL: the address is no RAM of the partition; the guest gets #GP. With the guest's clock
 * loaded.
 */
MUST_CHECK int kvmclock_write_wall(struct vcpu *v, u64 value);
MUST_CHECK int kvmclock_write_system(struct vcpu *v, u64 value);
/* The guest has moved its TSC: tells it what time that means. */
MUST_CHECK int kvmclock_tsc_moved(struct vcpu *v);
