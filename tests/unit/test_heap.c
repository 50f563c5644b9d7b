// SOURCES: mm/heap.c mm/frame.c mm/memmap.c
// SOURCES: tests/unit/stubs/arena.c tests/unit/stubs/frames.c tests/unit/stubs/panic.c
/* mm/heap.c over the real frame allocator, in memory that is dirty to begin with. */
#include "tests/unit/stubs/unit.h"

#include <string.h>

#include "mm/frame.h"
#include "mm/heap.h"
#include "tests/unit/stubs/arena.h"

static u64 free_before;

/* Once for all tests: the heap's lists live across them, so the frames must, too. */
static int setup_all(void **state)
{
	(void)state;
	arena_frames(32 * MIB, true);
	free_before = frame_count(OWNER_FREE);
	return 0;
}

/* Every test gives everything back, and then not one frame is missing. */
static int teardown(void **state)
{
	(void)state;
	assert_int_equal(heap_used(), 0);
	assert_int_equal(frame_count(OWNER_FREE), free_before);
	assert_null(frame_check());
	return 0;
}

static void assert_zero(const u8 *p, size_t n)
{
	while (n--)
		assert_int_equal(*p++, 0);
}

static void test_sizes(void **state)
{
	(void)state;
	for (size_t size = 0; size <= 9000; size += size < 2100 ? 1 : 97) {
		u8 *p = heap_alloc(size), *q = heap_alloc(size);

		assert_non_null(p);
		assert_non_null(q);
		assert_int_equal((uintptr_t)p % 16, 0);
		if (size >= 4096)
			assert_int_equal((uintptr_t)p % 4096, 0);
		assert_true(p + size <= q || q + size <= p);
		assert_zero(p, size);
		assert_true(heap_used() >= 2 * size);
		memset(p, 0x5a, size);
		heap_free(p);
		memset(q, 0x5a, size);
		heap_free(q);
	}
}

static void test_limits(void **state)
{
	void *p = heap_alloc(4 * MIB);

	(void)state;
	assert_non_null(p);
	assert_int_equal(heap_used(), 4 * MIB);
	assert_null(heap_alloc(4 * MIB + 1));
	assert_null(heap_alloc((size_t)-1));
	heap_free(p);
	heap_free(NULL);
}

static void test_exhaustion(void **state)
{
	static void *p[32 * MIB / 2016];
	size_t n = 0;

	(void)state;
	while ((p[n] = heap_alloc(2000)))
		n++;
	assert_true(n > 30 * MIB / 2048);
	assert_null(heap_alloc(4096));
	assert_null(heap_alloc(2000));
	while (n--)
		heap_free(p[n]);
}

static void test_misuse(void **state)
{
	u8 *small = heap_alloc(40), *other = heap_alloc(40), *block = heap_alloc(8192);
	hpa_t frame = frame_alloc(0, OWNER_PARTITION);

	(void)state;
	expect_assert_failure(heap_free(small + 16));
	expect_assert_failure(heap_free(small + 1));
	expect_assert_failure(heap_free((u8 *)((uintptr_t)small & ~4095ul) + 16)); /* the header */
	expect_assert_failure(heap_free(block + 4096));
	expect_assert_failure(heap_free(block + 48)); /* no slab begins there */
	expect_assert_failure(heap_free(phys_to_virt(frame)));
	heap_free(small);
	expect_assert_failure(heap_free(small));
	heap_free(other);
	heap_free(block);
	expect_assert_failure(heap_free(block));
	frame_free(frame, 0);
}

#define OBJECTS 3000

/* Each object is filled with its own byte, which must be intact when it is freed. */
static void test_random(void **state)
{
	static struct {
		u8 *p;
		size_t size;
		u8 fill;
	} object[OBJECTS];
	u64 seed = 17;
	size_t n = 0;

	(void)state;
	for (int step = 0; step < 40000; step++) {
		u64 r = unit_random(&seed);

		if (n < OBJECTS && r % 100 < 55) {
			size_t size = (r >> 8) % ((r >> 40) % 20 ? 300 : 20000);
			u8 *p = heap_alloc(size);

			if (!p)
				continue;
			assert_zero(p, size);
			object[n].p = p;
			object[n].size = size;
			object[n].fill = (u8)(r >> 32);
			memset(p, object[n++].fill, size);
		} else if (n) {
			size_t at = (r >> 16) % n;

			for (size_t i = 0; i < object[at].size; i++)
				assert_int_equal(object[at].p[i], object[at].fill);
			heap_free(object[at].p);
			object[at] = object[--n];
		}
	}
	assert_true(n > 1000);
	while (n--)
		heap_free(object[n].p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_sizes, teardown),
		cmocka_unit_test_teardown(test_limits, teardown),
		cmocka_unit_test_teardown(test_exhaustion, teardown),
		cmocka_unit_test_teardown(test_misuse, teardown),
		cmocka_unit_test_teardown(test_random, teardown),
	};

	return cmocka_run_group_tests_name("heap", tests, setup_all, NULL);
}
