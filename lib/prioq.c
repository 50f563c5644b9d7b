/*
 * Leftist trees. Every node is before its children; its rank is one more than the smaller rank of
 * its children, and that child is the right one. So a node of rank r has at least 2^r - 1 below
 * and with it, and the way from any node down to the right is at most logarithmic. Merging two
 * trees walks down both of their right sides, and everything else is a merge.
 */
#include "lib/prioq.h"

#if __STDC_HOSTED__
u64 prioq_steps;
#define STEP() (prioq_steps++)
#else
#define STEP() ((void)0)
#endif

void prioq_init(struct prioq *q)
{
	q->root = NULL;
	q->turns = 0;
	q->count = 0;
}

static bool before(const struct prioq_node *a, const struct prioq_node *b)
{
	return a->key != b->key ? a->key < b->key : a->turn < b->turn;
}

static unsigned rank_of(const struct prioq_node *n)
{
	return n ? n->rank : 0;
}

/* Makes the node's rank follow from its children's, and says whether that changed it. */
static bool repair(struct prioq_node *n)
{
	struct prioq_node *left = n->left;
	unsigned rank = n->rank;

	STEP();
	if (rank_of(left) < rank_of(n->right)) {
		n->left = n->right;
		n->right = left;
	}
	n->rank = rank_of(n->right) + 1;
	return n->rank != rank;
}

/* One tree of two, below that parent, which does not know of it yet. */
static struct prioq_node *merge(struct prioq_node *a, struct prioq_node *b,
				struct prioq_node *parent)
{
	struct prioq_node *root = NULL, **link = &root, *last = parent, *smaller;

	while (a && b) {
		STEP();
		smaller = before(a, b) ? a : b;
		if (smaller == a)
			a = a->right;
		else
			b = b->right;
		*link = smaller;
		smaller->parent = last;
		last = smaller;
		link = &smaller->right;
	}
	*link = a ? a : b;
	if (*link)
		(*link)->parent = last;
	for (; last != parent; last = last->parent)
		repair(last);
	return root;
}

void prioq_insert(struct prioq *q, struct prioq_node *n, u64 key)
{
	n->left = n->right = NULL;
	n->key = key;
	n->turn = q->turns++;
	n->rank = 1;
	q->root = merge(q->root, n, NULL);
	q->count++;
}

/*
 * Its children take its place. Above them, ranks change only on the way along right sides: each
 * new rank is one more than the one below, so that there are logarithmically many.
 */
void prioq_remove(struct prioq *q, struct prioq_node *n)
{
	struct prioq_node *parent = n->parent, *rest = merge(n->left, n->right, parent);

	if (!parent)
		q->root = rest;
	else if (parent->left == n)
		parent->left = rest;
	else
		parent->right = rest;
	while (parent && repair(parent))
		parent = parent->parent;
	q->count--;
}
