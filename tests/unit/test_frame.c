// SOURCES: mm/frame.c mm/memmap.c
// SOURCES: tests/unit/stubs/arena.c tests/unit/stubs/frames.c tests/unit/stubs/panic.c
/* mm/frame.c: blocks, owners, misuse, and a random run against a model of every frame. */
#include "tests/unit/stubs/unit.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/machine.h"
#include "mm/frame.h"
#include "tests/unit/stubs/arena.h"

static int setup(void **state)
{
	(void)state;
	arena_frames(64 * MIB, false);
	return 0;
}

static void assert_sound(void)
{
	const char *wrong = frame_check();

	if (wrong)
		fail_msg("%s", wrong);
}

static void test_init(void **state)
{
	(void)state;
	assert_int_equal(frame_count_total(), 64 * MIB / FRAME_SIZE);
	assert_int_equal(frame_count(OWNER_BOOT), 256);
	assert_int_equal(frame_count(OWNER_KERNEL), 16); /* the table */
	assert_int_equal(frame_count(OWNER_FREE), 64 * MIB / FRAME_SIZE - 256 - 16);
	assert_int_equal(frame_owner(0x8000), OWNER_BOOT);
	assert_int_equal(frame_owner(MIB), OWNER_FREE);
	assert_int_equal(frame_owner(64 * MIB - 1), OWNER_KERNEL);
	assert_int_equal(frame_owner(64 * MIB), OWNER_NONE);
	assert_int_equal(frame_owner(HPA_NONE), OWNER_NONE);
	assert_int_equal(frame_count(OWNER_COUNT), 0);
	assert_sound();
}

/* Modules and the kernel's image are kept, down to the frame; high memory comes later. */
static void test_reserved_and_high(void **state)
{
	static struct machine m;
	hpa_t pa;
	u64 low;

	(void)state;
	arena_reset();
	memset(&m, 0, sizeof(m));
	m.region_count = 3;
	m.region[0] = (struct machine_region){ 0, 0x9fc00, 1 };
	m.region[1] = (struct machine_region){ MIB, 31 * MIB, 1 };
	m.region[2] = (struct machine_region){ 4 * GIB, 33 * MIB, 1 };
	m.kernel_start = 2 * MIB;
	m.kernel_end = 2 * MIB + 123;
	m.module_count = 1;
	m.module[0].base = 31 * MIB;
	m.module[0].size = MIB;
	frame_init(&m);
	assert_sound();
	assert_int_equal(frame_owner(2 * MIB), OWNER_BOOT);
	assert_int_equal(frame_owner(2 * MIB + 0x1000), OWNER_FREE);
	assert_int_equal(frame_owner(31 * MIB), OWNER_BOOT);
	/* Below it the table: 4 bytes for each of a million frames. */
	assert_int_equal(frame_owner(31 * MIB - 1), OWNER_KERNEL);
	assert_int_equal(frame_owner(0xa0000), OWNER_NONE);
	assert_int_equal(frame_owner(4 * GIB), OWNER_NONE);
	low = frame_count(OWNER_FREE);
	frame_add_high();
	assert_sound();
	assert_int_equal(frame_count(OWNER_FREE), low + 33 * MIB / FRAME_SIZE);
	assert_int_equal(frame_owner(4 * GIB + 33 * MIB - 1), OWNER_FREE);
	do { /* everything can be had, and nothing that was reserved */
		pa = frame_alloc(0, OWNER_KERNEL);
		assert_true(pa == HPA_NONE || pa >= MIB);
		assert_true(pa < 2 * MIB || pa >= 2 * MIB + 0x1000);
		assert_true(pa == HPA_NONE || pa < 31 * MIB || pa >= 4 * GIB);
	} while (pa != HPA_NONE);
	assert_int_equal(frame_count(OWNER_FREE), 0);
	assert_sound();
}

static void test_alignment_and_exhaustion(void **state)
{
	(void)state;
	for (unsigned order = 0; order <= FRAME_ORDER_MAX; order++) {
		u64 n = 0;

		arena_frames(64 * MIB, false);
		for (hpa_t pa; (pa = frame_alloc(order, 9)) != HPA_NONE; n++)
			assert_int_equal(pa & ((FRAME_SIZE << order) - 1), 0);
		assert_int_equal(frame_count(9), n << order);
		assert_true(n << order > 60 * MIB / FRAME_SIZE - (2u << order));
		assert_sound();
	}
	assert_true(frame_alloc(FRAME_ORDER_MAX + 1, 9) == HPA_NONE);
	assert_true(frame_alloc(~0u, 9) == HPA_NONE);
}

static void test_misuse(void **state)
{
	hpa_t a, b;

	(void)state;
	a = frame_alloc(0, OWNER_KERNEL);
	b = frame_alloc(3, OWNER_KERNEL);
	expect_assert_failure(frame_free(a, 1));
	expect_assert_failure(frame_free(b, 0));
	expect_assert_failure(frame_free(b + FRAME_SIZE, 0));
	expect_assert_failure(frame_free(b + 1, 3));
	expect_assert_failure(frame_free(64 * MIB, 0));
	expect_assert_failure(frame_free(HPA_NONE, 0));
	expect_assert_failure(frame_split(b, 2));
	expect_assert_failure(frame_order(b + FRAME_SIZE));
	expect_assert_failure((void)!frame_alloc(0, OWNER_FREE));
	expect_assert_failure((void)!frame_alloc(0, OWNER_NONE));
	expect_assert_failure((void)!frame_alloc(0, OWNER_COUNT));
	assert_int_equal(frame_order(b), 3);
	frame_free(a, 0);
	expect_assert_failure(frame_free(a, 0));
	frame_free(b, 3);
	expect_assert_failure(frame_free(b, 3));
	assert_sound();
}

static void test_split(void **state)
{
	u64 before = frame_count(OWNER_FREE);
	hpa_t pa = frame_alloc(FRAME_ORDER_2M, 10);

	(void)state;
	frame_split(pa, FRAME_ORDER_2M);
	assert_sound();
	assert_int_equal(frame_count(10), 512);
	expect_assert_failure(frame_free(pa, FRAME_ORDER_2M));
	for (unsigned i = 0; i < 512; i++)
		assert_int_equal(frame_owner(pa + i * FRAME_SIZE), 10);
	for (unsigned i = 0; i < 512; i++)
		frame_free(pa + (i * 37 % 512) * FRAME_SIZE, 0);
	assert_int_equal(frame_count(10), 0);
	assert_int_equal(frame_count(OWNER_FREE), before);
	assert_sound();
	assert_true(frame_alloc(FRAME_ORDER_2M, 10) == pa); /* whole again */
}

/* What frame_check() is there for: it must see damage. */
static void test_check_sees_damage(void **state)
{
	hpa_t pa = frame_alloc(0, OWNER_KERNEL);
	u32 *entry = (u32 *)phys_to_virt(64 * MIB - 16 * FRAME_SIZE) + pa / FRAME_SIZE,
	    saved = *entry;

	(void)state;
	assert_sound();
	*entry = 0; /* lost */
	assert_non_null(frame_check());
	*entry = saved ^ 0x80; /* another owner */
	assert_non_null(frame_check());
	*entry = saved | 0x10000; /* larger than it is: overlaps its buddy */
	assert_non_null(frame_check());
	*entry = saved;
	assert_sound();
}

#define MODEL_FRAMES (64 * MIB / FRAME_SIZE)
#define MODEL_BLOCKS 600

static void test_random(void **state)
{
	static owner_t model[MODEL_FRAMES];
	static struct {
		hpa_t pa;
		unsigned order;
	} block[MODEL_BLOCKS];
	u64 before = frame_count(OWNER_FREE), used = 0, seed = 13;
	unsigned n = 0;

	(void)state;
	memset(model, 0, sizeof(model));
	for (int step = 0; step < 60000; step++) {
		u64 r = unit_random(&seed);

		if (n < MODEL_BLOCKS && r % 100 < 52) {
			unsigned order = MIN((r >> 8) % 14, (r >> 16) % 14) % 11;
			owner_t owner = OWNER_PARTITION + (r >> 24) % 5;
			hpa_t pa = frame_alloc(order, owner);

			if (pa == HPA_NONE)
				continue;
			for (u64 i = 0; i < 1u << order; i++) {
				assert_int_equal(model[pa / FRAME_SIZE + i], 0);
				model[pa / FRAME_SIZE + i] = owner;
			}
			/* Ours now: the allocator keeps nothing there. */
			memset(phys_to_virt(pa), 0xff, 32);
			block[n].pa = pa;
			block[n++].order = order;
			used += 1u << order;
		} else if (n) {
			unsigned at = (r >> 32) % n;

			frame_free(block[at].pa, block[at].order);
			memset(model + block[at].pa / FRAME_SIZE, 0,
			       sizeof(owner_t) << block[at].order);
			used -= 1u << block[at].order;
			block[at] = block[--n];
		}
		assert_int_equal(frame_count(OWNER_FREE), before - used);
		if (step % 500)
			continue;
		assert_sound();
		for (u64 f = 256; f < MODEL_FRAMES - 16; f++)
			assert_int_equal(frame_owner(f * FRAME_SIZE), model[f]);
	}
	while (n--)
		frame_free(block[n].pa, block[n].order);
	assert_int_equal(frame_count(OWNER_FREE), before);
	assert_sound();
}

static void test_no_room_for_table(void **state)
{
	static struct machine m;

	(void)state;
	memset(&m, 0, sizeof(m));
	expect_assert_failure(frame_init(&m));
	m.region_count = 1;
	m.region[0] = (struct machine_region){ 0, MIB, 1 };
	expect_assert_failure(frame_init(&m));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_init, setup),
		cmocka_unit_test(test_reserved_and_high),
		cmocka_unit_test(test_alignment_and_exhaustion),
		cmocka_unit_test_setup(test_misuse, setup),
		cmocka_unit_test_setup(test_split, setup),
		cmocka_unit_test_setup(test_check_sees_damage, setup),
		cmocka_unit_test_setup(test_random, setup),
		cmocka_unit_test(test_no_room_for_table),
	};

	return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
