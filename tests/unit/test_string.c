// SOURCES: lib/error.c
/* lib/string.c: our functions, renamed, against the build host's and against canaries. */
#include "tests/unit/stubs/unit.h"

#include <string.h>

#include "error.h"

#define STRING_UNDER_TEST
#define memcpy our_memcpy
#define memmove our_memmove
#define memset our_memset
#define memcmp our_memcmp
#define strlen our_strlen
#define strcmp our_strcmp
#define strncmp our_strncmp
#define strchr our_strchr
#include "lib/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen
#undef strcmp
#undef strncmp
#undef strchr

static int sign(int v)
{
	return (v > 0) - (v < 0);
}

static void fill(u8 *p, size_t n, u64 *seed)
{
	while (n--)
		*p++ = (u8)unit_random(seed);
}

/* Every length to 40, every pair of offsets within a word and more: nothing else may change. */
static void test_copy(void **state)
{
	u8 ours[128], libc[128], src[128];
	u64 seed = 1;

	(void)state;
	for (size_t n = 0; n <= 40; n++)
		for (size_t d = 0; d < 9; d++)
			for (size_t s = 0; s < 9; s++) {
				fill(src, sizeof(src), &seed);
				fill(ours, sizeof(ours), &seed);
				memcpy(libc, ours, sizeof(ours));
				memcpy(libc + 16 + d, src + s, n);
				assert_ptr_equal(our_memcpy(ours + 16 + d, src + s, n),
						 ours + 16 + d);
				assert_memory_equal(ours, libc, sizeof(ours));
			}
}

static void test_move_overlapping(void **state)
{
	u8 ours[128], libc[128];
	u64 seed = 2;

	(void)state;
	for (size_t n = 0; n <= 60; n++)
		for (size_t d = 0; d < 64; d += 1 + d / 20)
			for (size_t s = 0; s < 64; s += 1 + s / 20) {
				fill(ours, sizeof(ours), &seed);
				memcpy(libc, ours, sizeof(ours));
				memmove(libc + d, libc + s, n);
				assert_ptr_equal(our_memmove(ours + d, ours + s, n), ours + d);
				assert_memory_equal(ours, libc, sizeof(ours));
			}
}

static void test_set(void **state)
{
	u8 ours[128], libc[128];
	u64 seed = 3;

	(void)state;
	for (size_t n = 0; n <= 80; n++)
		for (size_t d = 0; d < 9; d++) {
			int c = (int)unit_random(&seed); /* only its low byte counts */

			fill(ours, sizeof(ours), &seed);
			memcpy(libc, ours, sizeof(ours));
			memset(libc + 16 + d, c, n);
			assert_ptr_equal(our_memset(ours + 16 + d, c, n), ours + 16 + d);
			assert_memory_equal(ours, libc, sizeof(ours));
		}
}

static void test_compare(void **state)
{
	u8 a[64], b[64];
	u64 seed = 4;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		size_t n = unit_random(&seed) % 40, at = unit_random(&seed) % 40;

		fill(a, sizeof(a), &seed);
		memcpy(b, a, sizeof(a));
		b[at] ^= unit_random(&seed) & 0xff;
		b[63 - at] ^= 1;
		assert_int_equal(sign(our_memcmp(a, b, n)), sign(memcmp(a, b, n)));
	}
	assert_int_equal(our_memcmp("a", "b", 0), 0);
}

static void test_strings(void **state)
{
	static const char *const s[] = {
		"", "a", "b", "ab", "abc", "abd", "\xff", "a\xff", "hello"
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(s); i++) {
		assert_int_equal(our_strlen(s[i]), strlen(s[i]));
		for (int c = 0; c < 256; c++)
			assert_ptr_equal(our_strchr(s[i], c), strchr(s[i], c));
		for (size_t j = 0; j < ARRAY_SIZE(s); j++) {
			assert_int_equal(sign(our_strcmp(s[i], s[j])), sign(strcmp(s[i], s[j])));
			for (size_t n = 0; n < 5; n++)
				assert_int_equal(sign(our_strncmp(s[i], s[j], n)),
						 sign(strncmp(s[i], s[j], n)));
		}
	}
}

static void test_str_copy(void **state)
{
	char buf[8] = "zzzzzzz";

	(void)state;
	assert_int_equal(str_copy(buf, "hello", sizeof(buf)), 5);
	assert_string_equal(buf, "hello");
	assert_int_equal(str_copy(buf, "0123456789", 5), 10);
	assert_string_equal(buf, "0123");
	assert_int_equal(buf[5], 0);
	assert_int_equal(buf[6], 'z');
	assert_int_equal(str_copy(buf, "x", 1), 1);
	assert_string_equal(buf, "");
}

static void test_str_starts(void **state)
{
	(void)state;
	assert_true(str_starts("backend=vmx", "backend="));
	assert_true(str_starts("a", ""));
	assert_true(str_starts("", ""));
	assert_false(str_starts("back", "backend="));
	assert_false(str_starts("xbackend=", "backend="));
}

static void assert_u64(const char *s, int err, u64 want)
{
	u64 v = 4711;

	assert_int_equal(str_to_u64(s, &v), err);
	assert_int_equal(v, err ? 4711 : want);
}

static void test_str_to_u64(void **state)
{
	(void)state;
	assert_u64("0", 0, 0);
	assert_u64("42", 0, 42);
	assert_u64("0x2a", 0, 42);
	assert_u64("0XfF", 0, 255);
	assert_u64("007", 0, 7);
	assert_u64("18446744073709551615", 0, ~0ull);
	assert_u64("0xffffffffffffffff", 0, ~0ull);
	assert_u64("18446744073709551616", -ERANGE, 0);
	assert_u64("0x10000000000000000", -ERANGE, 0);
	assert_u64("99999999999999999999", -ERANGE, 0);
	assert_u64("", -EINVAL, 0);
	assert_u64("0x", -EINVAL, 0);
	assert_u64("-1", -EINVAL, 0);
	assert_u64("+1", -EINVAL, 0);
	assert_u64(" 1", -EINVAL, 0);
	assert_u64("1 ", -EINVAL, 0);
	assert_u64("12a", -EINVAL, 0);
	assert_u64("a", -EINVAL, 0);
}

static void assert_size(const char *s, int err, u64 want)
{
	u64 v = 4711;

	assert_int_equal(str_to_size(s, &v), err);
	assert_int_equal(v, err ? 4711 : want);
}

static void test_str_to_size(void **state)
{
	(void)state;
	assert_size("4096", 0, 4096);
	assert_size("256M", 0, 256 * MIB);
	assert_size("1g", 0, GIB);
	assert_size("0x10k", 0, 16 * KIB);
	assert_size("17179869183G", 0, 17179869183 * GIB);
	assert_size("17179869184G", -ERANGE, 0);
	assert_size("M", -EINVAL, 0);
	assert_size("", -EINVAL, 0);
	assert_size("1MB", -EINVAL, 0);
	assert_size("1MM", -EINVAL, 0);
	assert_size("1T", -EINVAL, 0);
}

static void test_error_name(void **state)
{
	(void)state;
	assert_string_equal(error_name(-ENOMEM), "ENOMEM");
	assert_string_equal(error_name(ENOMEM), "ENOMEM");
	assert_string_equal(error_name(-ETIMEDOUT), "ETIMEDOUT");
	assert_string_equal(error_name(0), "E?");
	assert_string_equal(error_name(-9999), "E?");
	assert_string_equal(error_name(-2147483647 - 1), "E?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copy),	    cmocka_unit_test(test_move_overlapping),
		cmocka_unit_test(test_set),	    cmocka_unit_test(test_compare),
		cmocka_unit_test(test_strings),	    cmocka_unit_test(test_str_copy),
		cmocka_unit_test(test_str_starts),  cmocka_unit_test(test_str_to_u64),
		cmocka_unit_test(test_str_to_size), cmocka_unit_test(test_error_name),
	};

	return cmocka_run_group_tests_name("string", tests, NULL, NULL);
}
