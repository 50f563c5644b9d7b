#pragma once
/* The inside of the manifest's parser: vmm/config.c, and what its values are made of. */
#include "compiler.h"
#include "types.h"
#include "vmm/config.h"

#define SHOWN 40 /* characters of a mistaken text that its message shows */

/* A piece of the text. Not terminated. */
struct span {
	const char *at;
	size_t len;
};

#define SPAN_ARGS(s) (int)MIN((s).len, SHOWN), (s).at

struct parser {
	const struct manifest_callbacks *cb;
	struct span text;
	struct partition_config *config; /* of the section that is being read */
	bool in_section;
	bool bad; /* the section has a mistake */
	unsigned line;
	unsigned section_count;
	u32 seen;		   /* bit n: key n has been given in this section */
	const char *section_start; /* where its header's line is in the text */
};

void parser_error(struct parser *p, unsigned line, const char *fmt, ...) PRINTF(3, 4);

static inline bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Without the white space at its ends. */
struct span span_trim(struct span s);
/* Cuts the first word off; what is left begins with the next one. */
struct span span_word(struct span *rest);
/* Cuts off what is before the character, which goes, too; all of it when there is none. */
struct span span_until(struct span *rest, char c);
/* False when it does not fit with its terminating 0. */
bool span_copy(struct span s, char *to, size_t size);
/* Decimal digits. -EINVAL: it is no number; -ERANGE: it is one, but over 64 bits. */
MUST_CHECK int number_parse(struct span value, u64 *number);
/* The same with K, M or G at its end, or nothing. */
MUST_CHECK int size_parse(struct span value, u64 *bytes);

/* vmm/config_sched.c */
void set_weight(struct parser *p, struct span value);
void set_budget(struct parser *p, struct span value);
void set_priority(struct parser *p, struct span value);
void set_cpus(struct parser *p, struct span value);
