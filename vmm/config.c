/*
 * The manifest's parser. Lines of a hostile or broken file cannot do more than be refused: text is
 * only looked at between its first byte and its last, and every value is checked against its place.
 */
#include "vmm/config_parse.h"

#include "error.h"
#include "lib/format.h"
#include "lib/string.h"
#include "vmm/dev/platform.h"

#define MEMORY_DEFAULT (64 * MIB)
#define MEMORY_MIN (1 * MIB)
#define MEMORY_MAX                                                                     \
	(512 * GIB) /* what a four-level nested table reaches by one entry of its root \
		     */
#define REASON_SIZE 128

void parser_error(struct parser *p, unsigned line, const char *fmt, ...)
{
	char reason[REASON_SIZE];
	va_list args;

	va_start(args, fmt);
	vsnprintf(reason, sizeof(reason), fmt, args);
	va_end(args);
	p->bad = true;
	p->cb->error(p->cb->ctx, line, reason);
}

static bool span_is(struct span s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

/* A # starts a comment at the start of a line or after white space. */
static struct span span_content(struct span line)
{
	size_t i;

	for (i = 0; i < line.len; i++)
		if (line.at[i] == '#' && (i == 0 || is_space(line.at[i - 1])))
			line.len = i;
	return span_trim(line);
}

static bool path_check(struct parser *p, const char *path)
{
	const char *c;

	for (c = path; *c; c++) {
		if (strchr("\"'\\$", *c)) { /* GRUB's own command line would take it apart */
			parser_error(p, p->line, "bad character in path: %.*s", SHOWN, path);
			return false;
		}
	}
	if (p->cb->file_exists && !p->cb->file_exists(p->cb->ctx, path)) {
		parser_error(p, p->line, "missing file: %.*s", SHOWN, path);
		return false;
	}
	return true;
}

static bool path_set(struct parser *p, struct span word, char path[CONFIG_PATH])
{
	if (span_copy(word, path, CONFIG_PATH))
		return path_check(p, path);
	parser_error(p, p->line, "path too long: %.*s...: at most %d characters", SPAN_ARGS(word),
		     CONFIG_PATH - 1);
	return false;
}

static void set_kernel(struct parser *p, struct span value)
{
	struct span rest = value;
	struct span path = span_word(&rest);

	p->config->kernel_line = p->line;
	if (path.len == 0 || rest.len)
		parser_error(p, p->line, "kernel needs one path, not \"%.*s\"", SPAN_ARGS(value));
	else
		path_set(p, path, p->config->kernel);
}

static void set_initrd(struct parser *p, struct span value)
{
	struct partition_config *c = p->config;

	if (value.len == 0)
		parser_error(p, p->line, "initrd needs a path");
	while (value.len) {
		if (c->initrd_count == CONFIG_FILES) {
			parser_error(p, p->line, "too many initrds: at most %d", CONFIG_FILES);
			return;
		}
		if (!path_set(p, span_word(&value), c->initrd[c->initrd_count]))
			return;
		c->initrd_count++;
	}
}

static void set_module(struct parser *p, struct span value)
{
	struct partition_config *c = p->config;
	struct span rest = value;
	struct span word = span_word(&rest);
	char path[CONFIG_PATH];

	if (value.len == 0) {
		parser_error(p, p->line, "module needs a path");
	} else if (c->module_count == CONFIG_FILES) {
		parser_error(p, p->line, "too many modules: at most %d", CONFIG_FILES);
	} else if (path_set(p, word, path)) {
		if (!span_copy(value, c->module[c->module_count], CONFIG_CMDLINE)) {
			parser_error(p, p->line, "module too long: at most %d characters",
				     CONFIG_CMDLINE - 1);
			return;
		}
		if (rest.len) /* a space, if it was a tab */
			c->module[c->module_count][word.len] = ' ';
		c->module_count++;
	}
}

static void set_cmdline(struct parser *p, struct span value)
{
	if (!span_copy(value, p->config->cmdline, CONFIG_CMDLINE))
		parser_error(p, p->line, "cmdline too long: %zu characters, at most %d", value.len,
			     CONFIG_CMDLINE - 1);
}

static void set_memory(struct parser *p, struct span value)
{
	u64 limit = p->cb->memory_limit ? MIN(p->cb->memory_limit, MEMORY_MAX) : MEMORY_MAX;
	u64 bytes = 0;
	int r = size_parse(value, &bytes);

	p->config->memory_line = p->line;
	if (r == -EINVAL)
		parser_error(p, p->line, "bad size \"%.*s\": a number and K, M or G",
			     SPAN_ARGS(value));
	else if (r == 0 && bytes < MEMORY_MIN)
		parser_error(p, p->line, "memory %.*s is less than 1M", SPAN_ARGS(value));
	else if (r != 0 || bytes > limit)
		parser_error(p, p->line, "memory %.*s does not fit: at most %llu%c",
			     SPAN_ARGS(value),
			     (unsigned long long)(limit % GIB ? limit / MIB : limit / GIB),
			     limit % GIB ? 'M' : 'G');
	else
		p->config->memory = ROUND_DOWN(bytes, 4 * KIB);
}

static void set_vcpus(struct parser *p, struct span value)
{
	unsigned limit = p->cb->vcpus_limit ? MIN(p->cb->vcpus_limit, VCPUS_MAX) : VCPUS_MAX;
	u64 count = 0;

	if (number_parse(value, &count) != 0 || count < 1 || count > limit)
		parser_error(p, p->line, "bad vcpus \"%.*s\": 1 to %u", SPAN_ARGS(value), limit);
	else
		p->config->vcpus = (unsigned)count;
}

static void set_choice(struct parser *p, const char *key, struct span value, const char *yes,
		       const char *no, bool *flag)
{
	if (span_is(value, yes))
		*flag = true;
	else if (span_is(value, no))
		*flag = false;
	else
		parser_error(p, p->line, "%s is %s or %s, not \"%.*s\"", key, yes, no,
			     SPAN_ARGS(value));
}

static void set_autostart(struct parser *p, struct span value)
{
	set_choice(p, "autostart", value, "yes", "no", &p->config->autostart);
}

static void set_log(struct parser *p, struct span value)
{
	set_choice(p, "log", value, "yes", "no", &p->config->log);
}

static void set_on_reset(struct parser *p, struct span value)
{
	set_choice(p, "on-reset", value, "restart", "stop", &p->config->restart_on_reset);
}

static const struct key {
	const char *name;
	void (*set)(struct parser *p, struct span value);
	bool repeatable;
} keys[] = {
	{ "kernel", set_kernel, false },       { "initrd", set_initrd, true },
	{ "module", set_module, true },	       { "cmdline", set_cmdline, false },
	{ "memory", set_memory, false },       { "vcpus", set_vcpus, false },
	{ "autostart", set_autostart, false }, { "log", set_log, false },
	{ "on-reset", set_on_reset, false },   { "weight", set_weight, false },
	{ "budget", set_budget, false },       { "priority", set_priority, false },
	{ "cpus", set_cpus, false },
};

#define KEY_KERNEL 0

static void parse_key(struct parser *p, struct span key, struct span value)
{
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!span_is(key, keys[i].name))
			continue;
		if ((p->seen & BIT(i)) && !keys[i].repeatable) {
			parser_error(p, p->line, "duplicate key \"%s\"", keys[i].name);
			return;
		}
		p->seen |= BIT(i);
		keys[i].set(p, value);
		return;
	}
	parser_error(p, p->line, "unknown key \"%.*s\"", SPAN_ARGS(key));
}

static void section_end(struct parser *p)
{
	if (!p->in_section)
		return;
	if (!(p->seen & BIT(KEY_KERNEL)))
		parser_error(p, p->config->line, "partition \"%s\" has no kernel", p->config->name);
	if (!p->bad)
		p->cb->add(p->cb->ctx, p->config);
	p->in_section = false;
}

/* "[ name ]": the name. */
static bool section_name(struct span content, struct span *name)
{
	if (content.len < 2 || content.at[0] != '[' || content.at[content.len - 1] != ']')
		return false;
	*name = span_trim((struct span){ content.at + 1, content.len - 2 });
	return true;
}

static bool name_valid(struct span name)
{
	size_t i;

	for (i = 0; i < name.len; i++) {
		char c = name.at[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '_' || c == '-'))
			return false;
	}
	return name.len > 0 && name.len < CONFIG_NAME;
}

/* Names are not kept: the lines before this one are looked through again. */
static bool name_taken(const struct parser *p, struct span name)
{
	struct span rest = { p->text.at, (size_t)(p->section_start - p->text.at) };
	struct span other;

	while (rest.len)
		if (section_name(span_content(span_until(&rest, '\n')), &other) &&
		    other.len == name.len && memcmp(other.at, name.at, name.len) == 0)
			return true;
	return false;
}

static void parse_section(struct parser *p, struct span content)
{
	struct partition_config *c = p->config;
	struct span name;

	section_end(p);
	memset(c, 0, sizeof(*c));
	c->line = p->line;
	c->memory = MEMORY_DEFAULT;
	c->vcpus = 1;
	c->sched = SCHED_PARAMS_DEFAULT;
	c->autostart = c->log = c->restart_on_reset = true;
	p->in_section = true;
	p->bad = false;
	p->seen = 0;
	p->section_start = content.at;
	if (!section_name(content, &name)) {
		parser_error(p, p->line, "section without ]: %.*s", SPAN_ARGS(content));
		return;
	}
	if (!name_valid(name))
		parser_error(p, p->line, "bad partition name \"%.*s\": 1 to %d of A-Z a-z 0-9 _ -",
			     SPAN_ARGS(name), CONFIG_NAME - 1);
	else if (name_taken(p, name))
		parser_error(p, p->line, "duplicate partition name \"%.*s\"", SPAN_ARGS(name));
	(void)span_copy(name, c->name,
			sizeof(c->name)); /* for messages; too long ones are refused */
}

static void parse_line(struct parser *p, struct span content)
{
	struct span key = content;
	struct span value;

	for (key.len = 0; key.len < content.len && content.at[key.len] != '='; key.len++)
		;
	value = (struct span){ content.at + key.len, content.len - key.len };
	key = span_trim(key);
	if (value.len == 0) {
		parser_error(p, p->line, "neither a [section] nor a key = value: %.*s",
			     SPAN_ARGS(content));
		return;
	}
	value = span_trim((struct span){ value.at + 1, value.len - 1 });
	if (p->in_section)
		parse_key(p, key, value);
	else
		parser_error(p, p->line, "%.*s before the first [section]", SPAN_ARGS(key));
}

/* A byte that no text has, or -1. */
static int binary_byte(struct span line)
{
	size_t i;

	for (i = 0; i < line.len; i++) {
		u8 c = (u8)line.at[i];

		if ((c < ' ' && !is_space((char)c)) || c == 0x7f)
			return c;
	}
	return -1;
}

/* False: nothing more is to be read. */
static bool parse_one(struct parser *p, struct span line)
{
	struct span content = span_content(line);
	int binary = binary_byte(line);

	if (binary == 0) {
		parser_error(p, p->line, "a NUL byte: this is no text; not read any further");
		return false;
	}
	if (binary > 0) {
		parser_error(p, p->line, "a control character (0x%02x)", (unsigned)binary);
	} else if (content.len && content.at[0] == '[') {
		if (p->section_count++ == CONFIG_PARTITIONS) {
			section_end(p);
			parser_error(p, p->line, "too many partitions: at most %d",
				     CONFIG_PARTITIONS);
			return false;
		}
		parse_section(p, content);
	} else if (content.len) {
		parse_line(p, content);
	}
	return true;
}

void manifest_parse(const char *text, size_t len, const struct manifest_callbacks *cb)
{
	struct parser p = {
		.cb = cb,
		.text = { text, len },
		.config = cb->scratch,
		.section_start = text,
	};
	struct span rest = p.text;

	while (rest.len) {
		p.line++;
		if (!parse_one(&p, span_until(&rest, '\n')))
			break;
	}
	section_end(&p);
}
