// SOURCES: mm/memmap.c
/* mm/memmap.c: spans of tidy, overlapping and absurd memory maps. */
#include "tests/unit/stubs/unit.h"

#include <string.h>

#include "kernel/machine.h"
#include "mm/memmap.h"

static struct machine m;

static int setup(void **state)
{
	(void)state;
	memset(&m, 0, sizeof(m));
	return 0;
}

static void region(hpa_t base, u64 size, u32 type)
{
	m.region[m.region_count++] = (struct machine_region){ base, size, type };
}

static void module(hpa_t base, u64 size)
{
	m.module[m.module_count].base = base;
	m.module[m.module_count++].size = size;
}

struct want {
	hpa_t start, end;
	enum memmap_kind kind;
};

/* Spans but for holes must be these; neighbours of the same kind count as one. */
static void assert_spans(const struct want *want, size_t n)
{
	struct memmap_span s = { 0 };
	struct want merged = { 0, 0, MEMMAP_HOLE };
	hpa_t expected_start = 0;
	size_t at = 0;
	bool more;

	do {
		more = memmap_next(&m, &s);
		assert_true(s.start == expected_start && s.end > s.start);
		expected_start = s.end;
		if (more && s.kind == merged.kind) {
			merged.end = s.end;
			continue;
		}
		if (merged.kind != MEMMAP_HOLE) {
			assert_true(at < n);
			assert_int_equal(merged.start, want[at].start);
			assert_int_equal(merged.end, want[at].end);
			assert_int_equal(merged.kind, want[at].kind);
			at++;
		}
		merged = (struct want){ s.start, s.end, s.kind };
	} while (more);
	assert_int_equal(at, n);
}

static void test_nothing(void **state)
{
	(void)state;
	assert_spans(NULL, 0);
}

static void test_pc(void **state)
{
	(void)state;
	region(0, 0x9fc00, 1);
	region(0x9fc00, 0x400, 2);
	region(0xf0000, 0x10000, 2);
	region(0x100000, 0x7fe0000 - 0x100000, 1);
	region(0x7fe0000, 0x20000, 3);
	m.kernel_start = 0x200000;
	m.kernel_end = 0x2a1234;
	m.mb_info = 0x300010;
	m.mb_info_size = 0x20;
	module(0x1000000, 0x123456);
	assert_spans(
	    (struct want[]){
		{ 0, 0x9f000, MEMMAP_BOOT },
		{ 0x9f000, 0xa0000, MEMMAP_FIRMWARE },
		{ 0xf0000, 0x100000, MEMMAP_FIRMWARE },
		{ 0x100000, 0x200000, MEMMAP_RAM },
		{ 0x200000, 0x2a2000, MEMMAP_BOOT },
		{ 0x2a2000, 0x300000, MEMMAP_RAM },
		{ 0x300000, 0x301000, MEMMAP_BOOT },
		{ 0x301000, 0x1000000, MEMMAP_RAM },
		{ 0x1000000, 0x1124000, MEMMAP_BOOT },
		{ 0x1124000, 0x7fe0000, MEMMAP_RAM },
		{ 0x7fe0000, 0x8000000, MEMMAP_FIRMWARE },
	    },
	    11);
}

/* Unsorted, doubled, contradicting: reserved beats RAM, and a page half reserved is reserved. */
static void test_contradictions(void **state)
{
	(void)state;
	region(0x500800, 0x1000, 2);
	region(0x400000, 0x400000, 1);
	region(0x300000, 0x200000, 1);
	region(0x400000, 0x400000, 1);
	region(0x7ff800, 0x1000, 1); /* no whole page beyond what is there */
	assert_spans(
	    (struct want[]){
		{ 0x300000, 0x500000, MEMMAP_RAM },
		{ 0x500000, 0x502000, MEMMAP_FIRMWARE },
		{ 0x502000, 0x800000, MEMMAP_RAM },
	    },
	    3);
}

static void test_absurd(void **state)
{
	(void)state;
	region(0x200000, 0, 1);
	region(~0ull - 10, 11, 1);
	region(~0ull - 0xfff, 0x1000, 2);
	region(0x300000, 0x10, 1);
	region(0x400000, 0x1000, 1);
	region(0xfffffffffff00000, ~0ull, 2);
	module(0x400000, 0);
	assert_spans(
	    (struct want[]){
		{ 0x400000, 0x401000, MEMMAP_RAM },
		{ 0xfffffffffff00000, 0xffffffffffffe000, MEMMAP_FIRMWARE },
	    },
	    2);
}

#define PAGES 64u

/* Against a page-by-page model. */
static void test_random(void **state)
{
	u64 seed = 11;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		enum memmap_kind model[PAGES];
		struct memmap_span s = { 0 };
		bool ram[PAGES] = { 0 }, reserved[PAGES] = { 0 }, boot[PAGES] = { 0 };

		setup(state);
		for (unsigned i = 0, n = unit_random(&seed) % 8; i < n; i++) {
			u64 r = unit_random(&seed), first = r % PAGES, last = first + (r >> 8) % 20;
			u32 type = (r >> 16) % 3 + 1;

			last = MIN(last, PAGES);
			region(MIB + first * 4096, (last - first) * 4096, type);
			for (u64 p = first; p < last; p++)
				*(type == 1 ? &ram[p] : &reserved[p]) = true;
		}
		for (unsigned i = 0, n = unit_random(&seed) % 4; i < n; i++) {
			u64 r = unit_random(&seed), first = r % PAGES;

			module(MIB + first * 4096 + (r >> 8) % 4096, 1);
			boot[first] = true;
		}
		for (unsigned p = 0; p < PAGES; p++)
			model[p] = reserved[p] ? MEMMAP_FIRMWARE
				   : !ram[p]   ? MEMMAP_HOLE
				   : boot[p]   ? MEMMAP_BOOT
					       : MEMMAP_RAM;
		for (bool more = true; more;) {
			more = memmap_next(&m, &s);
			for (hpa_t a = MAX(s.start, MIB); a < MIN(s.end, MIB + PAGES * 4096);
			     a += 4096)
				assert_int_equal(s.kind, model[(a - MIB) / 4096]);
		}
		assert_true(s.kind == MEMMAP_HOLE && s.end == HPA_NONE);
	}
}

static void test_low_page(void **state)
{
	(void)state;
	assert_int_equal(memmap_low_page(&m), HPA_NONE);
	region(0, 0x9fc00, 1);
	assert_int_equal(memmap_low_page(&m), 0x1000);
	region(0x800, 0x801, 2); /* one byte of the page */
	assert_int_equal(memmap_low_page(&m), 0x2000);
	module(0x2fff, 2);
	assert_int_equal(memmap_low_page(&m), 0x4000);
	m.mb_info = 0x4000;
	m.mb_info_size = 0x9af00;
	assert_int_equal(memmap_low_page(&m), HPA_NONE); /* the last page is not all RAM */
	region(0x9f000, 0x2000, 1);
	assert_int_equal(memmap_low_page(&m), 0x9f000);
	m.mb_info_size += 0x1000;
	assert_int_equal(memmap_low_page(&m), HPA_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_nothing, setup),
		cmocka_unit_test_setup(test_pc, setup),
		cmocka_unit_test_setup(test_contradictions, setup),
		cmocka_unit_test_setup(test_absurd, setup),
		cmocka_unit_test_setup(test_low_page, setup),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests_name("memmap", tests, NULL, NULL);
}
