// SOURCES: mm/gpspace.c mm/pt.c mm/pt_format.c mm/frame.c mm/memmap.c
// SOURCES: tests/unit/stubs/arena.c tests/unit/stubs/frames.c tests/unit/stubs/panic.c
/* mm/gpspace.c: ranges, population, zeroing, and that every frame comes back. */
#include "tests/unit/stubs/unit.h"

#include <string.h>

#include "error.h"
#include "mm/gpspace.h"
#include "tests/unit/stubs/arena.h"

#define OWNER (OWNER_PARTITION + 3)

static struct gpspace gs;
static u64 free_before;

static int setup(void **state)
{
	(void)state;
	arena_frames(32 * MIB, true);
	free_before = frame_count(OWNER_FREE);
	assert_int_equal(gpspace_init(&gs, &pt_format_ept, OWNER), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	gpspace_free(&gs);
	assert_int_equal(frame_count(OWNER), 0);
	assert_int_equal(frame_count(OWNER_FREE), free_before);
	assert_null(frame_check());
	gpspace_free(&gs);
	return 0;
}

static void assert_page(gpa_t gpa, u64 size, unsigned prot)
{
	struct pt_mapping m;
	const u8 *p = gpspace_hva(&gs, gpa & ~4095ull);

	assert_non_null(p);
	assert_int_equal(pt_lookup(&gs.pt, gpa, &m), 0);
	assert_int_equal(m.size, size);
	assert_int_equal(m.prot, prot);
	assert_int_equal(frame_owner(m.pa), OWNER);
	assert_ptr_equal((u8 *)phys_to_virt(m.pa & ~4095ull), p);
	for (unsigned i = 0; i < 4096; i++)
		assert_int_equal(p[i], 0);
}

#define RWX (PT_READ | PT_WRITE | PT_EXEC)

static void test_ranges(void **state)
{
	(void)state;
	assert_int_equal(gpspace_add_ram(&gs, 0, 0, true), -EINVAL);
	assert_int_equal(gpspace_add_ram(&gs, 1, 4096, true), -EINVAL);
	assert_int_equal(gpspace_add_ram(&gs, 0, 4095, true), -EINVAL);
	assert_int_equal(gpspace_add_ram(&gs, BIT(48), 4096, true), -EINVAL);
	assert_int_equal(gpspace_add_ram(&gs, BIT(48) - 4096, 8192, true), -EINVAL);
	assert_int_equal(gpspace_add_ram(&gs, ~0ull << 12, 4096, true), -EINVAL);
	assert_int_equal(gpspace_add_ram(&gs, 4096, ~0ull << 12, true), -EINVAL);
	assert_int_equal(gpspace_add_ram(&gs, 0x10000, 0x10000, true), 0);
	assert_int_equal(gpspace_add_ram(&gs, 0x1f000, 0x1000, true), -EINVAL);
	assert_int_equal(gpspace_add_ram(&gs, 0xf000, 0x2000, true), -EINVAL);
	assert_int_equal(gpspace_add_ram(&gs, 0xf000, 0x20000, true), -EINVAL);
	assert_int_equal(gpspace_add_ram(&gs, 0x20000, 0x1000, true), 0);
	assert_int_equal(gpspace_add_ram(&gs, BIT(48) - 4096, 4096, true), 0);
	for (unsigned i = 3; i < GPSPACE_RANGES; i++)
		assert_int_equal(gpspace_add_ram(&gs, i * MIB, 4096, true), 0);
	assert_int_equal(gpspace_add_ram(&gs, GIB, 4096, true), -ENOSPC);
}

static void test_is_ram(void **state)
{
	(void)state;
	assert_false(gpspace_is_ram(&gs, 0, 1));
	assert_int_equal(gpspace_add_ram(&gs, 0x10000, 0x10000, true), 0);
	assert_true(gpspace_is_ram(&gs, 0x10000, 0x10000));
	assert_true(gpspace_is_ram(&gs, 0x1ffff, 1));
	assert_false(gpspace_is_ram(&gs, 0x1ffff, 2));
	assert_false(gpspace_is_ram(&gs, 0xffff, 1));
	assert_false(gpspace_is_ram(&gs, 0xffff, 2));
	assert_false(gpspace_is_ram(&gs, 0x20000, 0));
	assert_false(gpspace_is_ram(&gs, 0x10000, ~0ull));
	assert_false(gpspace_is_ram(&gs, ~0ull, 1));
	assert_false(gpspace_is_ram(&gs, ~0ull, 0x20001));
}

static void test_populate(void **state)
{
	(void)state;
	assert_int_equal(gpspace_add_ram(&gs, 0, 0xa0000, true), 0);
	assert_int_equal(gpspace_add_ram(&gs, MIB, 5 * MIB + 8192, true), 0);
	assert_int_equal(gs.populated, 0);
	assert_page(0x1234, 4096, RWX); /* its 2 MiB are not all RAM */
	assert_page(MIB, 4096, RWX);
	assert_int_equal(gs.populated, 8192);
	assert_int_equal(gpspace_fault(&gs, 3 * MIB + 5, true), 0);
	assert_page(2 * MIB, 2 * MIB, RWX);
	assert_page(6 * MIB + 4096, 4096, RWX);
	assert_int_equal(gs.populated, 3 * 4096 + 2 * MIB);
	assert_int_equal(gpspace_fault(&gs, 2 * MIB, true), 0); /* again */
	assert_int_equal(gs.populated, 3 * 4096 + 2 * MIB);
	assert_int_equal(gpspace_fault(&gs, 0xa0000, false), -EFAULT);
	assert_int_equal(gpspace_fault(&gs, 6 * MIB + 8192, false), -EFAULT);
	assert_int_equal(gpspace_fault(&gs, ~0ull, true), -EFAULT);
	assert_null(gpspace_hva(&gs, 0xa0000));
	assert_null(gpspace_hva(&gs, BIT(48)));
	assert_null(gpspace_hva(&gs, BIT(48) | 0x1234)); /* not taken for 0x1234 */
	assert_int_equal(gs.pt.generation, 0);		 /* population needs no flush */
}

static void test_contents_stay(void **state)
{
	u64 *p;

	(void)state;
	assert_int_equal(gpspace_add_ram(&gs, 0, 4 * MIB, true), 0);
	p = gpspace_hva(&gs, MIB + 8);
	assert_non_null(p);
	*p = 42;
	assert_int_equal(gpspace_fault(&gs, MIB, true), 0);
	assert_ptr_equal(gpspace_hva(&gs, MIB + 8), p);
	assert_int_equal(*p, 42);
}

static void test_rom(void **state)
{
	(void)state;
	assert_int_equal(gpspace_add_ram(&gs, 0, 4 * MIB, false), 0);
	assert_int_equal(gpspace_fault(&gs, 0x1000, true), -EFAULT);
	assert_int_equal(gs.populated, 0);
	assert_int_equal(gpspace_fault(&gs, 0x1000, false), 0);
	assert_page(0x1000, 2 * MIB, PT_READ | PT_EXEC);
	assert_int_equal(gpspace_fault(&gs, 0x1000, true), -EFAULT);
}

static void test_span(void **state)
{
	void *hva, *at;
	u64 bytes;

	(void)state;
	assert_int_equal(gpspace_add_ram(&gs, 2 * MIB, 2 * MIB + 4096, true), 0);
	assert_int_equal(gpspace_span(&gs, 2 * MIB + 12345, &hva, &bytes), 0);
	assert_int_equal(bytes, 2 * MIB - 12345);
	at = gpspace_hva(&gs, 2 * MIB + 12345);
	assert_ptr_equal(at, hva);
	assert_int_equal(gpspace_span(&gs, 4 * MIB + 4095, &hva, &bytes), 0);
	assert_int_equal(bytes, 1);
	assert_int_equal(gpspace_span(&gs, 4 * MIB + 4096, &hva, &bytes), -EFAULT);
}

/* Small frames when there is no large one; an error and no damage when there is none at all. */
static void test_memory_runs_out(void **state)
{
	hpa_t single[8], large;
	u64 n = 0;

	(void)state;
	assert_int_equal(gpspace_add_ram(&gs, 0, 64 * MIB, true), 0);
	while (gpspace_fault(&gs, n, true) == 0)
		n += 4096;
	assert_true(n > 30 * MIB && n < 32 * MIB && n == gs.populated);
	assert_page(0, 2 * MIB, RWX);
	assert_page(n - 1, 4096, RWX);
	assert_int_equal(gpspace_fault(&gs, 60 * MIB, true), -ENOMEM);
	assert_null(gpspace_hva(&gs, 60 * MIB));
	assert_int_equal(gpspace_fault(&gs, 0, true), 0); /* what is there is still there */
	assert_true(frame_alloc(FRAME_ORDER_2M, OWNER_KERNEL) == HPA_NONE);
	gpspace_free(&gs);
	assert_int_equal(frame_count(OWNER_FREE), free_before);

	assert_int_equal(gpspace_init(&gs, &pt_format_npt, OWNER), 0);
	assert_int_equal(gpspace_add_ram(&gs, 0, 64 * MIB, true), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(single); i++) /* break up one block */
		single[i] = frame_alloc(0, OWNER_KERNEL);
	for (n = 0; (large = frame_alloc(FRAME_ORDER_2M, OWNER_KERNEL)) != HPA_NONE; n++)
		*(hpa_t *)phys_to_virt(large) = 0;
	assert_page(5 * MIB, 4096, RWX);
	assert_page(5 * MIB + 4096, 4096, RWX);
	for (hpa_t pa = 0; pa < 32 * MIB; pa += 2 * MIB) /* large ones are there again */
		if (frame_owner(pa) == OWNER_KERNEL && frame_owner(pa + MIB) == OWNER_KERNEL &&
		    pa < 30 * MIB)
			frame_free(pa, FRAME_ORDER_2M);
	assert_page(5 * MIB + 8192, 4096, RWX); /* but this place is taken by a table */
	assert_page(8 * MIB, 2 * MIB, RWX);
	for (unsigned i = 0; i < ARRAY_SIZE(single); i++)
		frame_free(single[i], 0);
}

/* A page that somebody else owns and mapped here does not go away with the space. */
static void test_foreign_frame(void **state)
{
	hpa_t pa = frame_alloc(0, OWNER_KERNEL);

	(void)state;
	assert_int_equal(pt_map(&gs.pt, 0xfee00000, pa, 4096, PT_READ | PT_WRITE), 0);
	assert_non_null(gpspace_hva(&gs, 0xfee00000));
	gpspace_free(&gs);
	assert_int_equal(frame_owner(pa), OWNER_KERNEL);
	frame_free(pa, 0);
}

static void test_init_without_memory(void **state)
{
	hpa_t list = HPA_NONE, pa;

	(void)state;
	gpspace_free(&gs);
	while ((pa = frame_alloc(0, OWNER_KERNEL)) != HPA_NONE) {
		*(hpa_t *)phys_to_virt(pa) = list;
		list = pa;
	}
	assert_int_equal(gpspace_init(&gs, &pt_format_ept, OWNER), -ENOMEM);
	gpspace_free(&gs);
	memset(&gs, 0, sizeof(gs));
	gpspace_free(&gs);
	while (list != HPA_NONE) {
		pa = list;
		list = *(hpa_t *)phys_to_virt(pa);
		frame_free(pa, 0);
	}
}

/* A hundred partitions come and go, each touching its memory in another order. */
static void test_rounds(void **state)
{
	u64 seed = 23;

	(void)state;
	gpspace_free(&gs);
	for (int round = 0; round < 100; round++) {
		assert_int_equal(
		    gpspace_init(&gs, round % 2 ? &pt_format_ept : &pt_format_npt, OWNER), 0);
		assert_int_equal(gpspace_add_ram(&gs, 0, 0xa0000, true), 0);
		assert_int_equal(gpspace_add_ram(&gs, MIB, 11 * MIB, true), 0);
		assert_int_equal(gpspace_add_ram(&gs, 0xfffc0000, 0x40000, false), 0);
		for (int i = 0; i < 40; i++) {
			u64 r = unit_random(&seed);
			gpa_t gpa = i % 8 ? r % (12 * MIB) : 0xfffc0000 + r % 0x40000;
			u64 *p = gpspace_hva(&gs, gpa & ~7ull);

			assert_int_equal(p != NULL, gpspace_is_ram(&gs, gpa, 1));
			if (p) {
				assert_true(*p == 0 || (*p & ~7ull) == (gpa & ~7ull));
				*p = gpa;
			}
		}
		assert_true(frame_count(OWNER) >= gs.populated / 4096 + 4);
		gpspace_free(&gs);
		assert_int_equal(frame_count(OWNER_FREE), free_before);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_ranges, setup, teardown),
		cmocka_unit_test_setup_teardown(test_is_ram, setup, teardown),
		cmocka_unit_test_setup_teardown(test_populate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_contents_stay, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rom, setup, teardown),
		cmocka_unit_test_setup_teardown(test_span, setup, teardown),
		cmocka_unit_test_setup(test_memory_runs_out, setup),
		cmocka_unit_test_setup_teardown(test_foreign_frame, setup, teardown),
		cmocka_unit_test_setup_teardown(test_init_without_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rounds, setup, teardown),
	};

	return cmocka_run_group_tests_name("gpspace", tests, NULL, NULL);
}
