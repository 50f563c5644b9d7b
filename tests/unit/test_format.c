// SOURCES: lib/format.c lib/string.c
/* lib/format.c: what it prints must be what the build host's vsnprintf prints. */
#include "tests/unit/stubs/unit.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "lib/format.h"

static int ours(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = format_text(buf, size, fmt, args);
	va_end(args);
	return n;
}

/* Both answers to the same call. */
#define SAME(...)                                                            \
	do {                                                                 \
		char want_[256], got_[256];                                  \
		int n_ = snprintf(want_, sizeof(want_), __VA_ARGS__);        \
		assert_int_equal(ours(got_, sizeof(got_), __VA_ARGS__), n_); \
		assert_string_equal(got_, want_);                            \
	} while (0)

static void test_plain(void **state)
{
	(void)state;
	SAME("%s", "");
	SAME("no conversion%s", "");
	SAME("100%% of %d", 7);
	SAME("%s: %c%c [%u]", "name", 'a', 'b', 4000000000u);
	SAME("%d %i %u", INT_MIN, INT_MAX, UINT_MAX);
	SAME("%ld %li %lu", LONG_MIN, LONG_MAX, ULONG_MAX);
	SAME("%lld %llu %llx", LLONG_MIN, ULLONG_MAX, ULLONG_MAX);
	SAME("%zu %zx %td %jd", (size_t)-1, (size_t)-1, (ptrdiff_t)-5, (intmax_t)-6);
	SAME("%hhd %hhu %hhx %hd %hu", -1, -1 & 0xff, 255, (short)-2, 65535);
	SAME("%p", (void *)0x1234abcd);
	SAME("%*d|%-*d|%*d", 6, 1, 6, 2, -6, 3);
	SAME("%.*s|%.*s|%.*d", 2, "abcdef", -1, "abcdef", -1, 0);
}

static void test_pointer_null(void **state)
{
	char buf[32];

	(void)state;
	assert_int_equal(ours(buf, sizeof(buf), "%p", NULL), 3);
	assert_string_equal(buf, "0x0");
	ours(buf, sizeof(buf), "%s", NULL);
	assert_string_equal(buf, "(null)");
}

/* The text need not be terminated within its precision. */
static void test_unterminated(void **state)
{
	char text[3] = { 'a', 'b', 'c' }, buf[8];

	(void)state;
	assert_int_equal(ours(buf, sizeof(buf), "%.3s", text), 3);
	assert_string_equal(buf, "abc");
	ours(buf, sizeof(buf), "%.*s", 2, text);
	assert_string_equal(buf, "ab");
}

static void test_cut(void **state)
{
	char want[32], got[32];

	(void)state;
	for (size_t size = 0; size < 20; size++) {
		memset(want, 'z', sizeof(want));
		memset(got, 'z', sizeof(got));
		snprintf(want, size, "%s %5d %x", "abc", 12, 0xbeef);
		assert_int_equal(ours(got, size, "%s %5d %x", "abc", 12, 0xbeef), 14);
		assert_memory_equal(got, want, sizeof(want));
	}
	assert_int_equal(ours(NULL, 0, "%s", "abc"), 3);
}

static void test_unknown(void **state)
{
	char buf[32];

	(void)state;
	ours(buf, sizeof(buf), "a %-5q b", 1);
	assert_string_equal(buf, "a %-5q b");
	ours(buf, sizeof(buf), "end %");
	assert_string_equal(buf, "end %");
	ours(buf, sizeof(buf), "end %08l");
	assert_string_equal(buf, "end %08l");
	ours(buf, sizeof(buf), "%y%d", 7);
	assert_string_equal(buf, "%y7");
}

/* Random flags, width, precision, size and conversion, with values that are often at the edges. */
static void test_random(void **state)
{
	static const char *const sizes[] = { "", "hh", "h", "l", "ll", "z" };
	static const u64 edges[] = {
		0,	1,	    9,		10,  0x7f,	 0x80,	     0xff,  0x8000,
		0xffff, 0x7fffffff, 0x80000000, ~0u, ~0ull >> 1, 1ull << 63, ~0ull,
	};
	u64 seed = 5;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		u64 r = unit_random(&seed), v = unit_random(&seed) >> (r >> 58);
		char conversion = "diuxX"[r % 5], fmt[32], want[128], got[128];
		size_t n = 0, size = (r >> 50) % 64;
		int a, b;

		fmt[n++] = '%';
		for (int f = 0; f < 4; f++) /* '#' only where the C standard defines it */
			if (r & (0x100 << f))
				fmt[n++] = "-0+ "[f];
		if ((r & 0x1000) && (conversion == 'x' || conversion == 'X'))
			fmt[n++] = '#';
		if (r & 0x2000)
			n += (size_t)sprintf(fmt + n, "%d", (int)((r >> 20) % 30 + 1));
		if (r & 0x4000)
			n += (size_t)sprintf(fmt + n, ".%d", (int)((r >> 30) % 25));
		n += (size_t)sprintf(fmt + n, "%s", sizes[(r >> 16) % 6]);
		fmt[n++] = conversion;
		fmt[n] = 0;
		if (r & 0x8000)
			v = edges[v % ARRAY_SIZE(edges)];
		memset(want, 'z', sizeof(want));
		memset(got, 'z', sizeof(got));
		a = snprintf(want, size, fmt, v);
		b = ours(got, size, fmt, v);
		if (a != b || memcmp(want, got, sizeof(want)))
			fail_msg("%s of %#llx: \"%.*s\" (%d), not \"%.*s\" (%d)", fmt,
				 (unsigned long long)v, (int)size, got, b, (int)size, want, a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),	     cmocka_unit_test(test_pointer_null),
		cmocka_unit_test(test_unterminated), cmocka_unit_test(test_cut),
		cmocka_unit_test(test_unknown),	     cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}
