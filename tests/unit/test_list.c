// SOURCES:
/* lib/list.h against an array that does the same. */
#include "tests/unit/stubs/unit.h"

#include "lib/list.h"

struct item {
	int value;
	struct list node;
};

static void assert_contents(struct list *l, const int *want, size_t n)
{
	struct item *it;
	struct list *p;
	size_t i = 0;

	list_for_each(it, l, node) {
		assert_true(i < n);
		assert_int_equal(it->value, want[i++]);
	}
	assert_int_equal(i, n);
	for (p = l->prev; p != l; p = p->prev) {
		assert_true(i > 0);
		assert_int_equal(list_entry(p, struct item, node)->value, want[--i]);
	}
	assert_int_equal(i, 0);
}

static void test_empty(void **state)
{
	struct list l = LIST_INIT(l);

	(void)state;
	assert_true(list_empty(&l));
	assert_contents(&l, NULL, 0);
}

static void test_order(void **state)
{
	struct item a = { .value = 1 }, b = { .value = 2 }, c = { .value = 3 };
	struct list l;

	(void)state;
	list_init(&l);
	list_push_back(&l, &b.node);
	list_push_back(&l, &c.node);
	list_push_front(&l, &a.node);
	assert_false(list_empty(&l));
	assert_contents(&l, (int[]){ 1, 2, 3 }, 3);
	assert_ptr_equal(list_first(&l, struct item, node), &a);
	list_remove(&b.node);
	assert_contents(&l, (int[]){ 1, 3 }, 2);
	list_remove(&b.node); /* twice is harmless */
	assert_contents(&l, (int[]){ 1, 3 }, 2);
	assert_true(list_empty(&b.node));
}

static void test_remove_while_walking(void **state)
{
	struct item item[10], *it, *tmp;
	struct list l = LIST_INIT(l);

	(void)state;
	for (int i = 0; i < 10; i++) {
		item[i].value = i;
		list_push_back(&l, &item[i].node);
	}
	list_for_each_safe(it, tmp, &l, node)
		if (it->value % 2)
			list_remove(&it->node);
	assert_contents(&l, (int[]){ 0, 2, 4, 6, 8 }, 5);
}

static void test_random(void **state)
{
	struct item item[16];
	struct list l = LIST_INIT(l);
	int shadow[16];
	size_t n = 0;
	u64 seed = 1;

	(void)state;
	for (int i = 0; i < 16; i++) {
		item[i].value = i;
		list_init(&item[i].node);
	}
	for (int step = 0; step < 5000; step++) {
		u64 r = unit_random(&seed);
		int v = r % 16;
		size_t at = 0;

		while (at < n && shadow[at] != v)
			at++;
		if (at < n) {
			list_remove(&item[v].node);
			for (n--; at < n; at++)
				shadow[at] = shadow[at + 1];
		} else if (r & 0x100) {
			list_push_back(&l, &item[v].node);
			shadow[n++] = v;
		} else {
			list_push_front(&l, &item[v].node);
			for (at = n++; at > 0; at--)
				shadow[at] = shadow[at - 1];
			shadow[0] = v;
		}
		assert_contents(&l, shadow, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_remove_while_walking),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests_name("list", tests, NULL, NULL);
}
