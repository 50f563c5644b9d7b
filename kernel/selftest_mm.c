/* Self-tests of memory on the machine itself: what unit tests on the build host cannot see. */
#include "error.h"
#include "kernel/selftest.h"
#include "kernel/thread.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/kspace.h"
#include "mm/pt.h"
#include "x86/insn.h"

#define BLOCKS 32

static int test_frames(struct selftest *t)
{
	u64 free_before = frame_count(OWNER_FREE), kernel_before = frame_count(OWNER_KERNEL);
	hpa_t block[BLOCKS];

	for (unsigned i = 0; i < BLOCKS; i++) {
		unsigned order = i % (FRAME_ORDER_2M + 1);

		block[i] = frame_alloc(order, OWNER_KERNEL);
		SELFTEST_EXPECT(t, block[i] != HPA_NONE);
		SELFTEST_EXPECT(t, block[i] % (FRAME_SIZE << order) == 0);
		SELFTEST_EXPECT(t, frame_owner(block[i]) == OWNER_KERNEL);
	}
	SELFTEST_EXPECT(t, free_before - frame_count(OWNER_FREE) ==
			       frame_count(OWNER_KERNEL) - kernel_before);
	for (unsigned i = 0; i < BLOCKS; i++)
		frame_free(block[i], i % (FRAME_ORDER_2M + 1));
	SELFTEST_EXPECT(t, frame_count(OWNER_FREE) == free_before);
	return SELFTEST_OK;
}

static int test_heap(struct selftest *t)
{
	static const size_t sizes[] = { 1, 16, 100, 1000, 4096, 5000, 70000 };
	u64 used = heap_used();
	u8 *p[ARRAY_SIZE(sizes)];

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		p[i] = heap_alloc(sizes[i]);
		SELFTEST_EXPECT(t, p[i] && (u64)p[i] % 16 == 0);
		for (size_t n = 0; n < sizes[i]; n++)
			SELFTEST_EXPECT(t, p[i][n] == 0);
		memset(p[i], 0xa5, sizes[i]);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
		heap_free(p[i]);
	SELFTEST_EXPECT(t, heap_used() == used);
	return SELFTEST_OK;
}

/* The tables that the processor uses now. */
static struct pt live_tables(void)
{
	return (struct pt){
		.format = &pt_format_kernel,
		.root = x86_read_cr3() & ~(FRAME_SIZE - 1),
		.owner = OWNER_KERNEL,
	};
}

static int find_writable_code(u64 va, const struct pt_mapping *m, void *ctx)
{
	if ((m->prot & (PT_WRITE | PT_EXEC)) != (PT_WRITE | PT_EXEC))
		return 0;
	*(u64 *)ctx = va;
	return 1;
}

static int test_write_xor_execute(struct selftest *t)
{
	struct pt pt = live_tables();
	u64 va = 0;

	if (pt_walk(&pt, find_writable_code, &va)) {
		selftest_reason(t, "%016lx is writable and executable", va);
		return SELFTEST_FAILED;
	}
	return SELFTEST_OK;
}

static int expect_prot(struct selftest *t, const void *va, unsigned prot)
{
	struct pt pt = live_tables();
	struct pt_mapping m;

	SELFTEST_EXPECT(t, pt_lookup(&pt, (u64)va, &m) == 0);
	SELFTEST_EXPECT(t, (m.prot & (PT_READ | PT_WRITE | PT_EXEC)) == prot);
	return SELFTEST_OK;
}

static int test_image_protection(struct selftest *t)
{
	static const char constant = 'c';
	static char variable;
	int failed = expect_prot(t, (const void *)test_image_protection, PT_READ | PT_EXEC);

	if (!failed)
		failed = expect_prot(t, &constant, PT_READ);
	if (!failed)
		failed = expect_prot(t, &variable, PT_READ | PT_WRITE);
	return failed;
}

static int test_null_unmapped(struct selftest *t)
{
	struct pt pt = live_tables();
	struct pt_mapping m;

	SELFTEST_EXPECT(t, pt_lookup(&pt, 0, &m) == -ENOENT);
	return SELFTEST_OK;
}

static int test_stack_guard(struct selftest *t)
{
	u64 bottom = (u64)thread_current()->stack_top - KERNEL_STACK_SIZE;
	struct pt pt = live_tables();
	struct pt_mapping m;

	SELFTEST_EXPECT(t, pt_lookup(&pt, bottom, &m) == 0);
	SELFTEST_EXPECT(t, pt_lookup(&pt, bottom - 1, &m) == -ENOENT);
	SELFTEST_EXPECT(t, kspace_is_guard(bottom - 1));
	SELFTEST_EXPECT(t, !kspace_is_guard(bottom));
	return SELFTEST_OK;
}

const struct selftest_case selftest_mm_cases[] = {
	{ "frames_accounted", test_frames },
	{ "heap_zeroed_and_returned", test_heap },
	{ "write_xor_execute", test_write_xor_execute },
	{ "image_protection", test_image_protection },
	{ "null_unmapped", test_null_unmapped },
	{ "stack_guard", test_stack_guard },
};
const unsigned selftest_mm_count = ARRAY_SIZE(selftest_mm_cases);
