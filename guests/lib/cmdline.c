/*
 * The command line: words separated by blanks, of which `key=value` are options. QEMU and some
 * loaders put the kernel's file name first; it has no `=` that matches and is passed over.
 */
#include "lib.h"
#include "multiboot.h"

static char line[512];
static u64 top = 16 * MIB; /* until the loader says better */

static void copy_line(const char *text)
{
	size_t n = 0;

	for (; text[n] && n < sizeof(line) - 1; n++)
		line[n] = text[n];
	line[n] = 0;
}

static void read_mb2(const struct mb2_info *info)
{
	const struct mb2_tag *tag = (const void *)(info + 1);

	for (; tag->type != MB2_TAG_END; tag = mb2_next(tag)) {
		if (tag->type == MB2_TAG_CMDLINE)
			copy_line(((const struct mb2_tag_string *)tag)->text);
		if (tag->type == MB2_TAG_MEMORY)
			top = MIB + (u64)((const struct mb2_tag_memory *)tag)->mem_upper * 1024;
	}
}

void cmdline_init(u32 mb_magic, u32 mb_info)
{
	const struct mb1_info *info = phys(mb_info);

	if (mb_magic == MB2_MAGIC)
		read_mb2(phys(mb_info));
	if (mb_magic != MB1_MAGIC)
		return;
	if (info->flags & MB1_HAS_CMDLINE)
		copy_line(phys(info->cmdline));
	if (info->flags & MB1_HAS_MEMORY)
		top = MIB + (u64)info->mem_upper * 1024;
}

const char *cmdline(void)
{
	return line;
}

/* End of the memory that begins at 1 MiB. */
u64 memory_top(void)
{
	return top;
}

static const char *find_value(const char *key)
{
	size_t n = strlen(key);

	for (const char *s = line; *s;) {
		while (*s == ' ')
			s++;
		if (memcmp(s, key, n) == 0 && s[n] == '=')
			return s + n + 1;
		while (*s && *s != ' ')
			s++;
	}
	return NULL;
}

bool cmdline_get(const char *key, char *value, size_t size)
{
	const char *s = find_value(key);
	size_t n = 0;

	if (!s)
		return false;
	for (; s[n] && s[n] != ' ' && n < size - 1; n++)
		value[n] = s[n];
	value[n] = 0;
	return true;
}

bool cmdline_is(const char *key, const char *value)
{
	char text[32];

	return cmdline_get(key, text, sizeof(text)) && str_equal(text, value);
}

u64 cmdline_number(const char *key, u64 otherwise)
{
	const char *s = find_value(key);
	u64 value = 0;

	if (!s || *s < '0' || *s > '9')
		return otherwise;
	for (; *s >= '0' && *s <= '9'; s++)
		value = value * 10 + (u64)(*s - '0');
	return value;
}
