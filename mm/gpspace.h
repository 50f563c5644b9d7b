#pragma once
/*
 * A partition's guest-physical space: the nested tables (EPT or NPT), the RAM ranges that they may
 * hold, and the frames behind them. RAM is populated on demand, 2 MiB at a time where alignment and
 * free memory allow, and zeroed before a guest can see it. Looking an address up takes no lock:
 * while the partition lives only mm/reclaim.h takes mappings away, and a frame is not freed before
 * all who may have found it have let go of it.
 */
#include "compiler.h"
#include "lib/spinlock.h"
#include "mm/pt.h"
#include "types.h"

#define GPSPACE_RANGES 8

struct gpspace {
	owner_t owner; /* constant after init, as are the ranges once the partition runs */
	unsigned range_count;
	struct gpspace_range {
		gpa_t base;
		u64 size; /* bytes, a multiple of 4 KiB */
		bool writable;
	} range[GPSPACE_RANGES];

	/* lock protects: */
	struct spinlock lock;
	struct pt pt;
	u64 populated; /* bytes */
};

/* Tables and frames will belong to the owner. -ENOMEM. */
MUST_CHECK int gpspace_init(struct gpspace *gs, const struct pt_format *format, owner_t owner);
/*
 * Frees tables and frames. No vCPU may run in it any more. A mapped frame that the owner does not
 * own (someone put it there with pt_map) is left alone. Harmless in a zeroed structure, after a
 * failed gpspace_init, and twice.
 */
void gpspace_free(struct gpspace *gs);
/*
 * Declares RAM (or ROM when not writable). -EINVAL: not 4 KiB aligned, empty, overlapping or beyond
 * 48 bits; -ENOSPC: too many ranges.
 */
MUST_CHECK int gpspace_add_ram(struct gpspace *gs, gpa_t base, u64 size, bool writable);
/* The RAM range that holds all of [gpa, gpa+len), populated or not; NULL: none. Overflow-safe. */
static inline const struct gpspace_range *gpspace_range_of(const struct gpspace *gs, gpa_t gpa,
							   u64 len)
{
	for (unsigned i = 0; i < gs->range_count; i++) {
		const struct gpspace_range *r = &gs->range[i];
		u64 offset = gpa - r->base; /* huge if it begins below */

		if (offset < r->size && len <= r->size - offset)
			return r;
	}
	return NULL;
}

static inline bool gpspace_is_ram(const struct gpspace *gs, gpa_t gpa, u64 len)
{
	return gpspace_range_of(gs, gpa, len) != NULL;
}

/*
 * Makes the page with this address present. 0: done (the guest may retry), -EFAULT: no RAM there,
 * or a write to ROM; -ENOMEM: the host has no frame left. Any context; may zero 2 MiB.
 */
MUST_CHECK int gpspace_fault(struct gpspace *gs, gpa_t gpa, bool write);
/* Shows the page again if it is hidden (mm/reclaim.h). Any context. */
void gpspace_show(struct gpspace *gs, gpa_t gpa);
/*
 * The kernel's pointer to a guest-physical address, populating it if need be; valid to the end of
 * its 4 KiB page. NULL when it is no RAM or memory is out. The pointee is hostile: read it once. Of
 * ROM it gives a pointer, too, which is for reading and for loaders.
 */
MUST_CHECK void *gpspace_hva(struct gpspace *gs, gpa_t gpa);
/*
 * The same with a reason (0, -EFAULT, -ENOMEM) and the number of bytes from there on that are
 * contiguous for the kernel as well: to the end of a 4 KiB or 2 MiB frame.
 */
MUST_CHECK int gpspace_span(struct gpspace *gs, gpa_t gpa, void **hva, u64 *bytes);

/*
 * The fast half of all guest access, without a lock: the kernel's pointer to [gpa, gpa+len) when
 * all of it lies in one present leaf (that may be written, if asked), else NULL, which says
 * nothing: the functions above find out.
 */
static inline void *gpspace_present(const struct gpspace *gs, gpa_t gpa, u64 len, bool write)
{
	const struct pt_format *f = gs->pt.format;
	u64 entry, size, offset;

	if (unlikely(gpa >= BIT(48)))
		return NULL;
	entry = pt_entry(&gs->pt, gpa, &size);
	offset = gpa & (size - 1);
	if (!(entry & f->present) || len > size - offset ||
	    (write && (entry & f->write) != f->write))
		return NULL;
	return phys_to_virt((entry & PT_ADDR & ~(size - 1)) + offset);
}
