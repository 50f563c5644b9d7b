/* Frames of zeros go back to the kernel: reclaim.h says how. */
#include "mm/reclaim.h"

/* Hidden at a time: few, since the guest may want them back; many, since each batch interrupts. */
#define BATCH 32

struct batch {
	struct gpspace *gs;
	gpa_t next; /* where the search goes on */
	gpa_t end;
	unsigned count;
	gpa_t leaf[BATCH];
};

static void *frame_of(u64 entry, u64 size)
{
	return phys_to_virt(entry & PT_ADDR & ~(size - 1));
}

static bool is_zero(const u64 *word, u64 size)
{
	for (u64 i = 0; i < size / sizeof(*word); i++)
		if (READ_ONCE(word[i]))
			return false;
	return true;
}

static bool is_candidate(const struct gpspace *gs, u64 entry, u64 size)
{
	return entry & gs->pt.format->present && size <= 2 * MIB &&
	       frame_owner(virt_to_phys(frame_of(entry, size))) == gs->owner &&
	       is_zero(frame_of(entry, size), size);
}

static bool hide(struct gpspace *gs, gpa_t leaf)
{
	u64 flags = spin_lock_irq(&gs->lock);
	int r = pt_hide(&gs->pt, leaf);

	spin_unlock_irq(&gs->lock, flags);
	return r == 0;
}

/* Hides the next leaves whose frames seem to be zero: the guest may be writing to them. */
static void collect(struct batch *b)
{
	b->count = 0;
	while (b->next < b->end && b->count < BATCH) {
		u64 size, entry = pt_entry(&b->gs->pt, b->next, &size);
		gpa_t leaf = ROUND_DOWN(b->next, size);

		b->next = leaf + size;
		if (is_candidate(b->gs, entry, size) && hide(b->gs, leaf))
			b->leaf[b->count++] = leaf;
	}
}

/* Frees it if it is still hidden, which nobody can write to, and zero; the number of bytes. */
static u64 free_leaf(struct gpspace *gs, gpa_t leaf)
{
	u64 size, flags, entry = pt_entry(&gs->pt, leaf, &size);
	int r;

	if (!(entry & PT_HIDDEN) || !is_zero(frame_of(entry, size), size))
		return 0;
	flags = spin_lock_irq(&gs->lock);
	r = pt_remove_hidden(&gs->pt, leaf);
	if (r == 0)
		gs->populated -= size;
	spin_unlock_irq(&gs->lock, flags);
	if (r)
		return 0;
	frame_free(entry & PT_ADDR, size == FRAME_SIZE ? FRAME_ORDER_4K : FRAME_ORDER_2M);
	return size;
}

static void free_retired_tables(struct gpspace *gs)
{
	u64 flags = spin_lock_irq(&gs->lock);
	hpa_t list = pt_take_retired(&gs->pt);

	spin_unlock_irq(&gs->lock, flags);
	pt_free_retired(list);
}

static gpa_t end_of_ram(const struct gpspace *gs)
{
	gpa_t end = 0;

	for (unsigned i = 0; i < gs->range_count; i++)
		end = MAX(end, gs->range[i].base + gs->range[i].size);
	return end;
}

int gpspace_reclaim(struct gpspace *gs, int (*let_go)(void *ctx), void *ctx, u64 *freed)
{
	struct batch b = { .gs = gs, .end = end_of_ram(gs) };
	int r;

	*freed = 0;
	while (b.next < b.end) {
		collect(&b);
		if (b.count == 0)
			break;
		r = let_go(ctx);
		if (r == 0) {
			/* Of the batch before; those of the last one wait for the next call. */
			free_retired_tables(gs);
			for (unsigned i = 0; i < b.count; i++)
				*freed += free_leaf(gs, b.leaf[i]);
		}
		for (unsigned i = 0; i < b.count; i++)
			gpspace_show(gs, b.leaf[i]);
		if (r)
			return r;
	}
	return 0;
}
