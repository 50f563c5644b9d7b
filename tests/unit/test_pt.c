// SOURCES: mm/pt.c mm/pt_format.c mm/frame.c mm/memmap.c
// SOURCES: tests/unit/stubs/arena.c tests/unit/stubs/frames.c tests/unit/stubs/panic.c
/* mm/pt.c in its three formats: bits against the manuals, behaviour against a model. */
#include "tests/unit/stubs/unit.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "mm/pt.h"
#include "tests/unit/stubs/arena.h"

#define OWNER 9
#define RX (PT_READ | PT_EXEC)
#define RW (PT_READ | PT_WRITE)
#define RWX (PT_READ | PT_WRITE | PT_EXEC)

static struct pt_format *const formats[] = { &pt_format_kernel, &pt_format_ept, &pt_format_npt };

static int setup(void **state)
{
	(void)state;
	arena_frames(32 * MIB, true);
	for (unsigned i = 0; i < ARRAY_SIZE(formats); i++)
		formats[i]->pages_1g = false;
	return 0;
}

/* Where a format's test addresses lie: around the 512 GiB step of the top level. */
static u64 base_of(const struct pt_format *f)
{
	return f->sign_extended ? 0xffffff8000000000ull - 2 * GIB : 512 * GIB - 2 * GIB;
}

static void assert_maps(const struct pt *pt, u64 va, hpa_t pa, u64 size, unsigned prot)
{
	struct pt_mapping m;

	assert_int_equal(pt_lookup(pt, va, &m), 0);
	assert_int_equal(m.pa, pa);
	assert_int_equal(m.size, size);
	assert_int_equal(m.prot, prot);
}

static void assert_unmapped(const struct pt *pt, u64 va)
{
	struct pt_mapping m;

	assert_int_equal(pt_lookup(pt, va, &m), -ENOENT);
}

static u64 entry_after_map(struct pt_format *f, hpa_t pa, u64 size, unsigned prot)
{
	struct pt pt;
	u64 entry, covers;

	assert_int_equal(pt_init(&pt, f, OWNER), 0);
	assert_int_equal(pt_map(&pt, 0, pa, size, prot), 0);
	entry = pt_entry(&pt, 0, &covers);
	assert_int_equal(covers, size);
	pt_free(&pt);
	assert_int_equal(frame_count(OWNER), 0);
	return entry;
}

static void test_bits(void **state)
{
	const u64 nx = BIT(63), pa = 0x123456789000, big = 0x123440000000;

	(void)state;
	/* P, A, D; W bit 1; PWT and PCD; PS bit 7; NX bit 63: SDM 3A tables 4-17 to 4-20 */
	assert_int_equal(entry_after_map(&pt_format_kernel, pa, 4096, PT_READ), pa | 0x61 | nx);
	assert_int_equal(entry_after_map(&pt_format_kernel, pa, 4096, RW), pa | 0x63 | nx);
	assert_int_equal(entry_after_map(&pt_format_kernel, pa, 4096, RX), pa | 0x61);
	assert_int_equal(entry_after_map(&pt_format_kernel, big, 2 * MIB, RW), big | 0xe3 | nx);
	assert_int_equal(entry_after_map(&pt_format_kernel, pa, 4096, RW | PT_UNCACHED),
			 pa | 0x7b | nx);
	/* R, W, X; type in bits 5:3, 6 = WB; bit 7: SDM 3C tables 28-4 to 28-6 */
	assert_int_equal(entry_after_map(&pt_format_ept, pa, 4096, RWX), pa | 0x37);
	assert_int_equal(entry_after_map(&pt_format_ept, pa, 4096, RX), pa | 0x35);
	assert_int_equal(entry_after_map(&pt_format_ept, big, 2 * MIB, RWX), big | 0xb7);
	assert_int_equal(entry_after_map(&pt_format_ept, pa, 4096, RW | PT_UNCACHED), pa | 0x03);
	/* As the kernel's, with U: APM 2 15.25.5 */
	assert_int_equal(entry_after_map(&pt_format_npt, pa, 4096, RWX), pa | 0x67);
	assert_int_equal(entry_after_map(&pt_format_npt, big, 2 * MIB, RX), big | 0xe5);
	assert_int_equal(entry_after_map(&pt_format_npt, pa, 4096, RW), pa | 0x67 | nx);
	pt_format_ept.pages_1g = true;
	assert_int_equal(entry_after_map(&pt_format_ept, big, GIB, RWX), big | 0xb7);
}

/* Entries above the leaf restrict nothing; those of NPT are user entries as well. */
static void test_table_entries(void **state)
{
	static const u64 want[] = { 0x23, 0x07, 0x27 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(formats); i++) {
		struct pt pt;
		hpa_t table;

		assert_int_equal(pt_init(&pt, formats[i], OWNER), 0);
		assert_int_equal(pt_map(&pt, 0, 0, 4096, PT_READ), 0);
		table = pt.root;
		for (unsigned level = PT_LEVELS; level > 1; level--) {
			u64 entry = *(u64 *)phys_to_virt(table);

			assert_int_equal(entry & ~PT_ADDR, want[i]);
			table = entry & PT_ADDR;
		}
		assert_int_equal(frame_count(OWNER), 4);
		pt_free(&pt);
		assert_int_equal(frame_count(OWNER), 0);
	}
}

static void test_largest_leaves(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(formats); i++) {
		u64 va = base_of(formats[i]) + GIB - 2 * MIB - 4096;
		struct pt pt;

		formats[i]->pages_1g = true;
		assert_int_equal(pt_init(&pt, formats[i], OWNER), 0);
		assert_int_equal(pt_map(&pt, va, GIB - 2 * MIB - 4096, GIB + 4 * MIB + 8192, RW),
				 0);
		assert_maps(&pt, va + 5, GIB - 2 * MIB - 4096 + 5, 4096, RW);
		assert_maps(&pt, va + 4096 + 5, GIB - 2 * MIB + 5, 2 * MIB, RW);
		assert_maps(&pt, va + 2 * MIB + 4096 + 5, GIB + 5, GIB, RW);
		assert_maps(&pt, va + 2 * MIB + 4096 + GIB, 2 * GIB, 2 * MIB, RW);
		assert_maps(&pt, va + 4 * MIB + 4096 + GIB, 2 * GIB + 2 * MIB, 4096, RW);
		assert_unmapped(&pt, va - 1);
		assert_unmapped(&pt, va + GIB + 4 * MIB + 8192);
		pt_free(&pt);
		/* The same without 1 GiB leaves, and with an offset that allows 4 KiB only. */
		formats[i]->pages_1g = false;
		assert_int_equal(pt_init(&pt, formats[i], OWNER), 0);
		assert_int_equal(pt_map(&pt, base_of(formats[i]), GIB, GIB, RWX), 0);
		assert_maps(&pt, base_of(formats[i]) + GIB / 2, GIB + GIB / 2, 2 * MIB, RWX);
		assert_int_equal(pt_map(&pt, base_of(formats[i]) + GIB, 4096, 2 * MIB, RWX), 0);
		assert_maps(&pt, base_of(formats[i]) + GIB, 4096, 4096, RWX);
		pt_free(&pt);
		assert_int_equal(frame_count(OWNER), 0);
	}
}

static void test_arguments(void **state)
{
	struct pt k, e;

	(void)state;
	assert_int_equal(pt_init(&k, &pt_format_kernel, OWNER), 0);
	assert_int_equal(pt_init(&e, &pt_format_ept, OWNER), 0);
	assert_int_equal(pt_map(&k, 1, 0, 4096, RW), -EINVAL);
	assert_int_equal(pt_map(&k, 0, 0x800, 4096, RW), -EINVAL);
	assert_int_equal(pt_map(&k, 0, 0, 100, RW), -EINVAL);
	assert_int_equal(pt_map(&k, 0, 0, 0, RW), -EINVAL);
	assert_int_equal(pt_map(&k, 0, 0, 4096, PT_WRITE), -EINVAL);
	assert_int_equal(pt_map(&k, 0, BIT(52), 4096, RW), -EINVAL);
	assert_int_equal(pt_map(&k, 0, BIT(52) - 4096, 8192, RW), -EINVAL);
	assert_int_equal(pt_map(&k, 0, ~0ull << 12, 8192, RW), -EINVAL);
	assert_int_equal(pt_map(&k, BIT(47), 0, 4096, RW), -EINVAL);
	assert_int_equal(pt_map(&k, BIT(47) - 4096, 0, 8192, RW), -EINVAL);
	assert_int_equal(pt_map(&k, ~0ull << 12, 0, 8192, RW), -EINVAL);
	assert_int_equal(pt_map(&k, ~0ull << 12, 0, 4096, RW), 0); /* the last page is a page */
	assert_maps(&k, ~0ull, 4095, 4096, RW);
	assert_int_equal(pt_map(&e, BIT(48), 0, 4096, RW), -EINVAL);
	assert_int_equal(pt_map(&e, BIT(48) - 4096, 0, 8192, RW), -EINVAL);
	assert_int_equal(pt_map(&e, BIT(48) - 4096, 0, 4096, RW), 0);
	assert_int_equal(pt_map(&e, BIT(47) - 4096, 0, 8192, RW), 0);
	assert_maps(&e, BIT(48) - 1, 4095, 4096, RW);
	assert_unmapped(&e, ~0ull);
	assert_unmapped(&k, BIT(48) - 1);
	assert_int_equal(pt_unmap(&k, 0x10, 4096), -EINVAL);
	assert_int_equal(pt_unmap(&e, 0, 0), -EINVAL);
	assert_int_equal(pt_protect(&e, 0, 4096, 0), -EINVAL);
	assert_int_equal(pt_unmap(&e, 0, BIT(48)), 0);
	pt_free_retired(pt_take_retired(&e));
	assert_int_equal(frame_count(OWNER), 1 + 4);
	pt_free(&k);
	pt_free(&e);
}

static void test_exists(void **state)
{
	struct pt pt;

	(void)state;
	assert_int_equal(pt_init(&pt, &pt_format_npt, OWNER), 0);
	assert_int_equal(pt_map(&pt, 2 * MIB, 8 * MIB, 2 * MIB, RW), 0);
	assert_int_equal(pt_map(&pt, 2 * MIB + 4096, 0, 4096, RX), -EEXIST);
	assert_int_equal(pt_map(&pt, 2 * MIB, 8 * MIB, 2 * MIB, RW), -EEXIST);
	assert_int_equal(pt_map(&pt, 6 * MIB + 4096, 0, 4096, RX), 0);
	assert_int_equal(pt_map(&pt, 6 * MIB, 0, 2 * MIB, RW), -EEXIST);
	assert_maps(&pt, 2 * MIB + 4096, 8 * MIB + 4096, 2 * MIB, RW);
	assert_maps(&pt, 6 * MIB + 4096, 0, 4096, RX);
	/* What was mapped before the failure stays. */
	assert_int_equal(pt_map(&pt, 4 * MIB, 0, 4 * MIB, RW), -EEXIST);
	assert_maps(&pt, 4 * MIB, 0, 2 * MIB, RW);
	assert_unmapped(&pt, 6 * MIB);
	pt_free(&pt);
}

static void test_generation(void **state)
{
	struct pt pt;
	u64 g;

	(void)state;
	assert_int_equal(pt_init(&pt, &pt_format_ept, OWNER), 0);
	g = pt.generation;
	assert_int_equal(pt_map(&pt, 0, 0, 4 * MIB, RWX), 0);
	assert_int_equal(pt_unmap(&pt, GIB, GIB), 0);
	assert_int_equal(pt_protect(&pt, GIB, GIB, RX), 0);
	assert_int_equal(pt_protect(&pt, 0, 4 * MIB, RWX), 0);
	assert_int_equal(pt.generation, g); /* nothing that was present changed */
	assert_int_equal(pt_protect(&pt, 0, 2 * MIB, RX), 0);
	assert_true(pt.generation > g);
	g = pt.generation;
	assert_int_equal(pt_unmap(&pt, 2 * MIB, 4096), 0);
	assert_true(pt.generation > g);
	g = pt.generation;
	assert_int_equal(pt_map(&pt, 2 * MIB, 0, 4096, RX), 0);
	assert_int_equal(pt.generation, g);
	pt_free(&pt);
	assert_true(pt.generation > g);
}

/* Takes all frames but n; returns a list of them through their own memory. */
static hpa_t hog(u64 n)
{
	hpa_t list = HPA_NONE, pa;

	while (frame_count(OWNER_FREE) > n) {
		pa = frame_alloc(0, OWNER_KERNEL);
		assert_true(pa != HPA_NONE);
		*(hpa_t *)phys_to_virt(pa) = list;
		list = pa;
	}
	return list;
}

static void unhog(hpa_t list)
{
	while (list != HPA_NONE) {
		hpa_t next = *(hpa_t *)phys_to_virt(list);

		frame_free(list, 0);
		list = next;
	}
}

static void test_no_memory(void **state)
{
	(void)state;
	for (u64 n = 0; n < 8; n++) {
		hpa_t list = hog(n);
		struct pt pt;
		int err;

		err = pt_init(&pt, &pt_format_kernel, OWNER);
		assert_int_equal(err, n ? 0 : -ENOMEM);
		if (!err) {
			assert_int_equal(pt_map(&pt, GIB, 0, 2 * MIB, RW), n < 3 ? -ENOMEM : 0);
			/* No table is left half done. */
			assert_int_equal(frame_count(OWNER), n < 3 ? 1 : 3);
			assert_int_equal(pt_unmap(&pt, GIB + 4096, 4096), n == 3 ? -ENOMEM : 0);
			assert_int_equal(pt_map(&pt, 8 * GIB, 0, 8192, RW), n < 6 ? -ENOMEM : 0);
			pt_free(&pt);
		}
		assert_int_equal(frame_count(OWNER_FREE), n);
		unhog(list);
	}
	assert_null(frame_check());
}

/* The model: for each page of a window its physical page and protection, 0 when not mapped. */
#define WINDOW (3 * GIB)
#define PAGES (WINDOW / 4096)
static u64 model[PAGES];
static u64 model_base;

static int check_leaf(u64 va, const struct pt_mapping *m, void *ctx)
{
	u64 *next = ctx, first = (va - model_base) / 4096;

	for (; *next < first; ++*next)
		if (model[*next])
			return 1;
	for (; *next < first + m->size / 4096; ++*next)
		if (model[*next] != ((m->pa + (*next - first) * 4096) | m->prot))
			return 2;
	return 0;
}

static void check_all(const struct pt *pt)
{
	u64 next = 0;

	assert_int_equal(pt_walk(pt, check_leaf, &next), 0);
	while (next < PAGES)
		assert_int_equal(model[next++], 0);
}

static void check_some(const struct pt *pt, u64 *seed)
{
	for (int i = 0; i < 50; i++) {
		u64 r = unit_random(seed), va = model_base + r % WINDOW,
		    want = model[r % WINDOW / 4096];
		struct pt_mapping m;

		if (pt_lookup(pt, va, &m))
			assert_int_equal(want, 0);
		else
			assert_int_equal((m.pa & ~4095ull) | m.prot, want);
	}
}

/* Does one random operation on table and model alike. */
static void random_step(struct pt *pt, u64 *seed)
{
	static const unsigned prots[] = { PT_READ, RW, RX, RWX, RW | PT_UNCACHED };
	static const u64 units[] = { 4096, 4096, 2 * MIB, 2 * MIB, GIB };
	u64 r = unit_random(seed), unit = units[(r >> 8) % 5], g = pt->generation;
	u64 first = (r >> 16) % (WINDOW / unit) * (unit / 4096);
	u64 pages = (1 + (r >> 48) % (unit == 4096 ? 3000 : 4)) * (unit / 4096), last, i;
	unsigned prot = prots[(r >> 58) % 5];
	hpa_t pa = (unit_random(seed) % 1000 * unit) & PT_ADDR;
	bool changed = false;
	u64 va = model_base + first * 4096;

	pages = MIN(pages, PAGES - first);
	last = first + pages;
	switch (r % 4) {
	case 0:
	case 1:
		for (i = first; i < last && !model[i]; i++)
			;
		if (i < last) { /* only what is free, so that the outcome is known */
			last = i;
			if (last == first) {
				assert_int_equal(pt_map(pt, va, pa, 4096, prot), -EEXIST);
				break;
			}
		}
		assert_int_equal(pt_map(pt, va, pa, (last - first) * 4096, prot), 0);
		for (i = first; i < last; i++)
			model[i] = (pa + (i - first) * 4096) | prot;
		break;
	case 2:
		assert_int_equal(pt_unmap(pt, va, pages * 4096), 0);
		for (i = first; i < last; i++) {
			changed |= model[i] != 0;
			model[i] = 0;
		}
		break;
	case 3:
		assert_int_equal(pt_protect(pt, va, pages * 4096, prot), 0);
		for (i = first; i < last; i++) {
			if (!model[i])
				continue;
			changed |= (model[i] & 4095) != prot;
			model[i] = (model[i] & ~4095ull) | prot;
		}
		break;
	}
	if (changed)
		assert_true(pt->generation > g);
	if (r % 4 < 2)
		assert_int_equal(pt->generation, g);
}

static void test_random(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2 * ARRAY_SIZE(formats); i++) {
		struct pt_format *f = formats[i / 2];
		struct pt pt;
		u64 seed = 100 + i;

		arena_frames(64 * MIB, true);
		f->pages_1g = i % 2;
		model_base = base_of(f);
		memset(model, 0, sizeof(model));
		assert_int_equal(pt_init(&pt, f, OWNER), 0);
		for (int step = 0; step < 600; step++) {
			random_step(&pt, &seed);
			check_some(&pt, &seed);
			if (step % 50 == 49)
				check_all(&pt);
		}
		assert_true(frame_count(OWNER) > 10);
		assert_int_equal(pt_unmap(&pt, model_base, WINDOW), 0);
		pt_free_retired(pt_take_retired(&pt));
		assert_int_equal(frame_count(OWNER), 1); /* empty tables went */
		pt_free(&pt);
		assert_int_equal(frame_count(OWNER), 0);
		assert_null(frame_check());
	}
}

/* A processor that goes on walking an empty table finds nothing in it, until it is freed. */
static void test_retired(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(formats); i++) {
		struct pt pt;
		u64 va = base_of(formats[i]) + GIB, size;
		const u64 *table;
		hpa_t list;

		assert_int_equal(pt_init(&pt, formats[i], OWNER), 0);
		assert_int_equal(pt_map(&pt, va, 8192, 4096, RW), 0);
		assert_int_equal(pt_map(&pt, va + 2 * MIB, 8192, 4096, RW), 0);
		assert_int_equal(frame_count(OWNER), 5);
		pt_entry(&pt, va, &size);
		assert_int_equal(size, 4096);
		assert_int_equal(pt_unmap(&pt, va, 4 * MIB), 0);
		assert_int_equal(frame_count(OWNER), 5);
		list = pt_take_retired(&pt);
		assert_int_equal(pt_take_retired(&pt), 0);
		table = phys_to_virt(list);
		for (unsigned n = 0; n < 512; n++)
			assert_false(table[n] & formats[i]->present);
		pt_free_retired(list);
		assert_int_equal(frame_count(OWNER), 1);
		pt_free(&pt);
	}
}

/* A hidden leaf maps nothing, keeps its place, and comes back with any protection. */
static void hide_one(struct pt_format *f, hpa_t pa, u64 size)
{
	u64 va = base_of(f), covered;
	struct pt pt;

	assert_int_equal(pt_init(&pt, f, OWNER), 0);
	assert_int_equal(pt_hide(&pt, va), -ENOENT);
	assert_int_equal(pt_map(&pt, va, pa, size, RWX), 0);
	assert_int_equal(pt_remove_hidden(&pt, va), -ENOENT);
	pt_unhide(&pt, va, PT_READ); /* not hidden: nothing */
	assert_maps(&pt, va, pa, size, RWX);
	assert_int_equal(pt_hide(&pt, va + size - 1), 0);
	assert_int_equal(pt.generation, 1);
	assert_unmapped(&pt, va);
	assert_int_equal(pt_hide(&pt, va), -ENOENT);
	assert_true(pt_entry(&pt, va, &covered) & PT_HIDDEN);
	assert_int_equal(covered, size);
	assert_int_equal(pt_map(&pt, va, pa, size, RWX), -EEXIST);
	assert_int_equal(pt_map(&pt, va, pa, 4096, RWX), -EEXIST);
	pt_unhide(&pt, va, PT_READ | PT_EXEC);
	assert_int_equal(pt.generation, 1); /* no processor knows what is not present */
	assert_maps(&pt, va, pa, size, PT_READ | PT_EXEC);
	assert_int_equal(pt_hide(&pt, va), 0);
	assert_int_equal(pt_remove_hidden(&pt, va), 0);
	assert_int_not_equal(pt.retired, 0);
	assert_int_equal(pt_map(&pt, va, pa, size, RWX), 0);
	pt_free(&pt);
}

static void test_hidden(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(formats); i++) {
		hide_one(formats[i], 5 * 4096, 4096);
		hide_one(formats[i], 6 * MIB, 2 * MIB);
	}
}

/* What is hidden keeps its table while its neighbours go. */
static void test_hidden_neighbours(void **state)
{
	struct pt pt;

	(void)state;
	assert_int_equal(pt_init(&pt, &pt_format_npt, OWNER), 0);
	assert_int_equal(pt_map(&pt, 0, 4096, 2 * 4096, RWX), 0);
	assert_int_equal(pt_hide(&pt, 4096), 0);
	assert_int_equal(pt_unmap(&pt, 0, 4096), 0);
	assert_int_equal(pt.retired, 0);
	pt_unhide(&pt, 4096, RWX);
	assert_maps(&pt, 4096, 8192, 4096, RWX);
	pt_free(&pt);
}

static int stop_at_second(u64 va, const struct pt_mapping *m, void *ctx)
{
	(void)va;
	(void)m;
	return ++*(int *)ctx == 2 ? 77 : 0;
}

static void test_walk_stops(void **state)
{
	struct pt pt;
	int seen = 0;

	(void)state;
	assert_int_equal(pt_init(&pt, &pt_format_ept, OWNER), 0);
	assert_int_equal(pt_walk(&pt, stop_at_second, &seen), 0);
	assert_int_equal(pt_map(&pt, 0, 0, 5 * 4096, RWX), 0);
	assert_int_equal(pt_walk(&pt, stop_at_second, &seen), 77);
	assert_int_equal(seen, 2);
	pt_free(&pt);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_bits, setup),
		cmocka_unit_test_setup(test_table_entries, setup),
		cmocka_unit_test_setup(test_largest_leaves, setup),
		cmocka_unit_test_setup(test_arguments, setup),
		cmocka_unit_test_setup(test_exists, setup),
		cmocka_unit_test_setup(test_generation, setup),
		cmocka_unit_test_setup(test_no_memory, setup),
		cmocka_unit_test_setup(test_random, setup),
		cmocka_unit_test_setup(test_retired, setup),
		cmocka_unit_test_setup(test_hidden, setup),
		cmocka_unit_test_setup(test_hidden_neighbours, setup),
		cmocka_unit_test_setup(test_walk_stops, setup),
	};

	return cmocka_run_group_tests_name("pt", tests, NULL, NULL);
}
