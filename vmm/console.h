#pragma once
/*
 * A partition's console: what it printed (a ring that is replayed on attach), what was typed for
 * it, and its current line for the kernel's log.
 */
#include "compiler.h"
#include "lib/ring.h"
#include "lib/spinlock.h"
#include "types.h"

#define CONSOLE_RING (64 * 1024u)
#define CONSOLE_INPUT 1024u
#define CONSOLE_LINE 256u

struct console {
	char name[32];	      /* of the partition */
	bool log;	      /* lines also go to the kernel's log */
	struct spinlock lock; /* protects the rest */
	u8 *output;	      /* CONSOLE_RING bytes */
	u64 written;	      /* bytes ever; the ring holds the last CONSOLE_RING of them */
	u8 input_buf[CONSOLE_INPUT];
	struct ring input;
	char line[CONSOLE_LINE];
	unsigned line_len;
	/* Tells the partition that input waits; with the lock held. NULL: nobody to tell. */
	void (*notify)(void *ctx);
	void *notify_ctx;
};

MUST_CHECK int console_init(struct console *c, const char *name, bool log);
/*
 * Whom console_type() tells from now on, or NULL; whoever was told before is not running any more.
 */
void console_set_notify(struct console *c, void (*notify)(void *ctx), void *ctx);
/*
 * A byte from the guest: ring, log line, terminal if attached. vCPU thread; may wait for the
 * terminal.
 */
void console_put(struct console *c, u8 byte);
/* The partition has stopped: an unfinished line is logged. */
void console_flush(struct console *c);
/* A byte typed; false when the input ring is full. Any context. */
bool console_type(struct console *c, u8 byte);
int console_get(struct console *c); /* the next typed byte, or -1 */
/*
 * Copies up to len bytes of kept output, starting at stream position *pos (moved to the oldest kept
 * if gone); returns the number and advances *pos.
 */
u32 console_read(struct console *c, u64 *pos, u8 *buf, u32 len);
