#pragma once
/*
 * Turns of equals, for the policies that give them: slice_end_ns is when the turn of who runs is
 * over, and of who waits what is left of it. So a turn is as long for one who is interrupted in it.
 */
#include "kernel/policy.h"
#include "kernel/sched.h"

/* It comes into the queue: does it go on where it was interrupted, before all its equals? */
static inline bool turn_goes_on(struct sched_entity *e, enum sched_why why, u64 now)
{
	bool goes_on = why == SCHED_PREEMPTED && now < e->slice_end_ns;

	e->slice_end_ns = goes_on ? e->slice_end_ns - now : 0;
	return goes_on;
}

/* It was picked. */
static inline void turn_begin(struct sched_entity *e, u64 now)
{
	e->slice_end_ns = now + (e->slice_end_ns ? e->slice_end_ns : SCHED_SLICE_NS);
}
