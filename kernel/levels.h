#pragma once
/*
 * A queue of a few priorities, first come first served in each; all operations take constant time.
 */
#include "kernel/sched.h"

static inline void levels_init(struct levels *l)
{
	for (unsigned i = 0; i < LEVELS_MAX; i++)
		list_init(&l->list[i]);
	l->mask = 0;
}

static inline void levels_push(struct levels *l, unsigned level, struct list *node, bool front)
{
	if (front)
		list_push_front(&l->list[level], node);
	else
		list_push_back(&l->list[level], node);
	l->mask |= 1u << level;
}

static inline void levels_remove(struct levels *l, unsigned level, struct list *node)
{
	list_remove(node);
	if (list_empty(&l->list[level]))
		l->mask &= ~(1u << level);
}

/* The highest level that is not empty; not for an empty queue. */
static inline unsigned levels_highest(const struct levels *l)
{
	return 31 ^ (unsigned)__builtin_clz(l->mask);
}
