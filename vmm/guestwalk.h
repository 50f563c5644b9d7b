#pragma once
/*
 * The guest's own address translation in software: real mode, 32-bit, PAE, 4-level (SDM 3A 4), with its
 * permission checks and Accessed/Dirty bits, as an instruction that we emulate needs it.
 */
#include "compiler.h"
#include "types.h"
#include "x86/reg.h"

struct vcpu;

#define ACCESS_READ 0u
#define ACCESS_WRITE 1u
#define ACCESS_FETCH 2u
#define ACCESS_USER 4u     /* as CPL 3 */
#define ACCESS_IMPLICIT 8u /* a supervisor access by the processor itself */
#define ACCESS_PROBE 16u   /* set no Accessed or Dirty bits */

/*
 * 0 and *gpa, or -EFAULT and the error code of the #PF that the guest must get. -ENOMEM: host memory.
 */
MUST_CHECK int guest_translate(struct vcpu *v, gva_t gva, unsigned access, gpa_t *gpa, u32 *pf_error);
/*
 * Segment and offset to linear address, with the limit, type and canonical checks of the mode.
 * 0, or -EFAULT after raising #GP or #SS in the guest.
 */
MUST_CHECK int guest_linear(struct vcpu *v, enum segment_name seg, u64 offset, unsigned size,
			    unsigned access, gva_t *gva);
/*
 * Copies by linear address, page by page; RAM and devices alike (devices in naturally sized pieces).
 * 0, or -EFAULT after raising #PF in the guest (bytes before the faulting page are transferred).
 */
MUST_CHECK int guest_read(struct vcpu *v, gva_t gva, void *buf, unsigned len, unsigned access);
MUST_CHECK int guest_write(struct vcpu *v, gva_t gva, const void *buf, unsigned len, unsigned access);
/* Up to 15 bytes at CS:RIP; the number read (0: not readable; nothing is raised in the guest). */
unsigned guest_fetch(struct vcpu *v, u8 *buf, unsigned max);
unsigned guest_cpl(struct vcpu *v);
/* 16, 32 or 64: the default size of code at CS:RIP. */
unsigned guest_code_bits(struct vcpu *v);
