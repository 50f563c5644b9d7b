/* Text formatting. */
#include "lib/format.h"
#include "lib/string.h"

struct output {
	char *buf;
	size_t size;
	size_t len; /* of the whole text, whether it fits or not */
};

struct spec {
	bool left, zero, plus, space, alt;
	int width;
	int precision;	/* -1: none given */
	unsigned bytes; /* size of an integer argument */
};

static void put(struct output *o, char c)
{
	if (o->len < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void put_text(struct output *o, const char *s, int n)
{
	while (n-- > 0)
		put(o, *s++);
}

static void pad(struct output *o, char c, int n)
{
	while (n-- > 0)
		put(o, c);
}

/* Text with spaces on the side that the flags say. */
static void put_padded(struct output *o, const struct spec *sp, const char *s, int n)
{
	if (!sp->left)
		pad(o, ' ', sp->width - n);
	put_text(o, s, n);
	if (sp->left)
		pad(o, ' ', sp->width - n);
}

static void put_string(struct output *o, const struct spec *sp, const char *s)
{
	int n = 0;

	if (!s)
		s = "(null)";
	/* With a precision the text need not be terminated. */
	while ((sp->precision < 0 || n < sp->precision) && s[n])
		n++;
	put_padded(o, sp, s, n);
}

/* Digits of v, written backwards so as to end at `end`; returns how many. None for 0. */
static int digits(char *end, u64 v, unsigned base, bool upper)
{
	const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char *p = end;

	for (; v; v /= base)
		*--p = set[v % base];
	return (int)(end - p);
}

static void put_number(struct output *o, const struct spec *sp, const char *prefix, u64 v,
		       unsigned base, bool upper)
{
	char buf[20];
	char *end = buf + sizeof(buf);
	int n = digits(end, v, base, upper), prefix_len = (int)strlen(prefix), zeros;

	/* At least one digit, unless a precision of 0 asks for none. */
	zeros = MAX((sp->precision < 0 ? 1 : sp->precision) - n, 0);
	if (sp->zero && !sp->left && sp->precision < 0)
		zeros = MAX(sp->width - n - prefix_len, zeros);
	if (!sp->left)
		pad(o, ' ', sp->width - n - zeros - prefix_len);
	put_text(o, prefix, prefix_len);
	pad(o, '0', zeros);
	put_text(o, end - n, n);
	if (sp->left)
		pad(o, ' ', sp->width - n - zeros - prefix_len);
}

static void put_signed(struct output *o, const struct spec *sp, s64 v)
{
	const char *sign = v < 0 ? "-" : sp->plus ? "+" : sp->space ? " " : "";

	put_number(o, sp, sign, v < 0 ? -(u64)v : (u64)v, 10, false);
}

static void put_hex(struct output *o, const struct spec *sp, u64 v, bool upper)
{
	put_number(o, sp, sp->alt && v ? upper ? "0X" : "0x" : "", v, 16, upper);
}

static const char *parse_flags(const char *f, struct spec *sp)
{
	for (;; f++)
		switch (*f) {
		case '-': sp->left = true; break;
		case '0': sp->zero = true; break;
		case '+': sp->plus = true; break;
		case ' ': sp->space = true; break;
		case '#': sp->alt = true; break;
		default: return f;
		}
}

/* A number or *; a negative * argument is left to the caller. */
static const char *parse_count(const char *f, int *n, va_list *args)
{
	*n = 0;
	if (*f == '*') {
		*n = va_arg(*args, int);
		return f + 1;
	}
	for (; *f >= '0' && *f <= '9'; f++) /* so wide a field is a mistake; this stays in range */
		*n = MIN(*n * 10 + (*f - '0'), 1 << 20);
	return f;
}

static const char *parse_size(const char *f, struct spec *sp)
{
	sp->bytes = sizeof(int);
	if (*f == 'h') {
		sp->bytes = f[1] == 'h' ? sizeof(char) : sizeof(short);
		return f + (f[1] == 'h' ? 2 : 1);
	}
	if (*f == 'l' || *f == 'z' || *f == 't' || *f == 'j') {
		sp->bytes = sizeof(long);
		return f + (f[0] == 'l' && f[1] == 'l' ? 2 : 1);
	}
	return f;
}

static const char *parse_spec(const char *f, struct spec *sp, va_list *args)
{
	*sp = (struct spec){ .precision = -1 };
	f = parse_flags(f, sp);
	f = parse_count(f, &sp->width, args);
	if (sp->width < 0) {
		sp->left = true;
		sp->width = -sp->width;
	}
	if (*f == '.') {
		f = parse_count(f + 1, &sp->precision, args);
		if (sp->precision < 0)
			sp->precision = -1;
	}
	return parse_size(f, sp);
}

static u64 unsigned_arg(const struct spec *sp, va_list *args)
{
	u64 v = sp->bytes == 8 ? va_arg(*args, u64) : va_arg(*args, unsigned);

	return sp->bytes == 8 ? v : v & ((1ull << (8 * sp->bytes)) - 1);
}

static s64 signed_arg(const struct spec *sp, va_list *args)
{
	unsigned unused = 64 - 8 * sp->bytes;

	return (s64)(unsigned_arg(sp, args) << unused) >> unused;
}

/* False for a conversion that we do not have. */
static bool put_conversion(struct output *o, struct spec *sp, char conversion, va_list *args)
{
	char c;

	switch (conversion) {
	case 'd':
	case 'i': put_signed(o, sp, signed_arg(sp, args)); return true;
	case 'u': put_number(o, sp, "", unsigned_arg(sp, args), 10, false); return true;
	case 'x':
	case 'X': put_hex(o, sp, unsigned_arg(sp, args), conversion == 'X'); return true;
	case 'p': put_number(o, sp, "0x", (u64)va_arg(*args, void *), 16, false); return true;
	case 'c':
		c = (char)va_arg(*args, int);
		put_padded(o, sp, &c, 1);
		return true;
	case 's': put_string(o, sp, va_arg(*args, const char *)); return true;
	case '%': put(o, '%'); return true;
	default: return false;
	}
}

int format_text(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct output o = { buf, size, 0 };
	const char *f = fmt, *start;
	struct spec sp;
	va_list args; /* a copy, because a parameter of type va_list has no usable address */

	va_copy(args, ap);
	while (*f) {
		if (*f != '%') {
			put(&o, *f++);
			continue;
		}
		start = f;
		f = parse_spec(f + 1, &sp, &args);
		if (*f && put_conversion(&o, &sp, *f, &args)) {
			f++;
			continue;
		}
		f += *f ? 1 : 0;
		put_text(&o, start, (int)(f - start));
	}
	va_end(args);
	if (size)
		buf[MIN(o.len, size - 1)] = 0;
	return (int)o.len;
}

#if !__STDC_HOSTED__
int vsnprintf(char *buf, size_t size, const char *fmt, va_list args)
{
	return format_text(buf, size, fmt, args);
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = format_text(buf, size, fmt, args);
	va_end(args);
	return n;
}
#endif
