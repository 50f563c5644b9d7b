/* The page-table walker. */
#include "mm/pt.h"
#include "error.h"
#include "lib/string.h"

#define ENTRIES 512

static u64 *table_of(u64 entry)
{
	return phys_to_virt(entry & PT_ADDR);
}

static bool is_present(const struct pt *pt, u64 entry)
{
	return entry & pt->format->present;
}

static bool is_leaf(const struct pt *pt, u64 entry, unsigned level)
{
	return level == 1 || (level <= 3 && entry & pt->format->large);
}

static u64 leaf_entry(const struct pt *pt, hpa_t pa, unsigned level, unsigned prot)
{
	return pa | pt->format->encode(prot) | (level > 1 ? pt->format->large : 0);
}

/* Where a leaf's first byte is; bit 12 of a large one may be its PAT bit. */
static hpa_t leaf_pa(u64 entry, u64 size)
{
	return entry & PT_ADDR & ~(size - 1);
}

/*
 * The one place where an entry changes: what was present and is now different may be in a TLB, so
 * it counts. A walker on another processor sees the old entry or the new one, never half of it. It
 * counts after the change: who flushes because of the new number cannot find the old entry again.
 */
static void set_entry(struct pt *pt, u64 *slot, u64 entry)
{
	bool changes = is_present(pt, *slot) && *slot != entry;

	__atomic_store_n(slot, entry, __ATOMIC_RELEASE);
	if (changes)
		__atomic_store_n(&pt->generation, pt->generation + 1, __ATOMIC_RELEASE);
}

/* An empty table's frame, or HPA_NONE. */
static hpa_t table_alloc(const struct pt *pt)
{
	hpa_t pa = frame_alloc(FRAME_ORDER_4K, pt->owner);

	if (pa != HPA_NONE)
		memset(phys_to_virt(pa), 0, FRAME_SIZE);
	return pa;
}

/*
 * An empty table leaves its parent. A processor may have the old entry cached and go on walking the
 * frame, so it is kept, linked by an entry that says "not present" in every format.
 */
static void table_retire(struct pt *pt, hpa_t table)
{
	u64 *entry = phys_to_virt(table);

	__atomic_store_n(entry, pt->retired, __ATOMIC_RELEASE);
	pt->retired = table;
}

hpa_t pt_take_retired(struct pt *pt)
{
	hpa_t list = pt->retired;

	pt->retired = 0;
	return list;
}

void pt_free_retired(hpa_t list)
{
	while (list) {
		const u64 *entry = phys_to_virt(list);
		hpa_t next = *entry;

		frame_free(list, FRAME_ORDER_4K);
		list = next;
	}
}

/* Not even a hidden leaf is in it. */
static bool table_is_empty(const u64 *table)
{
	for (unsigned i = 0; i < ENTRIES; i++)
		if (table[i])
			return false;
	return true;
}

/* Whether the table can hold every address in [va, last]. */
static bool addresses_valid(const struct pt *pt, u64 va, u64 last)
{
	if (last < va)
		return false;
	if (!pt->format->sign_extended)
		return last < BIT(48);
	return last < BIT(47) || va >= ~0ull << 47;
}

static bool range_valid(const struct pt *pt, u64 va, u64 size)
{
	return size && !((va | size) & (FRAME_SIZE - 1)) && addresses_valid(pt, va, va + size - 1);
}

int pt_init(struct pt *pt, const struct pt_format *format, owner_t owner)
{
	*pt = (struct pt){ .format = format, .owner = owner };
	pt->root = table_alloc(pt);
	return pt->root == HPA_NONE ? -ENOMEM : 0;
}

static void free_tables(struct pt *pt, hpa_t table, unsigned level)
{
	const u64 *entry = phys_to_virt(table);

	for (unsigned i = 0; level > 1 && i < ENTRIES; i++)
		if (is_present(pt, entry[i]) && !is_leaf(pt, entry[i], level))
			free_tables(pt, entry[i] & PT_ADDR, level - 1);
	frame_free(table, FRAME_ORDER_4K);
}

void pt_free(struct pt *pt)
{
	free_tables(pt, pt->root, PT_LEVELS);
	pt_free_retired(pt_take_retired(pt));
	pt->root = HPA_NONE;
	pt->generation++;
}

int pt_lookup(const struct pt *pt, u64 va, struct pt_mapping *out)
{
	u64 entry, size;

	if (!addresses_valid(pt, va, va))
		return -ENOENT;
	entry = pt_entry(pt, va, &size);
	if (!is_present(pt, entry))
		return -ENOENT;
	out->pa = leaf_pa(entry, size) | (va & (size - 1));
	out->size = size;
	out->prot = pt->format->decode(entry);
	return 0;
}

/* The level of the largest leaf that can begin at va. */
static unsigned map_level(const struct pt *pt, u64 va, hpa_t pa, u64 size)
{
	unsigned level = pt->format->pages_1g ? 3 : 2;

	while (level > 1 && ((va | pa) & (PT_SIZE(level) - 1) || size < PT_SIZE(level)))
		level--;
	return level;
}

/*
 * Puts a leaf into the table at the given level or, through tables made on the way, below it. A
 * table is entered into its parent when it has its leaf, so a failure leaves no empty ones behind.
 */
static int map_leaf(struct pt *pt, u64 *table, unsigned level, u64 va, u64 leaf,
		    unsigned leaf_level)
{
	u64 *slot = &table[PT_INDEX(va, level)];
	hpa_t lower;
	int err;

	if (level == leaf_level) {
		if (*slot) /* a leaf, perhaps a hidden one, or a table, which is never empty */
			return -EEXIST;
		set_entry(pt, slot, leaf);
		return 0;
	}
	if (is_present(pt, *slot)) {
		if (is_leaf(pt, *slot, level))
			return -EEXIST;
		return map_leaf(pt, table_of(*slot), level - 1, va, leaf, leaf_level);
	}
	if (*slot)
		return -EEXIST; /* a hidden large leaf */
	lower = table_alloc(pt);
	if (lower == HPA_NONE)
		return -ENOMEM;
	err = map_leaf(pt, phys_to_virt(lower), level - 1, va, leaf, leaf_level);
	if (err)
		frame_free(lower, FRAME_ORDER_4K);
	else
		set_entry(pt, slot, lower | pt->format->table);
	return err;
}

int pt_map(struct pt *pt, u64 va, hpa_t pa, u64 size, unsigned prot)
{
	u64 *root = phys_to_virt(pt->root);

	if (!range_valid(pt, va, size) || !(prot & PT_READ) || pa & (FRAME_SIZE - 1) ||
	    pa + size - 1 < pa || (pa + size - 1) & ~(PT_ADDR | (FRAME_SIZE - 1)))
		return -EINVAL;
	while (size) {
		unsigned level = map_level(pt, va, pa, size);
		int err = map_leaf(pt, root, PT_LEVELS, va, leaf_entry(pt, pa, level, prot), level);

		if (err)
			return err;
		va += PT_SIZE(level);
		pa += PT_SIZE(level);
		size -= PT_SIZE(level);
	}
	return 0;
}

/* Replaces a large leaf by a table of leaves one level down, which map the same. */
static int split_leaf(struct pt *pt, u64 *slot, unsigned level)
{
	unsigned prot = pt->format->decode(*slot);
	hpa_t pa = leaf_pa(*slot, PT_SIZE(level)), table = table_alloc(pt);
	u64 *entry;

	if (table == HPA_NONE)
		return -ENOMEM;
	entry = phys_to_virt(table);
	for (unsigned i = 0; i < ENTRIES; i++)
		entry[i] = leaf_entry(pt, pa + i * PT_SIZE(level - 1), level - 1, prot);
	set_entry(pt, slot, table | pt->format->table);
	return 0;
}

#define UNMAP 0u /* as a protection for change_range: take the mapping away */

static int change_range(struct pt *pt, u64 *table, unsigned level, u64 va, u64 last, unsigned prot);

/* The part of change_range that lies in one present slot. */
static int change_slot(struct pt *pt, u64 *slot, unsigned level, u64 va, u64 last, unsigned prot)
{
	bool whole = !(va & (PT_SIZE(level) - 1)) && last - va == PT_SIZE(level) - 1;
	u64 entry = *slot;
	int err;

	if (is_leaf(pt, entry, level)) {
		if (whole) {
			set_entry(pt, slot,
				  prot ? leaf_entry(pt, leaf_pa(entry, PT_SIZE(level)), level, prot)
				       : 0);
			return 0;
		}
		err = split_leaf(pt, slot, level);
		if (err)
			return err;
	}
	err = change_range(pt, table_of(*slot), level - 1, va, last, prot);
	if (prot == UNMAP && table_is_empty(table_of(*slot))) {
		entry = *slot;
		set_entry(pt, slot, 0);
		table_retire(pt, entry & PT_ADDR);
	}
	return err;
}

/* Unmaps or protects what is mapped in [va, last], which lies within this table. */
static int change_range(struct pt *pt, u64 *table, unsigned level, u64 va, u64 last, unsigned prot)
{
	for (;;) {
		u64 *slot = &table[PT_INDEX(va, level)];
		u64 slot_last = MIN(va | (PT_SIZE(level) - 1), last);
		int err =
		    is_present(pt, *slot) ? change_slot(pt, slot, level, va, slot_last, prot) : 0;

		if (err || slot_last == last)
			return err;
		va = slot_last + 1;
	}
}

int pt_unmap(struct pt *pt, u64 va, u64 size)
{
	if (!range_valid(pt, va, size))
		return -EINVAL;
	return change_range(pt, phys_to_virt(pt->root), PT_LEVELS, va, va + size - 1, UNMAP);
}

int pt_protect(struct pt *pt, u64 va, u64 size, unsigned prot)
{
	if (!range_valid(pt, va, size) || !(prot & PT_READ))
		return -EINVAL;
	return change_range(pt, phys_to_virt(pt->root), PT_LEVELS, va, va + size - 1, prot);
}

/*
 * Where the entry is that decides about va, and in a table of which level; NULL: no such address.
 */
static u64 *deciding_slot(const struct pt *pt, u64 va, unsigned *level)
{
	u64 *table = phys_to_virt(pt->root);

	if (!addresses_valid(pt, va, va))
		return NULL;
	for (*level = PT_LEVELS;; --*level) {
		u64 *slot = &table[PT_INDEX(va, *level)];

		if (!is_present(pt, *slot) || is_leaf(pt, *slot, *level))
			return slot;
		table = table_of(*slot);
	}
}

int pt_hide(struct pt *pt, u64 va)
{
	unsigned level;
	u64 *slot = deciding_slot(pt, va, &level);

	if (!slot || !is_present(pt, *slot))
		return -ENOENT;
	set_entry(pt, slot, leaf_pa(*slot, PT_SIZE(level)) | PT_HIDDEN);
	return 0;
}

static u64 *hidden_slot(const struct pt *pt, u64 va, unsigned *level)
{
	u64 *slot = deciding_slot(pt, va, level);

	return slot && !is_present(pt, *slot) && *slot & PT_HIDDEN ? slot : NULL;
}

void pt_unhide(struct pt *pt, u64 va, unsigned prot)
{
	unsigned level;
	u64 *slot = hidden_slot(pt, va, &level);

	if (slot)
		set_entry(pt, slot, leaf_entry(pt, *slot & PT_ADDR, level, prot));
}

int pt_remove_hidden(struct pt *pt, u64 va)
{
	unsigned level;
	u64 *slot = hidden_slot(pt, va, &level);

	if (!slot)
		return -ENOENT;
	set_entry(pt, slot, 0);
	/* retires the table if that was its last */
	return pt_unmap(pt, ROUND_DOWN(va, PT_SIZE(level)), PT_SIZE(level));
}

struct walk {
	const struct pt *pt;
	int (*fn)(u64 va, const struct pt_mapping *m, void *ctx);
	void *ctx;
};

static int walk_table(const struct walk *w, const u64 *table, unsigned level, u64 base)
{
	for (u64 i = 0; i < ENTRIES; i++) {
		u64 entry = READ_ONCE(table[i]), va = base + (i << PT_SHIFT(level));
		int ret;

		if (!is_present(w->pt, entry))
			continue;
		if (w->pt->format->sign_extended && va & BIT(47))
			va |= MASK(63, 48);
		if (is_leaf(w->pt, entry, level)) {
			struct pt_mapping m = { leaf_pa(entry, PT_SIZE(level)), PT_SIZE(level),
						w->pt->format->decode(entry) };
			ret = w->fn(va, &m, w->ctx);
		} else {
			ret = walk_table(w, table_of(entry), level - 1, va);
		}
		if (ret)
			return ret;
	}
	return 0;
}

int pt_walk(const struct pt *pt, int (*fn)(u64 va, const struct pt_mapping *m, void *ctx),
	    void *ctx)
{
	const struct walk w = { pt, fn, ctx };

	return walk_table(&w, phys_to_virt(pt->root), PT_LEVELS, 0);
}
