// SOURCES: lib/prioq.c
/* lib/prioq.c against a sorted array, its shape, and how its work grows with its size. */
#include "tests/unit/stubs/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/prioq.h"

#define ENTRIES_MAX 100000

static struct prioq_node nodes[ENTRIES_MAX];
static struct prioq queue;

static int setup(void **state)
{
	(void)state;
	prioq_init(&queue);
	return 0;
}

/* Follows the tree without recursion, checks every rule of it, and returns the number of nodes. */
static unsigned check_tree(const struct prioq *q)
{
	const struct prioq_node *n = q->root, *child[2];
	unsigned count = 0;

	assert_true(!n || !n->parent);
	while (n) {
		unsigned left = n->left ? n->left->rank : 0, right = n->right ? n->right->rank : 0;

		count++;
		assert_true(left >= right);
		assert_int_equal(n->rank, right + 1);
		child[0] = n->left;
		child[1] = n->right;
		for (int i = 0; i < 2; i++) {
			if (!child[i])
				continue;
			assert_ptr_equal(child[i]->parent, n);
			assert_true(child[i]->key > n->key ||
				    (child[i]->key == n->key && child[i]->turn > n->turn));
		}
		if (n->left) { /* a right child has a left sibling */
			n = n->left;
			continue;
		}
		while (n->parent && (n == n->parent->right || !n->parent->right))
			n = n->parent;
		n = n->parent ? n->parent->right : NULL;
	}
	return count;
}

static void test_empty(void **state)
{
	(void)state;
	assert_null(prioq_first(&queue));
	assert_int_equal(queue.count, 0);
	prioq_insert(&queue, &nodes[0], 7);
	assert_ptr_equal(prioq_first(&queue), &nodes[0]);
	prioq_remove(&queue, &nodes[0]);
	assert_null(prioq_first(&queue));
	assert_int_equal(queue.count, 0);
}

static void test_equal_keys_are_first_in_first_out(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 100; i++)
			prioq_insert(&queue, &nodes[i], i % 2 ? 5 : UINT64_MAX);
		for (unsigned i = 1; i < 200; i += 2) {
			unsigned want = i < 100 ? i : i - 101;

			assert_ptr_equal(prioq_first(&queue), &nodes[want]);
			prioq_remove(&queue, &nodes[want]);
		}
	}
	assert_int_equal(queue.count, 0);
}

#define RANDOM_NODES 60

static bool due_before(const struct prioq_node *a, const struct prioq_node *b)
{
	return a->key != b->key ? a->key < b->key : a->turn < b->turn;
}

/* Inserts and removes at random; the array is kept sorted by hand. */
static void test_random(void **state)
{
	struct prioq_node *sorted[RANDOM_NODES];
	unsigned count = 0, at;
	u64 seed = 1;

	(void)state;
	for (unsigned step = 0; step < 30000; step++) {
		u64 r = unit_random(&seed);
		struct prioq_node *n = &nodes[r % RANDOM_NODES];

		for (at = 0; at < count && sorted[at] != n; at++)
			;
		if (at < count) {
			prioq_remove(&queue, n);
			for (count--; at < count; at++)
				sorted[at] = sorted[at + 1];
		} else {
			prioq_insert(&queue, n, (r >> 8) % 32); /* many equals */
			for (at = count++; at > 0 && due_before(n, sorted[at - 1]); at--)
				sorted[at] = sorted[at - 1];
			sorted[at] = n;
		}
		assert_int_equal(queue.count, count);
		assert_ptr_equal(prioq_first(&queue), count ? sorted[0] : NULL);
		assert_int_equal(check_tree(&queue), count);
	}
	for (at = 0; at < count; at++) {
		assert_ptr_equal(prioq_first(&queue), sorted[at]);
		prioq_remove(&queue, sorted[at]);
	}
	assert_null(prioq_first(&queue));
}

static unsigned log2_up(unsigned n)
{
	unsigned bits = 0;

	while ((1u << bits) < n + 1)
		bits++;
	return bits;
}

/* One operation; its steps must stay under so many for each level of a tree. */
static void counted(unsigned count, unsigned per_level, unsigned *most,
		    void (*op)(struct prioq_node *, u64), struct prioq_node *n, u64 key)
{
	u64 before = prioq_steps, steps;

	op(n, key);
	steps = prioq_steps - before;
	assert_true(steps <= per_level * log2_up(count));
	*most = MAX(*most, (unsigned)steps);
}

static void do_insert(struct prioq_node *n, u64 key)
{
	prioq_insert(&queue, n, key);
}

static void do_remove(struct prioq_node *n, u64 key)
{
	(void)key;
	prioq_remove(&queue, n);
}

enum order { ASCENDING, DESCENDING, RANDOM, ORDERS };

static u64 key_of(enum order order, unsigned i, u64 *seed)
{
	u64 r = unit_random(seed);

	return order == ASCENDING ? i : order == DESCENDING ? ENTRIES_MAX - i : r % 1000000;
}

static void fill_and_empty(unsigned count, enum order order, unsigned most[2], u64 *seed)
{
	setup(NULL);
	for (unsigned i = 0; i < count; i++)
		counted(count, 2, &most[0], do_insert, &nodes[i], key_of(order, i, seed));
	assert_int_equal(check_tree(&queue), count);
	for (u64 i = unit_random(seed) % 3; i < count; i += 1 + unit_random(seed) % 3)
		counted(count, 4, &most[1], do_remove, &nodes[i], 0); /* out of the middle */
	assert_int_equal(check_tree(&queue), queue.count);
	while (queue.count)
		counted(count, 4, &most[1], do_remove, prioq_first(&queue), 0);
}

/*
 * No single operation takes more than some steps for each level: an insertion walks down two right
 * sides and back, a removal in addition up.
 */
static void test_steps_are_logarithmic(void **state)
{
	u64 seed = 3;

	(void)state;
	for (unsigned count = 10; count <= ENTRIES_MAX; count *= 10) {
		unsigned most[2] = { 0, 0 };

		for (enum order order = 0; order < ORDERS; order++)
			fill_and_empty(count, order, most, &seed);
		print_message("%u entries: at most %u steps to insert, %u to remove\n", count,
			      most[0], most[1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_empty, setup),
		cmocka_unit_test_setup(test_equal_keys_are_first_in_first_out, setup),
		cmocka_unit_test_setup(test_random, setup),
		cmocka_unit_test_setup(test_steps_are_logarithmic, setup),
	};

	return cmocka_run_group_tests_name("prioq", tests, NULL, NULL);
}
