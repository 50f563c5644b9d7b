#pragma once
/*
 * A queue ordered by a 64-bit key, smallest first; of equal keys the one inserted first. A leftist
 * tree (Crane 1972; Knuth, TAOCP 3, 5.2.3): every operation takes at most logarithmic time in the
 * number of entries, and the nodes are part of what is queued, so that nothing is allocated.
 */
#include "compiler.h"
#include "types.h"

struct prioq_node {
	struct prioq_node *parent, *left, *right;
	u64 key;
	u64 turn;      /* the order of insertion decides between equal keys */
	unsigned rank; /* length of the path to the right */
};

struct prioq {
	struct prioq_node *root;
	u64 turns; /* insertions so far */
	unsigned count;
};

void prioq_init(struct prioq *q);
/* The node is in no queue. */
void prioq_insert(struct prioq *q, struct prioq_node *n, u64 key);
/* The node is in this queue. */
void prioq_remove(struct prioq *q, struct prioq_node *n);

/* NULL when the queue is empty. */
static inline struct prioq_node *prioq_first(const struct prioq *q)
{
	return q->root;
}

#if __STDC_HOSTED__
extern u64 prioq_steps; /* nodes touched so far, for the unit tests */
#endif
