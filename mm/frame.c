/*
 * The frame allocator.
 *
 * A block of 2^order frames is described by the table entry of its first frame alone; entries of
 * the others are zero. So allocating and freeing touch few entries, and start-up touches one for
 * each maximal block instead of one for each frame. The owner of a frame inside a block is found by
 * trying the FRAME_ORDER_MAX + 1 places where its block can begin.
 */
#include "mm/frame.h"
#include "kernel/machine.h"
#include "kernel/panic.h"
#include "lib/list.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "mm/memmap.h"

enum { BLOCK_INSIDE, BLOCK_FREE, BLOCK_USED };

struct frame {
	owner_t owner;
	u8 order;
	u8 state; /* BLOCK_INSIDE: no block begins here */
};

static_assert(sizeof(struct frame) == 4, "the table is to stay small");

static struct {
	struct spinlock lock; /* protects the rest */
	const struct machine *machine;
	struct frame *table;
	u64 frames; /* entries of the table */
	/* By order; the nodes lie at the start of the free blocks themselves. */
	struct list free[FRAME_ORDER_MAX + 1];
	u32 free_mask; /* bit n: free[n] is not empty */
	u64 count[OWNER_COUNT];
} fa;

static struct list *block_node(u64 pfn)
{
	return phys_to_virt(pfn * FRAME_SIZE);
}

static void block_push(u64 pfn, unsigned order)
{
	fa.table[pfn] = (struct frame){ OWNER_FREE, (u8)order, BLOCK_FREE };
	list_push_front(&fa.free[order], block_node(pfn));
	fa.free_mask |= 1u << order;
}

static void block_pull(u64 pfn, unsigned order)
{
	fa.table[pfn].state = BLOCK_INSIDE;
	list_remove(block_node(pfn));
	if (list_empty(&fa.free[order]))
		fa.free_mask &= ~(1u << order);
}

/* Frees a block that no entry describes any more, joined with its free buddies. */
static void block_release(u64 pfn, unsigned order)
{
	fa.count[OWNER_FREE] += 1ull << order;
	for (; order < FRAME_ORDER_MAX; order++) {
		u64 buddy = pfn ^ (1ull << order);

		if (buddy >= fa.frames || fa.table[buddy].state != BLOCK_FREE ||
		    fa.table[buddy].order != order)
			break;
		block_pull(buddy, order);
		pfn &= ~(1ull << order);
	}
	block_push(pfn, order);
}

static void block_use(u64 pfn, unsigned order, owner_t owner)
{
	fa.table[pfn] = (struct frame){ owner, (u8)order, BLOCK_USED };
	fa.count[owner] += 1ull << order;
}

/* Enters [start, end) as maximal blocks: free ones, or such as belong to the owner already. */
static void add_range(hpa_t start, hpa_t end, owner_t owner)
{
	u64 pfn = start / FRAME_SIZE, last = end / FRAME_SIZE;

	while (pfn < last) {
		unsigned order = FRAME_ORDER_MAX;

		while (pfn & ((1ull << order) - 1) || pfn + (1ull << order) > last)
			order--;
		if (owner == OWNER_FREE)
			block_release(pfn, order);
		else
			block_use(pfn, order, owner);
		pfn += 1ull << order;
	}
}

/* Enters the part of the memory map that lies in [from, to), except the table itself. */
static void add_memory(hpa_t from, hpa_t to)
{
	hpa_t table = virt_to_phys(fa.table);
	hpa_t table_end = ROUND_UP(table + fa.frames * sizeof(struct frame), FRAME_SIZE);
	struct memmap_span s = { 0 };

	while (memmap_next(fa.machine, &s)) {
		hpa_t start = MAX(s.start, from), end = MIN(s.end, to);

		if (start >= end)
			continue;
		if (s.kind == MEMMAP_BOOT) {
			add_range(start, end, OWNER_BOOT);
		} else if (s.kind == MEMMAP_RAM && table >= start && table < end) {
			add_range(start, table, OWNER_FREE);
			add_range(table, table_end, OWNER_KERNEL);
			add_range(table_end, end, OWNER_FREE);
		} else if (s.kind == MEMMAP_RAM) {
			add_range(start, end, OWNER_FREE);
		}
	}
}

static hpa_t memory_end(const struct machine *m)
{
	struct memmap_span s = { 0 };
	hpa_t end = 0;

	while (memmap_next(m, &s))
		if (s.kind == MEMMAP_RAM || s.kind == MEMMAP_BOOT)
			end = s.end;
	return end;
}

/* The highest place below 4 GiB, so that low memory stays in large blocks. */
static hpa_t place_table(const struct machine *m, u64 size)
{
	struct memmap_span s = { 0 };
	hpa_t best = HPA_NONE;

	while (memmap_next(m, &s)) {
		hpa_t end = MIN(s.end, 4 * GIB);

		if (s.kind == MEMMAP_RAM && s.start < end && end - s.start >= size)
			best = end - size;
	}
	return best;
}

void frame_init(const struct machine *m)
{
	u64 size;
	hpa_t table;

	memset(&fa, 0, sizeof(fa));
	spin_init(&fa.lock, LOCK_FRAMES);
	fa.machine = m;
	for (unsigned i = 0; i <= FRAME_ORDER_MAX; i++)
		list_init(&fa.free[i]);
	fa.frames = memory_end(m) / FRAME_SIZE;
	size = ROUND_UP(fa.frames * sizeof(struct frame), FRAME_SIZE);
	table = place_table(m, size);
	if (!fa.frames || table == HPA_NONE)
		panic("no memory for the table of %llu frames", (unsigned long long)fa.frames);
	fa.table = phys_to_virt(table);
	memset(fa.table, 0, size);
	add_memory(0, 4 * GIB);
}

void frame_add_high(void)
{
	u64 flags = spin_lock_irq(&fa.lock);

	add_memory(4 * GIB, HPA_NONE);
	spin_unlock_irq(&fa.lock, flags);
}

hpa_t frame_alloc(unsigned order, owner_t owner)
{
	unsigned from;
	u64 pfn, flags;
	u32 fit;

	if (owner <= OWNER_NONE || owner >= OWNER_COUNT)
		panic("frame_alloc: owner %u", owner);
	if (order > FRAME_ORDER_MAX)
		return HPA_NONE;
	flags = spin_lock_irq(&fa.lock);
	fit = fa.free_mask >> order << order;
	if (!fit) {
		spin_unlock_irq(&fa.lock, flags);
		return HPA_NONE;
	}
	from = (unsigned)__builtin_ctz(fit);
	pfn = virt_to_phys(fa.free[from].next) / FRAME_SIZE;
	block_pull(pfn, from);
	while (from > order) { /* keep the lower half, free the upper one */
		from--;
		block_push(pfn + (1ull << from), from);
	}
	fa.count[OWNER_FREE] -= 1ull << order;
	block_use(pfn, order, owner);
	spin_unlock_irq(&fa.lock, flags);
	return pfn * FRAME_SIZE;
}

/* The entry of the used block that begins at pa, or NULL. The lock is held. */
static struct frame *used_block(hpa_t pa)
{
	u64 pfn = pa / FRAME_SIZE;

	if (pa % FRAME_SIZE || pfn >= fa.frames || fa.table[pfn].state != BLOCK_USED)
		return NULL;
	return &fa.table[pfn];
}

void frame_free(hpa_t pa, unsigned order)
{
	u64 flags = spin_lock_irq(&fa.lock);
	struct frame *f = used_block(pa);
	bool good = f && f->order == order;

	if (good) {
		fa.count[f->owner] -= 1ull << order;
		f->state = BLOCK_INSIDE;
		block_release(pa / FRAME_SIZE, order);
	}
	spin_unlock_irq(&fa.lock, flags);
	if (!good) /* after the lock: panic's own code may ask for frames' owners */
		panic("frame_free: no block of order %u was allocated at %#llx", order,
		      (unsigned long long)pa);
}

void frame_split(hpa_t pa, unsigned order)
{
	u64 flags = spin_lock_irq(&fa.lock);
	struct frame *f = used_block(pa);
	bool good = f && f->order == order;

	if (good) {
		f->order = 0;
		for (u64 i = 1; i < 1ull << order; i++)
			f[i] = f[0];
	}
	spin_unlock_irq(&fa.lock, flags);
	if (!good)
		panic("frame_split: no block of order %u was allocated at %#llx", order,
		      (unsigned long long)pa);
}

owner_t frame_owner(hpa_t pa)
{
	u64 pfn = pa / FRAME_SIZE, flags;
	owner_t owner = OWNER_NONE;

	if (pfn >= fa.frames)
		return OWNER_NONE;
	flags = spin_lock_irq(&fa.lock);
	for (unsigned order = 0; order <= FRAME_ORDER_MAX; order++) {
		const struct frame *f = &fa.table[pfn & ~((1ull << order) - 1)];

		if (f->state == BLOCK_INSIDE)
			continue;
		if (f->order >= order)
			owner = f->owner;
		break;
	}
	spin_unlock_irq(&fa.lock, flags);
	return owner;
}

unsigned frame_order(hpa_t pa)
{
	u64 flags = spin_lock_irq(&fa.lock);
	const struct frame *f = used_block(pa);
	unsigned order = f ? f->order : 0;

	spin_unlock_irq(&fa.lock, flags);
	if (!f)
		panic("frame_order: no block was allocated at %#llx", (unsigned long long)pa);
	return order;
}

u64 frame_count(owner_t owner)
{
	return owner < OWNER_COUNT ? READ_ONCE(fa.count[owner]) : 0;
}

u64 frame_count_total(void)
{
	u64 total = 0, flags = spin_lock_irq(&fa.lock);

	for (unsigned i = 0; i < OWNER_COUNT; i++)
		total += fa.count[i];
	spin_unlock_irq(&fa.lock, flags);
	return total;
}

/* The blocks of the table add up to the counts, do not overlap, and free buddies are joined. */
static const char *check_table(void)
{
	static u64 sum[OWNER_COUNT]; /* too big for a stack; under the allocator's lock as well */
	u64 inside_until = 0;

	memset(sum, 0, sizeof(sum));
	for (u64 pfn = 0; pfn < fa.frames; pfn++) {
		const struct frame *f = &fa.table[pfn];
		u64 size = 1ull << f->order, buddy = pfn ^ size;

		if (f->state == BLOCK_INSIDE)
			continue;
		if (pfn < inside_until || pfn & (size - 1) || pfn + size > fa.frames)
			return "blocks overlap or are misaligned";
		inside_until = pfn + size;
		if ((f->state == BLOCK_FREE) != (f->owner == OWNER_FREE) || f->owner >= OWNER_COUNT)
			return "a block's owner contradicts its state";
		if (f->state == BLOCK_FREE && f->order < FRAME_ORDER_MAX && buddy < fa.frames &&
		    fa.table[buddy].state == BLOCK_FREE && fa.table[buddy].order == f->order)
			return "two free buddies were not joined";
		sum[f->owner] += size;
	}
	return memcmp(sum, fa.count, sizeof(sum)) ? "owners' counts are wrong" : NULL;
}

static const char *check_lists(void)
{
	u64 listed = 0;

	for (unsigned order = 0; order <= FRAME_ORDER_MAX; order++) {
		if (list_empty(&fa.free[order]) == !!(fa.free_mask & 1u << order))
			return "the mask of free orders is wrong";
		for (struct list *n = fa.free[order].next; n != &fa.free[order]; n = n->next) {
			const struct frame *f = &fa.table[virt_to_phys(n) / FRAME_SIZE];

			if (f->state != BLOCK_FREE || f->order != order)
				return "a listed block is not free";
			listed += 1ull << order;
		}
	}
	return listed == fa.count[OWNER_FREE] ? NULL : "free blocks are missing from the lists";
}

const char *frame_check(void)
{
	u64 flags = spin_lock_irq(&fa.lock);
	const char *wrong = check_table();

	if (!wrong)
		wrong = check_lists();
	spin_unlock_irq(&fa.lock, flags);
	return wrong;
}
