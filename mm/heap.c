/*
 * The kernel heap. Small objects lie in slabs of one frame each, which begin with their
 * bookkeeping; so a pointer that is page aligned is never a slab's object but a whole block, and
 * any other pointer finds its slab by rounding down. A bit for each object makes a double free
 * certain to be seen.
 */
#include "mm/heap.h"
#include "kernel/panic.h"
#include "lib/list.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "mm/frame.h"

#define SLAB_MAGIC 0x62616c53u /* "Slab" */
#define SLAB_HEADER 64
#define SLAB_SPACE (FRAME_SIZE - SLAB_HEADER)

struct slab {
	struct list node; /* in partial[class] while an object is free */
	u32 magic;
	u16 class;
	u16 used;    /* objects */
	u64 busy[4]; /* bit n: object n is handed out */
};

static_assert(sizeof(struct slab) <= SLAB_HEADER, "objects begin behind the header");

/* Chosen to fill SLAB_SPACE; multiples of 16. */
static const u16 class_size[] = { 16,  32,  48,	 64,  96,  128,	 192,  256,
				  336, 448, 576, 672, 800, 1008, 1344, 2016 };
#define CLASSES ARRAY_SIZE(class_size)
#define SMALL_MAX 2016

/* The class for a size, by its 16-byte units rounded up. */
static const u8 class_of_units[SMALL_MAX / 16 + 1] = {
	[0 ... 1] = 0,	  [2] = 1,	    [3] = 2,	      [4] = 3,
	[5 ... 6] = 4,	  [7 ... 8] = 5,    [9 ... 12] = 6,   [13 ... 16] = 7,
	[17 ... 21] = 8,  [22 ... 28] = 9,  [29 ... 36] = 10, [37 ... 42] = 11,
	[43 ... 50] = 12, [51 ... 63] = 13, [64 ... 84] = 14, [85 ... 126] = 15,
};

static struct {
	struct spinlock lock; /* protects the rest and every slab */
	struct list partial[CLASSES];
	bool ready;
	u64 used; /* bytes */
} heap = { .lock = SPINLOCK_INIT(LOCK_HEAP) };

static void heap_prepare(void)
{
	for (unsigned i = 0; i < CLASSES; i++)
		list_init(&heap.partial[i]);
	heap.ready = true;
}

static unsigned slab_objects(const struct slab *s)
{
	return SLAB_SPACE / class_size[s->class];
}

static struct slab *slab_new(u16 class)
{
	hpa_t pa = frame_alloc(FRAME_ORDER_4K, OWNER_KERNEL);
	struct slab *s;

	if (pa == HPA_NONE)
		return NULL;
	s = phys_to_virt(pa);
	memset(s, 0, sizeof(*s));
	s->magic = SLAB_MAGIC;
	s->class = class;
	list_push_front(&heap.partial[class], &s->node);
	return s;
}

/* Takes a free object of a slab that has one. */
static void *slab_take(struct slab *s)
{
	unsigned word = 0, object;

	while (!~s->busy[word])
		word++;
	object = word * 64 + (unsigned)__builtin_ctzll(~s->busy[word]);
	s->busy[word] |= BIT(object % 64);
	if (++s->used == slab_objects(s))
		list_remove(&s->node);
	return (u8 *)s + SLAB_HEADER + object * class_size[s->class];
}

static void *alloc_small(size_t size)
{
	u16 class = class_of_units[(size + 15) / 16];
	u64 flags = spin_lock_irq(&heap.lock);
	struct slab *s;
	void *p = NULL;

	if (!heap.ready)
		heap_prepare();
	s = list_empty(&heap.partial[class]) ? slab_new(class)
					     : list_first(&heap.partial[class], struct slab, node);
	if (s) {
		p = slab_take(s);
		heap.used += class_size[class];
	}
	spin_unlock_irq(&heap.lock, flags);
	if (p)
		memset(p, 0, class_size[class]);
	return p;
}

static void *alloc_block(size_t size)
{
	unsigned order = 0;
	hpa_t pa;
	u64 flags;

	while (order <= FRAME_ORDER_MAX && FRAME_SIZE << order < size)
		order++;
	pa = frame_alloc(order, OWNER_KERNEL);
	if (pa == HPA_NONE)
		return NULL;
	flags = spin_lock_irq(&heap.lock);
	heap.used += FRAME_SIZE << order;
	spin_unlock_irq(&heap.lock, flags);
	return memset(phys_to_virt(pa), 0, FRAME_SIZE << order);
}

void *heap_alloc(size_t size)
{
	return size <= SMALL_MAX ? alloc_small(size) : alloc_block(size);
}

/* Takes an object back; false when p is none that was handed out. The lock is held. */
static bool slab_return(struct slab *s, void *p)
{
	unsigned offset = (unsigned)((u8 *)p - (u8 *)s), size, object;

	if (s->magic != SLAB_MAGIC || s->class >= CLASSES || offset < SLAB_HEADER)
		return false;
	size = class_size[s->class];
	object = (offset - SLAB_HEADER) / size;
	if ((offset - SLAB_HEADER) % size || object >= slab_objects(s) ||
	    !(s->busy[object / 64] & BIT(object % 64)))
		return false;
	s->busy[object / 64] &= ~BIT(object % 64);
	heap.used -= size;
	if (s->used-- == slab_objects(s))
		list_push_front(&heap.partial[s->class], &s->node);
	if (s->used == 0) { /* kept ones would look like leaks where free frames are counted */
		list_remove(&s->node);
		s->magic = 0;
		frame_free(virt_to_phys(s), FRAME_ORDER_4K);
	}
	return true;
}

static void free_block(void *p)
{
	hpa_t pa = virt_to_phys(p);
	unsigned order = frame_order(pa);
	u64 flags;

	if (frame_owner(pa) != OWNER_KERNEL)
		panic("heap_free: %p is not the heap's", p);
	frame_free(pa, order);
	flags = spin_lock_irq(&heap.lock);
	heap.used -= FRAME_SIZE << order;
	spin_unlock_irq(&heap.lock, flags);
}

void heap_free(void *p)
{
	struct slab *s = (struct slab *)((uintptr_t)p & ~(FRAME_SIZE - 1));
	u64 flags;
	bool good;

	if (!p)
		return;
	if (p == (void *)s) {
		free_block(p);
		return;
	}
	flags = spin_lock_irq(&heap.lock);
	good = slab_return(s, p);
	spin_unlock_irq(&heap.lock, flags);
	if (!good)
		panic("heap_free: %p was not allocated", p);
}

u64 heap_used(void)
{
	return READ_ONCE(heap.used);
}
