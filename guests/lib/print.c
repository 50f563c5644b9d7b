/*
 * A small printf: %s %c %d %u %x with l, ll and z, a width and zero padding.
 * Built for 32 and 64 bits; decimal conversion uses 16-bit steps because a 32-bit compiler
 * would call its library for a 64-bit division, and there is no library here.
 */
#include "lib.h"

struct spec {
	u32 width;
	bool zero;
	u32 longs;
};

static u32 divide_by_10(u64 *value)
{
	u64 result = 0;
	u32 rest = 0;

	for (int shift = 48; shift >= 0; shift -= 16) {
		u32 part = rest << 16 | (u32)(*value >> shift & 0xffff);

		result |= (u64)(part / 10) << shift;
		rest = part % 10;
	}
	*value = result;
	return rest;
}

static void put_padded(const char *text, size_t length, const struct spec *spec)
{
	for (size_t i = length; i < spec->width; i++)
		serial_putc(spec->zero ? '0' : ' ');
	while (length--)
		serial_putc(*text++);
}

static void put_number(u64 value, bool hex, bool negative, const struct spec *spec)
{
	char text[24];
	size_t at = sizeof(text);

	do {
		u32 digit = hex ? (u32)(value & 15) : divide_by_10(&value);

		text[--at] = "0123456789abcdef"[digit];
		if (hex)
			value >>= 4;
	} while (value);
	if (negative)
		text[--at] = '-';
	put_padded(text + at, sizeof(text) - at, spec);
}

static const char *parse_spec(const char *f, struct spec *spec)
{
	spec->zero = *f == '0';
	spec->width = 0;
	spec->longs = 0;
	while (*f >= '0' && *f <= '9')
		spec->width = spec->width * 10 + (u32)(*f++ - '0');
	for (; *f == 'l' || *f == 'z'; f++)
		spec->longs++;
	return f;
}

static u64 next_unsigned(__builtin_va_list *args, const struct spec *spec)
{
	if (spec->longs >= 2)
		return __builtin_va_arg(*args, u64);
	if (spec->longs == 1)
		return __builtin_va_arg(*args, ulong);
	return __builtin_va_arg(*args, u32);
}

static u64 next_signed(__builtin_va_list *args, const struct spec *spec, bool *negative)
{
	long long value;

	if (spec->longs >= 2)
		value = __builtin_va_arg(*args, long long);
	else if (spec->longs == 1)
		value = __builtin_va_arg(*args, long);
	else
		value = __builtin_va_arg(*args, int);
	*negative = value < 0;
	return value < 0 ? -(u64)value : (u64)value;
}

static void put_conversion(char c, __builtin_va_list *args, const struct spec *spec)
{
	bool negative = false;
	const char *s;
	u64 value;

	switch (c) {
	case 's':
		s = __builtin_va_arg(*args, const char *);
		put_padded(s, strlen(s), spec);
		break;
	case 'c': serial_putc((char)__builtin_va_arg(*args, int)); break;
	case 'd':
		value = next_signed(args, spec, &negative);
		put_number(value, false, negative, spec);
		break;
	case 'u':
	case 'x': put_number(next_unsigned(args, spec), c == 'x', false, spec); break;
	default: serial_putc(c);
	}
}

void print_args(const char *format, __builtin_va_list args)
{
	__builtin_va_list copy;
	struct spec spec;

	__builtin_va_copy(copy, args);
	for (; *format; format++) {
		if (*format != '%') {
			serial_putc(*format);
			continue;
		}
		format = parse_spec(format + 1, &spec);
		put_conversion(*format, &copy, &spec);
	}
	__builtin_va_end(copy);
}

void print(const char *format, ...)
{
	__builtin_va_list args;

	__builtin_va_start(args, format);
	print_args(format, args);
	__builtin_va_end(args);
}
