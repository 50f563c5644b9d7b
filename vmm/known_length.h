#pragma once
/*
 * Lengths of instructions whose exit names them, without a decoder: for processors that do not
 * report the length. Bytes in a page where RIP's instruction was found before count only when they
 * are exactly what is expected; the page may be stale as a TLB entry may, since the guest's INVLPG
 * does not exit.
 */
#include "types.h"
#include "vmm/exit.h"
#include "vmm/vcpu.h"

#define HINT_PAGE_SIZE 4096u

struct known_length {
	u32 mask, value; /* of the first four bytes, little-endian */
	u8 length;
};

extern const struct known_length known_lengths[VM_EXIT_REASONS];

/* 0: not known by these means. cr3 is the guest's, at exit->rip. */
static inline unsigned known_length_at(const struct vcpu *v, const struct vm_exit *exit, u64 cr3)
{
	const struct known_length *known = &known_lengths[exit->reason];
	unsigned offset = exit->rip & (HINT_PAGE_SIZE - 1);
	u32 bytes;

	if (!v->fetch.hva || exit->rip - offset != v->fetch.page ||
	    offset > HINT_PAGE_SIZE - sizeof(bytes) || cr3 != v->fetch.cr3)
		return 0;
	__builtin_memcpy(&bytes, v->fetch.hva + offset, sizeof(bytes));
	return (bytes & known->mask) == known->value ? known->length : 0;
}
