// SOURCES: mm/reclaim.c mm/gpspace.c mm/pt.c mm/pt_format.c mm/frame.c mm/memmap.c
// SOURCES: tests/unit/stubs/arena.c tests/unit/stubs/frames.c tests/unit/stubs/panic.c
/* mm/reclaim.c: what is zero goes, and nothing that a guest does meanwhile is lost. */
#include "tests/unit/stubs/unit.h"

#include <string.h>

#include "error.h"
#include "mm/reclaim.h"
#include "tests/unit/stubs/arena.h"

#define OWNER (OWNER_PARTITION + 3)
#define RAM (16 * MIB)
#define SMALL (RAM + MIB) /* 1 MiB from here on cannot have large pages */

static struct gpspace gs;

static int setup(void **state)
{
	(void)state;
	arena_frames(32 * MIB, true);
	assert_int_equal(gpspace_init(&gs, &pt_format_ept, OWNER), 0);
	assert_int_equal(gpspace_add_ram(&gs, 0, RAM, true), 0);
	assert_int_equal(gpspace_add_ram(&gs, SMALL, MIB, true), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	gpspace_free(&gs);
	assert_int_equal(frame_count(OWNER), 0);
	assert_null(frame_check());
	return 0;
}

static u64 *word(gpa_t gpa)
{
	u64 *p = gpspace_hva(&gs, gpa);

	assert_non_null(p);
	return p;
}

static bool is_present(gpa_t gpa)
{
	return gpspace_present(&gs, gpa, 1, true) != NULL;
}

/* What others do between the hiding and the freeing. */
struct others {
	unsigned calls;
	int result;
	gpa_t touched;	 /* hidden, and brought back by a read */
	gpa_t written;	 /* and by a write */
	u64 *late_write; /* by a translation from before */
};

static int others_work(void *ctx)
{
	struct others *o = ctx;

	o->calls++;
	if (o->touched) {
		assert_false(is_present(o->touched));
		assert_int_equal(gpspace_fault(&gs, o->touched, false), 0);
		assert_true(is_present(o->touched));
	}
	if (o->written)
		*word(o->written) = 7;
	if (o->late_write)
		*o->late_write = 8;
	return o->result;
}

static u64 reclaim(struct others *o)
{
	u64 freed = 1;

	assert_int_equal(gpspace_reclaim(&gs, others_work, o, &freed), o->result);
	return freed;
}

static void test_frees_zeros(void **state)
{
	struct others o = { 0 };
	u64 generation;

	(void)state;
	*word(0) = 0; /* 2 MiB of zeros, 2 MiB with the very last byte set, the same for 4 KiB */
	((u8 *)word(2 * MIB))[2 * MIB - 1] = 1;
	*word(SMALL) = 0;
	((u8 *)word(SMALL + 4096))[4095] = 1;
	assert_int_equal(gs.populated, 4 * MIB + 8192);
	generation = gs.pt.generation;
	assert_int_equal(reclaim(&o), 2 * MIB + 4096);
	assert_int_equal(o.calls, 1);
	assert_int_not_equal(gs.pt.generation, generation);
	assert_int_equal(gs.populated, 2 * MIB + 4096);
	assert_false(is_present(0));
	assert_true(is_present(2 * MIB));
	assert_false(is_present(SMALL));
	assert_true(is_present(SMALL + 4096));
	assert_int_equal(*word(0), 0);
	assert_int_equal(gs.populated, 4 * MIB + 4096); /* and by a large page again */
	assert_int_equal(((u8 *)word(2 * MIB))[2 * MIB - 1], 1);
}

static void test_nothing_to_free(void **state)
{
	struct others o = { 0 };

	(void)state;
	assert_int_equal(reclaim(&o), 0);
	*word(0) = 1;
	assert_int_equal(reclaim(&o), 0);
	assert_int_equal(o.calls, 0); /* so that nobody is disturbed */
}

static void test_wanted_back(void **state)
{
	struct others o = { .touched = 2 * MIB, .written = 4 * MIB };
	u64 *read = word(2 * MIB), *written = word(4 * MIB + 8), *late = word(6 * MIB);

	(void)state;
	*word(0) = 0;
	o.late_write = late + 5;
	assert_int_equal(reclaim(&o), 2 * MIB); /* only what nobody wanted */
	assert_false(is_present(0));
	assert_true(is_present(2 * MIB) && is_present(4 * MIB) && is_present(6 * MIB));
	assert_ptr_equal(word(2 * MIB), read);
	assert_ptr_equal(word(4 * MIB + 8), written);
	assert_int_equal(*word(4 * MIB), 7);
	assert_int_equal(word(6 * MIB)[5], 8);
}

static void test_fails(void **state)
{
	struct others o = { .result = -ETIMEDOUT };
	u64 *large = word(0), *small = word(SMALL), populated = gs.populated;

	(void)state;
	assert_int_equal(reclaim(&o), 0);
	assert_int_equal(o.calls, 1);
	assert_true(is_present(0) && is_present(SMALL));
	assert_ptr_equal(word(0), large);
	assert_ptr_equal(word(SMALL), small);
	assert_int_equal(gs.populated, populated);
}

/* Tables without entries are freed by the call after, once nobody walks them. */
static void test_batches_and_tables(void **state)
{
	struct others o = { 0 };
	u64 tables;

	(void)state;
	*word(RAM - MIB) = 1;
	tables = frame_count(OWNER);
	for (unsigned i = 0; i < 100; i++)
		*word(SMALL + i * 4096) = 0;
	assert_int_equal(frame_count(OWNER), tables + 1 + 100);
	assert_int_equal(reclaim(&o), 100 * 4096);
	assert_int_equal(o.calls, 4);
	assert_int_equal(frame_count(OWNER), tables + 1);
	*word(SMALL) = 0;
	assert_int_equal(reclaim(&o), 4096);
	assert_int_equal(frame_count(OWNER), tables + 1);
}

static void test_rom_and_strangers(void **state)
{
	struct others o = { 0 };
	hpa_t stranger = frame_alloc(FRAME_ORDER_4K, OWNER + 1);
	struct pt_mapping m;

	(void)state;
	assert_int_not_equal(stranger, HPA_NONE);
	memset(phys_to_virt(stranger), 0, FRAME_SIZE);
	assert_int_equal(pt_map(&gs.pt, SMALL, stranger, 4096, PT_READ), 0);
	assert_int_equal(gpspace_add_ram(&gs, 32 * MIB, 2 * MIB, false), 0);
	assert_int_equal(gpspace_fault(&gs, 32 * MIB, false), 0);
	o.touched = 0;
	o.result = -ETIMEDOUT;
	assert_int_equal(reclaim(&o), 0);
	assert_int_equal(pt_lookup(&gs.pt, 32 * MIB, &m), 0);
	assert_int_equal(m.prot, PT_READ | PT_EXEC); /* still not writable */
	o.result = 0;
	assert_int_equal(reclaim(&o), 2 * MIB);
	assert_int_equal(pt_lookup(&gs.pt, SMALL, &m), 0);
	assert_int_equal(m.pa, stranger);
	assert_int_equal(frame_owner(stranger), OWNER + 1);
	frame_free(stranger, FRAME_ORDER_4K);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_frees_zeros, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_to_free, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wanted_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_batches_and_tables, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rom_and_strangers, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
