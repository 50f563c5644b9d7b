#include "kernel/line_edit.h"

#include "lib/string.h"

enum {
	KEY_ESC = 0x1b,
	KEY_CTRL_C = 0x03,
	KEY_CTRL_U = 0x15,
	KEY_BACKSPACE = 0x08,
	KEY_DELETE = 0x7f
};

static void recall(struct line_edit *e, unsigned back)
{
	unsigned kept = MIN(e->history_count, LINE_HISTORY);

	e->history_back = MIN(back, kept);
	if (e->history_back == 0)
		e->text[0] = '\0';
	else
		str_copy(e->text, e->history[(e->history_count - e->history_back) % LINE_HISTORY],
			 sizeof(e->text));
	e->len = (unsigned)strlen(e->text);
}

/* The rest of ESC [ A: only the two arrows that walk the history mean something here. */
static enum line_action input_escape(struct line_edit *e, u8 c)
{
	if (e->escape == 1 && (c == '[' || c == 'O')) {
		e->escape = 2;
		return LINE_NOTHING;
	}
	if (c >= 0x40 || e->escape == 1)
		e->escape = 0; /* a final byte ends the sequence, parameters go on */
	if (c == 'A' && e->history_back < MIN(e->history_count, LINE_HISTORY)) {
		recall(e, e->history_back + 1);
		return LINE_REPLACED;
	}
	if (c == 'B' && e->history_back > 0) {
		recall(e, e->history_back - 1);
		return LINE_REPLACED;
	}
	return LINE_NOTHING;
}

static enum line_action input_printable(struct line_edit *e, u8 c)
{
	if (c < 0x20 || c >= 0x7f || e->len == LINE_MAX)
		return LINE_NOTHING;
	e->text[e->len++] = (char)c;
	e->text[e->len] = '\0';
	return LINE_APPENDED;
}

enum line_action line_input(struct line_edit *e, u8 c)
{
	if (e->escape)
		return input_escape(e, c);
	switch (c) {
	case KEY_ESC: e->escape = 1; return LINE_NOTHING;
	case '\r':
	case '\n': return LINE_DONE;
	case '\t': return LINE_COMPLETE;
	case KEY_CTRL_C: e->text[e->len = 0] = '\0'; return LINE_ABANDON;
	case KEY_CTRL_U: e->text[e->len = 0] = '\0'; return LINE_REPLACED;
	case KEY_BACKSPACE:
	case KEY_DELETE:
		if (e->len == 0)
			return LINE_NOTHING;
		e->text[--e->len] = '\0';
		return LINE_ERASED;
	default: return input_printable(e, c);
	}
}

void line_next(struct line_edit *e)
{
	const char *last = e->history[(e->history_count - 1) % LINE_HISTORY];

	if (e->len && (e->history_count == 0 || strcmp(last, e->text) != 0))
		str_copy(e->history[e->history_count++ % LINE_HISTORY], e->text, LINE_MAX + 1);
	e->text[e->len = 0] = '\0';
	e->history_back = 0;
}

void line_append(struct line_edit *e, const char *text)
{
	while (*text)
		input_printable(e, (u8)*text++);
}
