/* The monitor's thread: what is typed goes to the attached partition or to the prompt. */
#include "kernel/monitor.h"

#include "kernel/line_edit.h"
#include "kernel/log.h"
#include "kernel/sched.h"
#include "kernel/terminal.h"
#include "kernel/thread.h"
#include "lib/string.h"
#include "vmm/partition.h"

#define PROMPT "partita> "
#define ARGS_MAX 8

static struct line_edit edit;
static struct console *last_attached;

static void show_prompt(void)
{
	terminal_set_edit(PROMPT, edit.text);
	terminal_printf("%s%s", PROMPT, edit.text);
}

static int split(char *text, char *argv[ARGS_MAX])
{
	int argc = 0;

	while (argc < ARGS_MAX) {
		while (*text == ' ')
			*text++ = '\0';
		if (!*text)
			break;
		argv[argc++] = text;
		while (*text && *text != ' ')
			text++;
	}
	return argc;
}

static void run_line(char *text)
{
	char *argv[ARGS_MAX];
	int argc = split(text, argv);

	if (argc == 0)
		return;
	for (const struct monitor_command *c = monitor_commands; c->name; c++) {
		if (strcmp(c->name, argv[0]) == 0) {
			c->run(argc, argv);
			return;
		}
	}
	terminal_printf("%s: no such command; \"help\" lists them\n", argv[0]);
}

struct completion {
	unsigned count;
	char common[LINE_MAX + 1]; /* the longest prefix of all matches */
};

static void completion_add(const char *name, void *ctx)
{
	struct completion *c = ctx;
	size_t n = 0;

	if (c->count++ == 0) {
		str_copy(c->common, name, sizeof(c->common));
		return;
	}
	while (c->common[n] && c->common[n] == name[n])
		n++;
	c->common[n] = '\0';
}

static void completion_print(const char *name, void *ctx)
{
	(void)ctx;
	terminal_printf("%s  ", name);
}

static void complete(void)
{
	struct completion c = { 0 };
	char *space = strchr(edit.text, ' ');
	const char *word = edit.text;

	for (; space; space = strchr(space + 1, ' '))
		word = space + 1;
	monitor_complete(word, word == edit.text, completion_add, &c);
	if (c.count == 0)
		return;
	if (c.count > 1 && strlen(c.common) == strlen(word)) {
		terminal_write("\n", 1);
		monitor_complete(word, word == edit.text, completion_print, NULL);
		terminal_write("\n", 1);
		show_prompt();
		return;
	}
	word = c.common + strlen(word);
	terminal_write(word, strlen(word));
	line_append(&edit, word);
	if (c.count == 1) {
		terminal_write(" ", 1);
		line_append(&edit, " ");
	}
}

static void run_edited_line(void)
{
	char text[LINE_MAX + 1];

	terminal_set_edit(NULL, "");
	terminal_write("\n", 1);
	str_copy(text, edit.text, sizeof(text));
	line_next(&edit);
	run_line(text);
	if (!terminal_attached())
		show_prompt();
}

static void prompt_byte(u8 c)
{
	switch (line_input(&edit, c)) {
	case LINE_NOTHING: return;
	case LINE_APPENDED: terminal_write(&edit.text[edit.len - 1], 1); break;
	case LINE_ERASED: terminal_write("\b \b", 3); break;
	case LINE_REPLACED: terminal_printf("\r\x1b[K" PROMPT "%s", edit.text); break;
	case LINE_COMPLETE: complete(); break;
	case LINE_ABANDON:
		terminal_write("^C\n", 3);
		show_prompt();
		break;
	case LINE_DONE: run_edited_line(); return;
	}
	terminal_set_edit(PROMPT, edit.text);
}

/* Ctrl-]: from a partition to the prompt, and back to the partition that was attached last. */
static void toggle(void)
{
	struct console *c = terminal_attached();

	if (c) {
		last_attached = c;
		terminal_attach(NULL);
		terminal_write("\n", 1);
		show_prompt();
		return;
	}
	if (!last_attached)
		return;
	terminal_set_edit(NULL, "");
	terminal_printf("\n[%s: Ctrl-] for the monitor]\n", last_attached->name);
	terminal_attach(last_attached);
}

static void monitor_thread(void *arg)
{
	(void)arg;
	if (!terminal_attached())
		show_prompt();
	for (;;) {
		u8 c = terminal_read();
		struct console *attached = terminal_attached();

		if (attached)
			last_attached = attached;
		if (c == TERMINAL_ESCAPE)
			toggle();
		else if (attached)
			console_type(attached, c);
		else
			prompt_byte(c);
	}
}

void monitor_start(void)
{
	struct thread *t = thread_create("monitor", monitor_thread, NULL, PRIO_KERNEL);

	if (!t)
		log_error("no memory for the monitor");
}
