#pragma once
/*
 * One page-table walker for the kernel's own tables (SDM 3A 4.5), Intel's EPT (SDM 3C 28.3) and
 * AMD's nested page tables (APM 2 15.25), which differ only in a struct pt_format. Four levels
 * each. Callers hold the lock of the space that the table belongs to; pt_entry and pt_lookup may
 * also run without it beside changes that only add entries.
 *
 * Tables that become empty are retired, not freed: another processor may still be walking them. Who
 * removes mappings has every processor flushed, and then frees them by the pair of functions below.
 */
#include "compiler.h"
#include "mm/frame.h"
#include "types.h"

#define PT_READ 1u /* must be part of every protection */
#define PT_WRITE 2u
#define PT_EXEC 4u
#define PT_UNCACHED 8u /* device memory */

#define PT_LEVELS 4
#define PT_ADDR MASK(51, 12)			 /* the physical address in an entry */
#define PT_SHIFT(level) (12 + 9 * ((level)-1))	 /* level 1 entries map 4 KiB */
#define PT_SIZE(level) (1ull << PT_SHIFT(level)) /* bytes that one entry covers */
#define PT_INDEX(va, level) ((va) >> PT_SHIFT(level) & 511)

struct pt_format {
	const char *name;
	u64 present;	    /* an entry with none of these bits maps nothing */
	u64 write;	    /* bits that a leaf must have for writing */
	u64 table;	    /* bits of an entry that points to a lower table */
	u64 large;	    /* the bit that makes a level 2 or 3 entry a leaf */
	bool sign_extended; /* addresses are canonical 48-bit ones; else they are below 2^48 */
	bool pages_1g;	    /* 1 GiB leaves may be used: from CPUID or the EPT capabilities */
	u64 (*encode)(unsigned prot);
	unsigned (*decode)(u64 entry);
};

/*
 * In an entry without present bits: a leaf that pt_hide() has hidden. Processors ignore it there.
 */
#define PT_HIDDEN BIT(52)

extern struct pt_format pt_format_kernel, pt_format_ept, pt_format_npt;

struct pt {
	const struct pt_format *format;
	hpa_t root;
	owner_t owner;	/* of the table frames */
	u64 generation; /* grows when something present changed or went: flush the TLB */
	hpa_t retired;	/* tables without entries, linked by their first; 0: none */
};

struct pt_mapping {
	hpa_t pa; /* of the address asked for, offset included */
	u64 size; /* of the leaf: 4 KiB, 2 MiB, 1 GiB */
	unsigned prot;
};

MUST_CHECK int pt_init(struct pt *pt, const struct pt_format *format, owner_t owner);
/*
 * Frees the tables, not what the leaves map. Nobody may use them any more; pt_init must come next.
 */
void pt_free(struct pt *pt);
/*
 * Maps [va, va+size) to pa, with the largest leaves that alignment allows. All three are multiples
 * of 4 KiB. -EEXIST when part is mapped already (nothing is changed before that is known for the
 * leaf at hand), -ENOMEM when a table cannot be had; what was mapped before the failure stays. Here
 * and below -EINVAL: misaligned, empty, beyond 48 bits, or a protection without PT_READ.
 */
MUST_CHECK int pt_map(struct pt *pt, u64 va, hpa_t pa, u64 size, unsigned prot);
/*
 * Removes every mapping in the range, splitting large leaves at its ends. -ENOMEM on a failed
 * split.
 */
MUST_CHECK int pt_unmap(struct pt *pt, u64 va, u64 size);
/* Takes the list of retired tables, under the space's lock; 0: none. */
MUST_CHECK hpa_t pt_take_retired(struct pt *pt);
/* Frees it, once no processor has a translation from before it was taken. */
void pt_free_retired(hpa_t list);
/* Changes the protection of what is mapped in the range. -ENOMEM on a failed split. */
MUST_CHECK int pt_protect(struct pt *pt, u64 va, u64 size, unsigned prot);
/*
 * Hides the leaf that maps va: it is not present any more, but keeps its place and its address in
 * the table, so that pt_unhide() cannot fail. pt_map() finds the place taken (-EEXIST). -ENOENT:
 * no leaf is there.
 */
MUST_CHECK int pt_hide(struct pt *pt, u64 va);
/* Makes it present again; nothing if no hidden leaf is there. */
void pt_unhide(struct pt *pt, u64 va, unsigned prot);
/* Removes a hidden leaf for good. -ENOENT: none is there. */
MUST_CHECK int pt_remove_hidden(struct pt *pt, u64 va);
/* -ENOENT when not mapped. */
MUST_CHECK int pt_lookup(const struct pt *pt, u64 va, struct pt_mapping *out);
/*
 * Calls fn for every leaf in ascending order until it returns non-zero, which is passed on. fn may
 * not change the table.
 */
int pt_walk(const struct pt *pt, int (*fn)(u64 va, const struct pt_mapping *m, void *ctx),
	    void *ctx);

struct pt_step {
	const u64 *table;
	u64 entry, size;
};

/* One level of the walk below; false where it ends. */
static inline bool pt_step(const struct pt *pt, struct pt_step *w, u64 va, unsigned level)
{
	w->entry = READ_ONCE(w->table[PT_INDEX(va, level)]);
	w->size = PT_SIZE(level);
	if (level == 1 || !(w->entry & pt->format->present) || w->entry & pt->format->large)
		return false;
	w->table = phys_to_virt(w->entry & PT_ADDR);
	return true;
}

/*
 * The entry that decides about va, as the processor's walk finds it, and how many bytes it covers:
 * a leaf, or one with no present bit where the walk ends (then nothing is mapped in all those
 * bytes). The address must be one that the format can hold. Inline with constant shifts, since
 * every emulated access of a guest comes here.
 */
static inline u64 pt_entry(const struct pt *pt, u64 va, u64 *size)
{
	struct pt_step w = { .table = phys_to_virt(pt->root) };

	if (pt_step(pt, &w, va, 4) && pt_step(pt, &w, va, 3) && pt_step(pt, &w, va, 2))
		pt_step(pt, &w, va, 1);
	*size = w.size;
	return w.entry;
}
