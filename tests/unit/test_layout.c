// SOURCES: vmm/load/layout.c
/* vmm/load/layout.c: the memory map of partitions of all sizes. */
#include "tests/unit/stubs/unit.h"

#include <string.h>

#include "vmm/load/load.h"

#define RAM 1

static struct load_request layout(u64 memory)
{
	struct load_request req;

	memset(&req, 0xff, sizeof(req));
	req.memory = memory;
	load_layout(&req);
	return req;
}

static u64 ram_bytes(const struct load_request *req, u64 from, u64 to)
{
	u64 sum = 0;
	unsigned i;

	for (i = 0; i < req->e820_count; i++)
		if (req->e820[i].type == RAM && req->e820[i].base >= from && req->e820[i].base < to)
			sum += req->e820[i].size;
	return sum;
}

/* Ascending, not empty, not overlapping, never beyond the partition's memory. */
static void check_map(const struct load_request *req)
{
	u64 low = MIN(req->memory, LAYOUT_LOW_MAX);
	u64 end = 0;
	unsigned i;

	assert_true(req->e820_count <= ARRAY_SIZE(req->e820));
	for (i = 0; i < req->e820_count; i++) {
		assert_true(req->e820[i].size > 0);
		assert_true(req->e820[i].base >= end);
		end = req->e820[i].base + req->e820[i].size;
		assert_true(end <= low || req->e820[i].base >= LAYOUT_HIGH_BASE);
	}
}

static void test_sizes(void **state)
{
	static const u64 sizes[] = { 1 * MIB, 2 * MIB,	      64 * MIB, 256 * MIB, 3 * GIB - 4096,
				     3 * GIB, 3 * GIB + 4096, 4 * GIB,	16 * GIB,  512 * GIB };
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct load_request req = layout(sizes[i]);

		check_map(&req);
		assert_int_equal(ram_bytes(&req, 0, MIB), 0x9fc00);
		assert_int_equal(ram_bytes(&req, MIB, ~0ull), sizes[i] - MIB);
	}
}

static void test_tiny(void **state)
{
	u64 memory;

	(void)state;
	for (memory = 0; memory < 1 * MIB; memory += 4096) {
		struct load_request req = layout(memory);

		check_map(&req);
	}
}

static void test_acpi_and_bios(void **state)
{
	struct load_request req = layout(256 * MIB);

	(void)state;
	assert_int_equal(req.e820_count, 5);
	assert_int_equal(req.e820[1].base, 0x9fc00);
	assert_int_equal(req.e820[1].type, 2);
	assert_int_equal(req.e820[2].base, LAYOUT_ACPI_BASE);
	assert_int_equal(req.e820[2].size, LAYOUT_ACPI_SIZE);
	assert_int_equal(req.e820[2].type, 3);
	assert_int_equal(req.e820[3].base, 0xf0000);
	assert_int_equal(req.e820[3].type, 2);
}

static void test_high(void **state)
{
	struct load_request req = layout(8 * GIB);

	(void)state;
	assert_int_equal(req.e820_count, 6);
	assert_int_equal(req.e820[4].base + req.e820[4].size, 3 * GIB);
	assert_int_equal(req.e820[5].base, 4 * GIB);
	assert_int_equal(req.e820[5].size, 5 * GIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_tiny),
		cmocka_unit_test(test_acpi_and_bios),
		cmocka_unit_test(test_high),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
