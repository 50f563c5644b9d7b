#pragma once
/*
 * The guest's own address translation in software: real mode, 32-bit, PAE, 4-level (SDM 3A 4), with
 * its permission checks and Accessed/Dirty bits, as an instruction that we emulate needs it.
 */
#include "compiler.h"
#include "types.h"
#include "x86/reg.h"

struct guest_context;
struct vcpu;

#define ACCESS_READ 0u
#define ACCESS_WRITE 1u
#define ACCESS_FETCH 2u
#define ACCESS_USER 4u	   /* as CPL 3 */
#define ACCESS_IMPLICIT 8u /* a supervisor access by the processor itself */
#define ACCESS_PROBE 16u   /* set no Accessed or Dirty bits */
#define ACCESS_PRESENT 32u /* populate no memory: what is not there is -EFAULT */

/*
 * 0 and *gpa, or -EFAULT and the error code of the #PF that the guest must get. -ENOMEM: host
 * memory.
 */
MUST_CHECK int guest_translate(struct vcpu *v, gva_t gva, unsigned access, gpa_t *gpa,
			       u32 *pf_error);

#define WALK_WORDS 5

/*
 * What the answer of a walk of four levels rests on: the version of the nested tables, and the
 * entries that were read through them, top down, where the kernel sees them. A walk that ends early
 * has the first word again in place of the others. While every word has its value, a walk with the
 * same context reads the same, and so answers the same.
 */
struct walk_words {
	struct walk_word {
		const u64 *at;
		u64 value;
	} word[WALK_WORDS];
};

/*
 * guest_translate() for a fetch of code in this context, which sets no Accessed bits: the processor
 * has done it. words: NULL, or what the answer rests on; for four levels only.
 */
MUST_CHECK int guest_translate_code(struct vcpu *v, const struct guest_context *c, gva_t gva,
				    struct walk_words *words, gpa_t *gpa, u32 *pf_error);

static inline u64 walk_word_change(const struct walk_word *word)
{
	return READ_ONCE(*word->at) ^ word->value;
}

/* Nested tables have changed: a pointer that was found through them may lead anywhere. */
static inline bool walk_version_changed(const struct walk_words *words)
{
	return walk_word_change(&words->word[0]);
}

/* Of words from a walk that has succeeded. Without a loop: this is on the path of most exits. */
static inline bool walk_words_hold(const struct walk_words *words)
{
	const struct walk_word *w = words->word;

	return !(walk_word_change(&w[0]) | walk_word_change(&w[1]) | walk_word_change(&w[2]) |
		 walk_word_change(&w[3]) | walk_word_change(&w[4]));
}

/*
 * Segment and offset to linear address, with the limit, type and canonical checks of the mode.
 * 0, or -EFAULT after raising #GP or #SS in the guest.
 */
MUST_CHECK int guest_linear(struct vcpu *v, enum segment_name seg, u64 offset, unsigned size,
			    unsigned access, gva_t *gva);
/* The same for callers that know guest_code_bits(); raises nothing: 0, or the vector to raise. */
MUST_CHECK unsigned guest_linear_check(struct vcpu *v, unsigned bits, enum segment_name seg,
				       u64 offset, unsigned size, unsigned access, gva_t *gva);

/*
 * Where up to 4 KiB of linear memory are: in one page, or at the end of one and the start of
 * another.
 */
struct guest_span {
	gpa_t gpa[2];
	unsigned len[2]; /* len[1] is 0 for one page */
};

/*
 * Translates all of it before anything is touched. 0, or -EFAULT after raising #PF in the guest, or
 * -ENOMEM: host memory.
 */
MUST_CHECK int guest_map(struct vcpu *v, gva_t gva, unsigned len, unsigned access,
			 struct guest_span *span);
/* RAM and devices alike; devices see naturally aligned pieces. 0 or -ENOMEM. */
MUST_CHECK int guest_span_access(struct vcpu *v, const struct guest_span *span, void *buf,
				 bool write);
/*
 * Access by the guest-physical address, inside one page: the vCPU's local APIC, RAM, or the bus. 0
 * or -ENOMEM. Takes the device lock where a device is meant.
 */
MUST_CHECK int guest_physical_access(struct vcpu *v, gpa_t gpa, void *buf, unsigned len,
				     bool write);
struct io_access;
/*
 * The same for what is known to be no RAM: one naturally aligned access of a->size bytes by the
 * vCPU's local APIC or the bus. a->addr is theirs.
 */
void guest_device_access(struct vcpu *v, gpa_t gpa, struct io_access *a);
/*
 * Copies by linear address, page by page. 0, -ENOMEM, or -EFAULT after raising #PF in the guest. Of
 * a copy that fits in 4 KiB nothing is then transferred, of a longer one the part before.
 */
MUST_CHECK int guest_read(struct vcpu *v, gva_t gva, void *buf, unsigned len, unsigned access);
MUST_CHECK int guest_write(struct vcpu *v, gva_t gva, const void *buf, unsigned len,
			   unsigned access);
unsigned guest_cpl(struct vcpu *v);
/* 16, 32 or 64: the default size of code at CS:RIP. */
unsigned guest_code_bits(struct vcpu *v);
