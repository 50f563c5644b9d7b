#pragma once
/* The real-time clock and CMOS memory of a PC: Motorola MC146818, 128 bytes, ports 70h and 71h. */
#include "vmm/dev/devices.h"

#define VRTC_BYTES 128u

struct vrtc_state {
	u8 index;
	u8 ram[VRTC_BYTES]; /* the time registers are brought up to date when they are looked at */
	u64 phase_ns;	    /* the clock's seconds begin where wall time + phase is whole */
	s64 offset;	    /* seconds: the guest's time - the clock's */
	u8 weekday_shift;   /* the guest may count its weekdays from any day */
	bool raw;	    /* ram holds a time that the guest wrote during second raw_second */
	s64 raw_second;
	s64 seen_second; /* flags are up to date for all seconds up to here ... */
	u64 seen_tick;	 /* ... and periodic edges up to here (32768 Hz) */
};

struct vrtc {
	struct vrtc_state state;
	struct irqline line;
	struct vclock *clock;
	struct vtimer timer;
};

/* The sizes of memory that firmware would have left in the CMOS, in bytes. */
MUST_CHECK int vrtc_init(struct vrtc *r, struct iobus *bus, struct vclock *clock,
			 struct irqline line, u64 memory_below_4g, u64 memory_above_4g);
/* The RESET pin: the battery keeps time and memory. */
void vrtc_reset(struct vrtc *r);
