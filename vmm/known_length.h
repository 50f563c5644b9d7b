#pragma once
/*
 * Lengths of instructions whose exit names them, without a decoder: for processors that do not
 * report the length. The bytes count only when they are exactly what is expected, in the page where
 * code at this address was found before, in a frame that is still the guest's: the version of the
 * nested tables says so. The guest's own tables are not compared with what was found, which would
 * double the cost: if they lead elsewhere now, the same instruction lies there (it has exited), and
 * what could be wrong is the number of its prefixes.
 */
#include "types.h"
#include "vmm/exit.h"
#include "vmm/fetch.h"
#include "vmm/vcpu.h"

struct known_length {
	u32 mask, value; /* of the first four bytes, little-endian */
	u8 length;
};

extern const struct known_length known_lengths[VM_EXIT_REASONS];

/* 0: not known by these means. cr3 is the guest's, at exit->rip. */
static inline unsigned known_length_at(struct vcpu *v, const struct vm_exit *exit, u64 cr3)
{
	const struct known_length *known = &known_lengths[exit->reason];
	const struct code_page *page = code_page_slot(&v->code, exit->rip);
	unsigned offset = CODE_PAGE_OFFSET(exit->rip);
	u32 bytes;

	if (!code_page_is_at(page, exit->rip, cr3) || offset > CODE_PAGE_SIZE - sizeof(bytes) ||
	    walk_version_changed(&page->words))
		return 0;
	__builtin_memcpy(&bytes, page->hva + offset, sizeof(bytes));
	return (bytes & known->mask) == known->value ? known->length : 0;
}
