#pragma once
/*
 * A byte ring over a caller's buffer whose size is a power of two. One producer and one consumer
 * may work at the same time; more of either need a lock. Indices count bytes ever put or taken.
 */
#include "types.h"

struct ring {
	u8 *buf;
	u32 size;	/* a power of two */
	u32 head, tail; /* bytes ever put, bytes ever taken */
};

static inline void ring_init(struct ring *r, u8 *buf, u32 size)
{
	r->buf = buf;
	r->size = size;
	r->head = r->tail = 0;
}

static inline u32 ring_used(const struct ring *r)
{
	return __atomic_load_n(&r->head, __ATOMIC_ACQUIRE) -
	       __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE);
}

static inline u32 ring_space(const struct ring *r)
{
	return r->size - ring_used(r);
}

/* False when full. */
static inline bool ring_put(struct ring *r, u8 c)
{
	u32 head = r->head;

	if (ring_space(r) == 0)
		return false;
	r->buf[head & (r->size - 1)] = c;
	__atomic_store_n(&r->head, head + 1, __ATOMIC_RELEASE);
	return true;
}

/* The next byte, or -1 when empty. */
static inline int ring_get(struct ring *r)
{
	u32 tail = r->tail;
	u8 c;

	if (ring_used(r) == 0)
		return -1;
	c = r->buf[tail & (r->size - 1)];
	__atomic_store_n(&r->tail, tail + 1, __ATOMIC_RELEASE);
	return c;
}
