#pragma once
/*
 * The timer of a PC: Intel 8254 at ports 40h..43h, and port 61h with channel 2's gate and output.
 * Nothing counts here: counts and outputs are computed from the tick at which a channel was loaded.
 */
#include "vmm/dev/devices.h"

#define VPIT_HZ 1193182ull

enum vpit_phase {
	VPIT_EMPTY,   /* no count since the control word */
	VPIT_WAITING, /* has a count, waits for the gate's rising edge (modes 1 and 5) */
	VPIT_RUNNING,
	VPIT_HELD,    /* the gate is low */
};

struct vpit_channel {
	enum vpit_phase phase;
	u8 control; /* the low six bits of the control word, as written */
	u8 mode;    /* 0..5 */
	bool gate;
	u32 count;  /* the one that counts now: 1..65536 */
	u32 reload; /* the one written last */
	bool reload_pending; /* written, not yet loaded */
	s64 reload_tick;     /* when it will be (modes 2 and 3) */
	s64 load_tick;       /* when count was loaded; may lie one tick ahead */
	s64 edges_sent;      /* rising edges of OUT since then that became interrupts (channel 0) */
	s64 held;            /* ticks counted before the gate went low */
	u16 stale;           /* what the counter holds while nothing is loaded */
	bool write_second, read_second;
	u8 write_low;
	u8 latch_left; /* bytes of the latched count not yet read */
	u16 latch;
	bool status_latched;
	u8 status;
};

struct vpit_state {
	struct vpit_channel channel[3];
	u8 port61;      /* the bits that the guest wrote */
};

struct vpit {
	struct vpit_state state;
	struct irqline line; /* channel 0's output */
	struct vclock *clock;
	struct vtimer timer;
};

MUST_CHECK int vpit_init(struct vpit *p, struct iobus *bus, struct vclock *clock,
			 struct irqline line);
void vpit_reset(struct vpit *p);
