#pragma once
/* One edited line with history: bytes typed in, complete lines out. Pure state, no terminal. */
#include "compiler.h"
#include "types.h"

#define LINE_MAX 200
#define LINE_HISTORY 16

struct line_edit {
	char text[LINE_MAX + 1];
	unsigned len;
	char history[LINE_HISTORY][LINE_MAX + 1];
	unsigned history_count; /* lines ever kept */
	unsigned history_back;	/* 0: the line being typed; n: the n-th last kept */
	unsigned escape;	/* how much of an escape sequence has come: ESC, ESC [ */
};

enum line_action {
	LINE_NOTHING,
	LINE_APPENDED, /* text's last character is new */
	LINE_ERASED,   /* the last character went */
	LINE_REPLACED, /* the whole line is another: draw it again */
	LINE_COMPLETE, /* TAB */
	LINE_DONE,     /* Enter: text is the line; call line_next() after using it */
	LINE_ABANDON,  /* Ctrl-C */
};

enum line_action line_input(struct line_edit *e, u8 c);
/* Keeps the line in the history, if it is not empty or a repetition, and starts an empty one. */
void line_next(struct line_edit *e);
/* Appends text as if typed; what does not fit is left out. */
void line_append(struct line_edit *e, const char *text);
