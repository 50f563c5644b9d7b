/* Strings and memory for code without a C library. */
#include "lib/string.h"
#include "compiler.h"
#include "error.h"

/* In unit tests the C library's functions stay; test_string.c compiles ours under other names. */
#if !__STDC_HOSTED__ || defined(STRING_UNDER_TEST)

struct unaligned64 {
	u64 v;
} PACKED __attribute__((may_alias));

static inline u64 load64(const void *p)
{
	return ((const struct unaligned64 *)p)->v;
}

static inline void store64(void *p, u64 v)
{
	((struct unaligned64 *)p)->v = v;
}

/* The barrier keeps the compiler from seeing a memcpy here and calling ourselves. */
static inline void copy_bytes(u8 *d, const u8 *s, size_t n)
{
	while (n--) {
		*d++ = *s++;
		barrier();
	}
}

/*
 * Ascending copy, right also when the areas overlap with d below s. Whole words by REP MOVSQ; the
 * last word, loaded before anything is stored, covers the tail, so that no byte loop is needed.
 */
static inline void copy_up(u8 *d, const u8 *s, size_t n)
{
	size_t words = n / 8;
	u8 *end = d + n;
	u64 last;

	if (n < 8) {
		copy_bytes(d, s, n);
		return;
	}
	last = load64(s + n - 8);
	__asm__ volatile("rep movsq" : "+D"(d), "+S"(s), "+c"(words) : : "memory");
	store64(end - 8, last);
}

/*
 * Descending copy. A loop and not STD with REP MOVSQ, because interrupt gates leave the direction
 * flag alone and handlers would have to clear it.
 */
static inline void copy_down(u8 *d, const u8 *s, size_t n)
{
	while (n >= 8) {
		n -= 8;
		store64(d + n, load64(s + n));
		barrier();
	}
	while (n--) {
		d[n] = s[n];
		barrier();
	}
}

void *memcpy(void *dst, const void *src, size_t n)
{
	copy_up(dst, src, n);
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	if ((uintptr_t)dst - (uintptr_t)src >= n) /* below, or wholly above */
		copy_up(dst, src, n);
	else
		copy_down(dst, src, n);
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	u64 pattern = (u8)c * 0x0101010101010101ull;
	size_t words = n / 8;
	u8 *d = dst;

	if (n < 8) {
		while (n--) {
			*d++ = (u8)c;
			barrier();
		}
		return dst;
	}
	__asm__ volatile("rep stosq" : "+D"(d), "+c"(words) : "a"(pattern) : "memory");
	store64((u8 *)dst + n - 8, pattern);
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	while (n >= 8 && load64(x) == load64(y)) {
		x += 8;
		y += 8;
		n -= 8;
	}
	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

size_t strlen(const char *s)
{
	const char *p = s;

	while (READ_ONCE(*p)) /* volatile, lest the loop become a call of strlen */
		p++;
	return (size_t)(p - s);
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++)
		if (*a != *b || !*a)
			return (u8)*a - (u8)*b;
	return 0;
}

char *strchr(const char *s, int c)
{
	for (; *s != (char)c; s++)
		if (!*s)
			return NULL;
	return (char *)s;
}

#endif

size_t str_copy(char *dst, const char *src, size_t size)
{
	size_t len = strlen(src), n = MIN(len, size - 1);

	memcpy(dst, src, n);
	dst[n] = 0;
	return len;
}

bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* The digit's value, or 255 for any other character. */
static unsigned digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a' + 10);
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A' + 10);
	return 255;
}

/* Parses digits up to the first other character and leaves *s there. */
static int parse_digits(const char **s, u64 *value)
{
	const char *p = *s;
	unsigned base = 10;
	u64 v = 0;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
		base = 16;
		p += 2;
	}
	if (digit_value(*p) >= base)
		return -EINVAL;
	for (; digit_value(*p) < base; p++)
		if (__builtin_mul_overflow(v, (u64)base, &v) ||
		    __builtin_add_overflow(v, (u64)digit_value(*p), &v))
			return -ERANGE;
	*s = p;
	*value = v;
	return 0;
}

int str_to_u64(const char *s, u64 *value)
{
	u64 v;
	int err = parse_digits(&s, &v);

	if (err)
		return err;
	if (*s)
		return -EINVAL;
	*value = v;
	return 0;
}

int str_to_size(const char *s, u64 *bytes)
{
	u64 v, unit = 1;
	int err = parse_digits(&s, &v);

	if (err)
		return err;
	if (*s == 'K' || *s == 'k')
		unit = KIB;
	else if (*s == 'M' || *s == 'm')
		unit = MIB;
	else if (*s == 'G' || *s == 'g')
		unit = GIB;
	if (unit != 1)
		s++;
	if (*s)
		return -EINVAL;
	if (__builtin_mul_overflow(v, unit, &v))
		return -ERANGE;
	*bytes = v;
	return 0;
}
