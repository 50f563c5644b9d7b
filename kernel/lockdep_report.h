#pragma once
/* Reports of kernel/lockdep.c: written down in any context, printed later. See kernel/lockdep.h. */
#include "kernel/lockdep.h"

enum lock_report_kind {
	LOCK_REPORT_CLASSLESS,
	LOCK_REPORT_ORDER,
	LOCK_REPORT_TWICE,
	LOCK_REPORT_SLEEP,	 /* a mutex in a place that must not sleep */
	LOCK_REPORT_HELD_ASLEEP, /* a thread goes to sleep with a spinlock */
	LOCK_REPORT_PREEMPTIBLE,
	LOCK_REPORT_INTERRUPT,
	LOCK_REPORT_LONG,
	LOCK_REPORT_WAIT,
	LOCK_REPORT_STRANGER,
	LOCK_REPORT_KINDS
};

#ifdef DEBUG
/*
 * Notes that something is wrong with a lock of this class, once for each kind and pair of classes.
 * `this` is what happens now, `other` the earlier acquisition that it conflicts with; other may be
 * NULL. number: what the text of the kind says, nanoseconds or a processor. Any context.
 */
void lock_report(enum lock_report_kind kind, const struct lock_hold *this,
		 const struct lock_hold *other, u64 number);
/* Whether some have not been printed. */
bool lock_report_waits(void);
/* Prints what waits. Where log_print() may be called; does not sleep. */
void lock_report_print(void);
/* For the self-tests. */
bool lock_reported(enum lock_report_kind kind, enum lock_class this, enum lock_class other);
/* How many reports there were without those that involve LOCK_TEST_A or LOCK_TEST_B. */
unsigned lock_report_count(void);
const char *lock_class_name(enum lock_class class);
/* The check of spin_lock_raw() before it waits: false if it would wait for itself. */
MUST_CHECK bool lockdep_check_spin(const struct spinlock *lock);
/* How long a spinlock may be held on this machine. */
u64 lock_hold_max_ns(void);
#endif
