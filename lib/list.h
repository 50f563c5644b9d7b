#pragma once
/* Doubly linked circular lists with the node inside the element. An empty list points to itself. */
#include "compiler.h"
#include "types.h"

struct list {
	struct list *next, *prev;
};

/* clang-format off */
#define LIST_INIT(name) { &(name), &(name) }
/* clang-format on */

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_insert(struct list *node, struct list *prev, struct list *next)
{
	node->prev = prev;
	node->next = next;
	prev->next = node;
	next->prev = node;
}

static inline void list_push_front(struct list *l, struct list *node)
{
	list_insert(node, l, l->next);
}

static inline void list_push_back(struct list *l, struct list *node)
{
	list_insert(node, l->prev, l);
}

/* Leaves the node pointing to itself, so that removing twice is harmless. */
static inline void list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

#define list_entry(node, type, member) container_of(node, type, member)
#define list_first(l, type, member) list_entry((l)->next, type, member)

/* The body may not remove elements; use list_for_each_safe for that. */
#define list_for_each(pos, l, member)                                                \
	for (pos = list_entry((l)->next, typeof(*pos), member); &pos->member != (l); \
	     pos = list_entry(pos->member.next, typeof(*pos), member))

#define list_for_each_reverse(pos, l, member)                                        \
	for (pos = list_entry((l)->prev, typeof(*pos), member); &pos->member != (l); \
	     pos = list_entry(pos->member.prev, typeof(*pos), member))

#define list_for_each_safe(pos, tmp, l, member)                       \
	for (pos = list_entry((l)->next, typeof(*pos), member),       \
	    tmp = list_entry(pos->member.next, typeof(*pos), member); \
	     &pos->member != (l);                                     \
	     pos = tmp, tmp = list_entry(tmp->member.next, typeof(*pos), member))
