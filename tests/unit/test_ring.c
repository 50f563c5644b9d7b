// SOURCES:
/* lib/ring.h against a plain queue, with the indices about to wrap. */
#include "tests/unit/stubs/unit.h"

#include "lib/ring.h"

static void test_empty_full(void **state)
{
	u8 buf[4];
	struct ring r;

	(void)state;
	ring_init(&r, buf, sizeof(buf));
	assert_int_equal(ring_get(&r), -1);
	assert_int_equal(ring_space(&r), 4);
	for (u8 i = 0; i < 4; i++)
		assert_true(ring_put(&r, (u8)(0xfc + i)));
	assert_false(ring_put(&r, 9));
	assert_int_equal(ring_used(&r), 4);
	for (int i = 0; i < 4; i++)
		assert_int_equal(ring_get(&r), 0xfc + i); /* 0xff is a byte, not "empty" */
	assert_int_equal(ring_get(&r), -1);
}

static void test_random(void **state)
{
	u8 buf[16];
	struct ring r;
	u64 seed = 7;
	u32 put = 0, got = 0;

	(void)state;
	ring_init(&r, buf, sizeof(buf));
	r.head = r.tail = 0xfffffff0u; /* the counters wrap on the way */
	for (int i = 0; i < 100000; i++) {
		if (unit_random(&seed) & 1) {
			bool ok = ring_put(&r, (u8)(put * 31));

			assert_int_equal(ok, put - got < 16);
			put += ok;
		} else {
			int c = ring_get(&r);

			assert_int_equal(c, put == got ? -1 : (u8)(got * 31));
			got += c >= 0;
		}
		assert_int_equal(ring_used(&r), put - got);
		assert_int_equal(ring_space(&r), 16 - (put - got));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_full),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
