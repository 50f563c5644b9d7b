#pragma once
/*
 * One channel of an 8254. Nothing counts here: the counter and OUT are computed from the tick at
 * which the count was loaded. Pure; time comes as an argument that never goes back.
 */
#include "compiler.h"
#include "types.h"

#define VPIT_CONTROL_BCD BIT(0)
#define VPIT_CONTROL_MODE(v) ((v) >> 1 & 7)
#define VPIT_CONTROL_ACCESS(v) ((v) >> 4 & 3)
enum vpit_access { VPIT_LATCH, VPIT_LOW, VPIT_HIGH, VPIT_BOTH };

#define VPIT_STATUS_OUT BIT(7)
#define VPIT_STATUS_NULL BIT(6) /* the count written last is not in the counter yet */

enum vpit_mode {
	VPIT_TERMINAL_COUNT,
	VPIT_ONE_SHOT,
	VPIT_RATE,
	VPIT_SQUARE,
	VPIT_SOFT_STROBE,
	VPIT_HARD_STROBE,
};

enum vpit_phase {
	VPIT_EMPTY,   /* no count since the control word */
	VPIT_WAITING, /* has a count, waits for the gate's rising edge (modes 1 and 5) */
	VPIT_RUNNING,
	VPIT_HELD, /* the gate is low */
};

struct vpit_channel {
	enum vpit_phase phase;
	u8 control; /* the low six bits of the control word, as written */
	u8 mode;    /* 0..5 */
	bool gate;
	u32 count;	     /* the one that counts now: 1..65536 */
	u32 reload;	     /* the one written last */
	bool reload_pending; /* written, not yet loaded */
	s64 reload_tick;     /* when it will be (modes 2 and 3) */
	s64 load_tick;	     /* when count was loaded; may lie one tick ahead */
	s64 edges_sent;	     /* rising edges of OUT since then that became interrupts (channel 0) */
	s64 held;	     /* ticks counted before the gate went low */
	u16 stale;	     /* what the counter holds while nothing is loaded */
	bool write_second, read_second;
	u8 write_low;
	u8 latch_left; /* bytes of the latched count not yet read */
	u16 latch;
	bool status_latched;
	u8 status;
};

#define VPIT_NO_TICK INT64_MAX

/* The pin. */
bool vpit_channel_out(const struct vpit_channel *c, s64 tick);
/* Its rising edges since the count was loaded. */
s64 vpit_channel_edges(const struct vpit_channel *c, s64 tick);
/* The tick of the first edge after edges_sent of them, or of a reload; or VPIT_NO_TICK. */
s64 vpit_channel_next_edge(const struct vpit_channel *c);
/*
 * Modes 2 and 3 load a new count when the present one has run out: does it if that was before now.
 * To be called before anything else is done with the channel.
 */
void vpit_channel_sync(struct vpit_channel *c, s64 tick);
void vpit_channel_program(struct vpit_channel *c, s64 tick, u8 control);
/* A whole count, as coded by the control word; 0 is the largest. */
void vpit_channel_write_count(struct vpit_channel *c, s64 tick, u16 value);
/* A byte to and from the channel's port. */
void vpit_channel_write(struct vpit_channel *c, s64 tick, u8 v);
u8 vpit_channel_read(struct vpit_channel *c, s64 tick);
void vpit_channel_set_gate(struct vpit_channel *c, s64 tick, bool level);
/* The counter latch command, and the two halves of the read-back command. */
void vpit_channel_latch(struct vpit_channel *c, s64 tick);
void vpit_channel_latch_status(struct vpit_channel *c, s64 tick);
