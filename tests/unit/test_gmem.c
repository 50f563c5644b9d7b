// SOURCES: mm/gmem.c mm/gpspace.c mm/pt.c mm/pt_format.c mm/frame.c mm/memmap.c
// SOURCES: tests/unit/stubs/arena.c tests/unit/stubs/frames.c tests/unit/stubs/panic.c
/* mm/gmem.c: transfers across pages and ranges, and what is refused whole. */
#include "tests/unit/stubs/unit.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "mm/gmem.h"
#include "tests/unit/stubs/arena.h"

#define OWNER OWNER_PARTITION
#define LOW (64 * KIB)	    /* RAM at 0 */
#define HIGH_BASE (2 * MIB) /* RAM, of which 2 MiB can be one leaf */
#define HIGH (2 * MIB + 16384)
#define ROM_BASE (HIGH_BASE + HIGH)
#define ROM 16384ull
#define END (ROM_BASE + ROM)

static struct gpspace gs;

static int setup(void **state)
{
	(void)state;
	arena_frames(32 * MIB, true);
	assert_int_equal(gpspace_init(&gs, &pt_format_npt, OWNER), 0);
	assert_int_equal(gpspace_add_ram(&gs, 0, LOW, true), 0);
	assert_int_equal(gpspace_add_ram(&gs, HIGH_BASE, HIGH, true), 0);
	assert_int_equal(gpspace_add_ram(&gs, ROM_BASE, ROM, false), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	gpspace_free(&gs);
	assert_int_equal(frame_count(OWNER), 0);
	return 0;
}

static void test_round_trip(void **state)
{
	static u8 in[3 * MIB], out[sizeof(in)];
	u64 seed = 31, len = HIGH - 77;

	(void)state;
	for (u64 i = 0; i < len; i++)
		in[i] = (u8)unit_random(&seed);
	assert_int_equal(gmem_write(&gs, HIGH_BASE + 33, in, len), 0);
	assert_int_equal(gmem_read(&gs, HIGH_BASE + 33, out, len), 0);
	assert_memory_equal(in, out, len);
	assert_int_equal(gmem_read(&gs, HIGH_BASE, out, 33), 0); /* nothing beside it */
	for (unsigned i = 0; i < 33; i++)
		assert_int_equal(out[i], 0);
	assert_int_equal(gmem_zero(&gs, HIGH_BASE + 100, len - 100), 0);
	assert_int_equal(gmem_read(&gs, HIGH_BASE + 33, out, len), 0);
	assert_memory_equal(in, out, 67);
	for (u64 i = 67; i < len - 33; i++)
		assert_int_equal(out[i], 0);
	assert_memory_equal(in + len - 33, out + len - 33, 33);
}

static void test_refused_whole(void **state)
{
	u8 buf[64], zero[64] = { 0 };

	(void)state;
	memset(buf, 0x77, sizeof(buf));
	assert_int_equal(gmem_write(&gs, LOW - 32, buf, 33), -EFAULT);
	assert_int_equal(gmem_write(&gs, HIGH_BASE - 1, buf, 2), -EFAULT);
	assert_int_equal(gmem_write(&gs, END, buf, 1), -EFAULT);
	assert_int_equal(gmem_write(&gs, ROM_BASE, buf, 1), -EFAULT);
	assert_int_equal(gmem_write(&gs, ROM_BASE - 32, buf, 33), -EFAULT);
	assert_int_equal(gmem_write(&gs, 0, buf, ~0ull), -EFAULT);
	assert_int_equal(gmem_write(&gs, ~0ull, buf, 2), -EFAULT);
	assert_int_equal(gmem_write(&gs, ~0ull - 10, buf, 0x1000), -EFAULT);
	assert_int_equal(gmem_zero(&gs, ROM_BASE, 1), -EFAULT);
	assert_int_equal(gmem_zero(&gs, LOW, 1), -EFAULT);
	assert_int_equal(gmem_load(&gs, END - 1, buf, 2), -EFAULT);
	assert_int_equal(gs.populated, 0);
	assert_int_equal(gmem_read(&gs, LOW - 32, zero, 33), -EFAULT);
	assert_int_equal(gmem_read(&gs, LOW - 32, buf, 32), 0);
	assert_memory_equal(buf, zero, 32); /* zero[] untouched, and nothing was written */
}

static void test_empty(void **state)
{
	u8 zero[1];

	(void)state;
	assert_int_equal(gmem_read(&gs, 0, zero, 0), 0);
	assert_int_equal(gmem_write(&gs, GIB, zero, 0), 0);
	assert_int_equal(gs.populated, 0);
}

static void test_rom(void **state)
{
	u8 in[8192], out[8192];

	(void)state;
	memset(in, 0x3c, sizeof(in));
	/* From RAM over into the adjacent ROM: a loader may, a guest may not. */
	assert_int_equal(gmem_write(&gs, ROM_BASE - 4096, in, 8192), -EFAULT);
	assert_int_equal(gmem_load(&gs, ROM_BASE - 4096, in, 8192), 0);
	assert_int_equal(gmem_read(&gs, ROM_BASE - 4096, out, 8192), 0);
	assert_memory_equal(in, out, 8192);
}

static void test_no_memory(void **state)
{
	u8 buf[16];

	(void)state;
	while (frame_alloc(0, OWNER_KERNEL) != HPA_NONE)
		;
	assert_int_equal(gmem_read(&gs, 0, buf, 16), -ENOMEM);
	assert_int_equal(gmem_write(&gs, 0, buf, 16), -ENOMEM);
	assert_int_equal(gmem_read(&gs, GIB, buf, 16), -EFAULT);
}

/* Random transfers against a flat copy of the whole space. */
static void test_random(void **state)
{
	static u8 model[END], buf[40000];
	u64 seed = 37, done = 0, refused = 0;

	(void)state;
	memset(model, 0, sizeof(model));
	for (int step = 0; step < 20000; step++) {
		u64 r = unit_random(&seed), len = (r >> 32) % ((r & 7) ? 64 : sizeof(buf));
		gpa_t edge[] = { 0, LOW, HIGH_BASE, ROM_BASE, END, 4 * MIB, 4 * MIB + 8192 };
		gpa_t gpa = r & 8 ? (r >> 8) % END : edge[(r >> 8) % 7] - (r >> 16) % 100;
		bool ram = true, rom = false;
		int err;

		for (u64 i = 0; i < len; i++) {
			gpa_t a = gpa + i;

			ram &= a < LOW || (a >= HIGH_BASE && a < END);
			rom |= a >= ROM_BASE && a < END;
		}
		memset(buf, (int)step, sizeof(buf));
		switch (r >> 4 & 3) {
		case 0:
			err = gmem_write(&gs, gpa, buf, len);
			ram &= !rom;
			break;
		case 1: err = gmem_load(&gs, gpa, buf, len); break;
		case 2:
			err = gmem_zero(&gs, gpa, len);
			memset(buf, 0, len);
			ram &= !rom;
			break;
		default:
			err = gmem_read(&gs, gpa, buf, len);
			if (!err && len)
				assert_memory_equal(buf, model + gpa, len);
			break;
		}
		assert_int_equal(err, ram ? 0 : -EFAULT);
		if (!err && len)
			memcpy(model + gpa, buf, len);
		*(err ? &refused : &done) += 1;
	}
	assert_true(done > 5000 && refused > 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rom, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random, setup, teardown),
	};

	return cmocka_run_group_tests_name("gmem", tests, NULL, NULL);
}
