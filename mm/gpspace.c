/* Guest-physical spaces. */
#include "mm/gpspace.h"
#include "error.h"
#include "lib/string.h"

int gpspace_init(struct gpspace *gs, const struct pt_format *format, owner_t owner)
{
	*gs = (struct gpspace){ .owner = owner };
	spin_init(&gs->lock, LOCK_GPSPACE);
	return pt_init(&gs->pt, format, owner);
}

static int free_leaf(u64 va, const struct pt_mapping *m, void *ctx)
{
	const struct gpspace *gs = ctx;

	(void)va;
	if (frame_owner(m->pa) == gs->owner)
		frame_free(m->pa, m->size == FRAME_SIZE ? FRAME_ORDER_4K : FRAME_ORDER_2M);
	return 0;
}

void gpspace_free(struct gpspace *gs)
{
	if (!gs->pt.format || gs->pt.root == HPA_NONE)
		return;
	pt_walk(&gs->pt, free_leaf, gs);
	pt_free(&gs->pt);
	gs->populated = 0;
	gs->range_count = 0;
}

int gpspace_add_ram(struct gpspace *gs, gpa_t base, u64 size, bool writable)
{
	if ((base | size) & (FRAME_SIZE - 1) || !size || size > BIT(48) || base > BIT(48) - size)
		return -EINVAL;
	for (unsigned i = 0; i < gs->range_count; i++)
		if (base < gs->range[i].base + gs->range[i].size && gs->range[i].base < base + size)
			return -EINVAL;
	if (gs->range_count == GPSPACE_RANGES)
		return -ENOSPC;
	gs->range[gs->range_count++] = (struct gpspace_range){ base, size, writable };
	return 0;
}

/*
 * Maps a fresh zeroed frame over gpa. -EEXIST when another vCPU was faster, -EAGAIN when there is
 * no frame of this order. Zeroing happens outside the lock, since 2 MiB take a while.
 */
static int populate(struct gpspace *gs, gpa_t gpa, unsigned order, unsigned prot)
{
	u64 size = FRAME_SIZE << order;
	hpa_t pa = frame_alloc(order, gs->owner);
	u64 flags;
	int err;

	if (pa == HPA_NONE)
		return -EAGAIN;
	memset(phys_to_virt(pa), 0, size);
	flags = spin_lock_irq(&gs->lock);
	err = pt_map(&gs->pt, ROUND_DOWN(gpa, size), pa, size, prot);
	if (!err)
		gs->populated += size;
	spin_unlock_irq(&gs->lock, flags);
	if (err)
		frame_free(pa, order);
	return err;
}

static unsigned range_prot(const struct gpspace_range *r)
{
	return PT_READ | PT_EXEC | (r->writable ? PT_WRITE : 0);
}

void gpspace_show(struct gpspace *gs, gpa_t gpa)
{
	const struct gpspace_range *r = gpspace_range_of(gs, gpa, 1);
	u64 flags = spin_lock_irq(&gs->lock);

	if (r)
		pt_unhide(&gs->pt, gpa, range_prot(r));
	spin_unlock_irq(&gs->lock, flags);
}

static int fault_in(struct gpspace *gs, const struct gpspace_range *r, gpa_t gpa)
{
	unsigned prot = range_prot(r);
	gpa_t large = ROUND_DOWN(gpa, 2 * MIB);
	u64 covered, entry = pt_entry(&gs->pt, gpa, &covered);
	int err;

	if (entry & gs->pt.format->present)
		return 0; /* another vCPU was faster */
	if (entry & PT_HIDDEN) {
		gpspace_show(gs, gpa);
		return 0;
	}
	/* The walk ended above a table of 4 KiB pages: the whole 2 MiB are free. */
	if (covered >= 2 * MIB && large >= r->base && large + 2 * MIB <= r->base + r->size) {
		err = populate(gs, gpa, FRAME_ORDER_2M, prot);
		if (err != -EAGAIN && err != -EEXIST)
			return err;
	}
	err = populate(gs, gpa, FRAME_ORDER_4K, prot);
	if (err == -EAGAIN)
		return -ENOMEM;
	return err == -EEXIST ? 0 : err;
}

int gpspace_fault(struct gpspace *gs, gpa_t gpa, bool write)
{
	const struct gpspace_range *r = gpspace_range_of(gs, gpa, 1);

	if (!r || (write && !r->writable))
		return -EFAULT;
	return fault_in(gs, r, gpa);
}

int gpspace_span(struct gpspace *gs, gpa_t gpa, void **hva, u64 *bytes)
{
	u64 entry, size;
	int err;

	if (gpa >= BIT(48))
		return -EFAULT;
	entry = pt_entry(&gs->pt, gpa, &size);
	if (unlikely(!(entry & gs->pt.format->present))) {
		err = gpspace_fault(gs, gpa, false);
		if (err)
			return err;
		/* if hidden meanwhile, still with its frame */
		entry = pt_entry(&gs->pt, gpa, &size);
	}
	*hva = phys_to_virt((entry & PT_ADDR & ~(size - 1)) | (gpa & (size - 1)));
	*bytes = size - (gpa & (size - 1));
	return 0;
}

/* The slow half of gpspace_hva, out of line so that the other half saves no registers. */
static __attribute__((noinline)) void *populated_hva(struct gpspace *gs, gpa_t gpa)
{
	void *hva;
	u64 bytes;

	return gpspace_span(gs, gpa, &hva, &bytes) ? NULL : hva;
}

void *gpspace_hva(struct gpspace *gs, gpa_t gpa)
{
	void *hva = gpspace_present(gs, gpa, 1, false);

	return likely(hva) ? hva : populated_hva(gs, gpa);
}
