/* Pieces of text, and the numbers in them: what the values of a manifest are made of. */
#include "error.h"
#include "lib/string.h"
#include "vmm/config_parse.h"

#define NUMBER_DIGITS 20

struct span span_trim(struct span s)
{
	while (s.len && is_space(s.at[0])) {
		s.at++;
		s.len--;
	}
	while (s.len && is_space(s.at[s.len - 1]))
		s.len--;
	return s;
}

struct span span_word(struct span *rest)
{
	struct span word = { rest->at, 0 };

	while (word.len < rest->len && !is_space(rest->at[word.len]))
		word.len++;
	rest->at += word.len;
	rest->len -= word.len;
	*rest = span_trim(*rest);
	return word;
}

struct span span_until(struct span *rest, char c)
{
	struct span part = { rest->at, 0 };
	size_t taken;

	while (part.len < rest->len && rest->at[part.len] != c)
		part.len++;
	taken = part.len < rest->len ? part.len + 1 : part.len;
	rest->at += taken;
	rest->len -= taken;
	return part;
}

bool span_copy(struct span s, char *to, size_t size)
{
	if (s.len >= size)
		return false;
	memcpy(to, s.at, s.len);
	to[s.len] = '\0';
	return true;
}

int number_parse(struct span value, u64 *number)
{
	char digits[NUMBER_DIGITS + 1];
	size_t i;

	for (i = 0; i < value.len; i++)
		if (value.at[i] < '0' || value.at[i] > '9')
			return -EINVAL;
	while (value.len > 1 && value.at[0] == '0')
		value = (struct span){ value.at + 1, value.len - 1 };
	if (value.len == 0)
		return -EINVAL;
	if (!span_copy(value, digits, sizeof(digits)) || str_to_u64(digits, number) != 0)
		return -ERANGE;
	return 0;
}

static unsigned size_shift(char suffix)
{
	switch (suffix) {
	case 'K': return 10;
	case 'M': return 20;
	case 'G': return 30;
	default: return 0;
	}
}

int size_parse(struct span value, u64 *bytes)
{
	unsigned shift = value.len ? size_shift(value.at[value.len - 1]) : 0;
	int r;

	if (shift)
		value.len--;
	r = number_parse(value, bytes);
	if (r == 0 && *bytes > ~0ull >> shift)
		r = -ERANGE;
	if (r == 0)
		*bytes <<= shift;
	return r;
}
