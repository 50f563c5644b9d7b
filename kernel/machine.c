/* Queries about struct machine: modules by name, options of the kernel command line. */
#include "kernel/machine.h"
#include "lib/string.h"

struct machine machine;

const struct machine_module *machine_module(const struct machine *m, const char *name)
{
	for (unsigned i = 0; i < m->module_count; i++)
		if (strcmp(m->module[i].name, name) == 0)
			return &m->module[i];
	return NULL;
}

static const char *next_word(const char *s)
{
	while (*s && *s != ' ')
		s++;
	while (*s == ' ')
		s++;
	return s;
}

bool machine_option(const struct machine *m, const char *name, char *value, size_t size)
{
	size_t length = strlen(name), n = 0;

	for (const char *word = m->cmdline; *word; word = next_word(word)) {
		const char *end = word + length;

		if (strncmp(word, name, length) != 0 || (*end && *end != '=' && *end != ' '))
			continue;
		if (*end == '=')
			for (end++; *end && *end != ' ' && n + 1 < size; end++)
				value[n++] = *end;
		if (size)
			value[n] = '\0';
		return true;
	}
	return false;
}
