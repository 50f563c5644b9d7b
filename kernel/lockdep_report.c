/* What the checks of locks found: once for each kind and pair of classes, and in words. */
#ifdef DEBUG
#include "kernel/lockdep_report.h"
#include "kernel/backtrace.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/thread.h"
#include "lib/format.h"
#include "lib/string.h"

#define REPORTS_MAX 32

struct report {
	bool whole; /* written down to its end */
	enum lock_report_kind kind;
	struct lock_hold this, other; /* other.callers 0: there is none */
	u64 number;
	unsigned cpu;
	char thread[32];
};

/* Each report is written by the one who claimed its kind and pair, and never again. */
static u8 claimed[LOCK_REPORT_KINDS][LOCK_CLASSES][LOCK_CLASSES];
static struct report reports[REPORTS_MAX];
static unsigned taken;	 /* of reports; more than REPORTS_MAX: the last are lost */
static unsigned printed; /* under `printing` */
static bool printing;
static unsigned serious;

#define NAME(class) [class] = #class

static const char *const class_names[LOCK_CLASSES] = {
	NAME(LOCK_UNKNOWN),  NAME(LOCK_PARTITION), NAME(LOCK_DEVICE),	 NAME(LOCK_TEST),
	NAME(LOCK_TEST_A),   NAME(LOCK_TEST_B),	   NAME(LOCK_GPSPACE),	 NAME(LOCK_UART),
	NAME(LOCK_TERMINAL), NAME(LOCK_CONSOLE),   NAME(LOCK_LOG),	 NAME(LOCK_IOAPIC),
	NAME(LOCK_KSPACE),   NAME(LOCK_HEAP),	   NAME(LOCK_TIMERS),	 NAME(LOCK_THREADS),
	NAME(LOCK_FRAMES),   NAME(LOCK_WAITQ),	   NAME(LOCK_ADMISSION), NAME(LOCK_RUN_QUEUE),
};

const char *lock_class_name(enum lock_class class)
{
	return class < LOCK_CLASSES && class_names[class] ? class_names[class] : "a lock";
}

static bool of_a_test(enum lock_class class)
{
	return class == LOCK_TEST_A || class == LOCK_TEST_B;
}

void lock_report(enum lock_report_kind kind, const struct lock_hold *this,
		 const struct lock_hold *other, u64 number)
{
	enum lock_class other_class = other ? other->class : LOCK_UNKNOWN;
	const struct thread *t = thread_current();
	struct report *r;
	unsigned slot;

	if (__atomic_exchange_n(&claimed[kind][this->class][other_class], 1, __ATOMIC_SEQ_CST))
		return;
	if (!of_a_test(this->class) && !of_a_test(other_class))
		__atomic_add_fetch(&serious, 1, __ATOMIC_SEQ_CST);
	slot = __atomic_fetch_add(&taken, 1, __ATOMIC_SEQ_CST);
	if (slot >= REPORTS_MAX)
		return;
	r = &reports[slot];
	r->kind = kind;
	r->this = *this;
	if (other)
		r->other = *other;
	r->number = number;
	r->cpu = this_cpu()->id;
	str_copy(r->thread, t ? t->name : "(boot)", sizeof(r->thread));
	__atomic_store_n(&r->whole, true, __ATOMIC_RELEASE);
}

bool lock_reported(enum lock_report_kind kind, enum lock_class this, enum lock_class other)
{
	return __atomic_load_n(&claimed[kind][this][other], __ATOMIC_SEQ_CST);
}

unsigned lock_report_count(void)
{
	return __atomic_load_n(&serious, __ATOMIC_SEQ_CST);
}

/* --- in words --- */

struct words {
	char what[160], this[48], other[48]; /* the headline, and what stands above each chain */
};

static void describe(const struct report *r, struct words *w)
{
	const char *a = lock_class_name(r->this.class), *b = lock_class_name(r->other.class);
	unsigned long us = r->number / NS_PER_US;

	str_copy(w->this, "taken by:", sizeof(w->this));
	snprintf(w->other, sizeof(w->other), "%s has been taken by:", b);
	switch (r->kind) {
	case LOCK_REPORT_CLASSLESS:
		snprintf(w->what, sizeof(w->what), "a lock without a class is taken");
		break;
	case LOCK_REPORT_ORDER:
		snprintf(w->what, sizeof(w->what), "lock order: %s taken while %s is held", a, b);
		break;
	case LOCK_REPORT_TWICE:
		snprintf(w->what, sizeof(w->what), "%s taken again by its holder", a);
		break;
	case LOCK_REPORT_SLEEP:
		snprintf(w->what, sizeof(w->what), "mutex %s taken where nothing may sleep", a);
		break;
	case LOCK_REPORT_HELD_ASLEEP:
		snprintf(w->what, sizeof(w->what), "a thread goes to sleep while %s is held", b);
		str_copy(w->this, "put to sleep by:", sizeof(w->this));
		break;
	case LOCK_REPORT_PREEMPTIBLE:
		snprintf(w->what, sizeof(w->what),
			 "spinlock %s taken where its holder can be switched away", a);
		break;
	case LOCK_REPORT_INTERRUPT:
		snprintf(w->what, sizeof(w->what),
			 "%s taken in interrupts, and outside of them with interrupts on", a);
		str_copy(w->this, "with interrupts on by:", sizeof(w->this));
		str_copy(w->other, "in an interrupt by:", sizeof(w->other));
		break;
	case LOCK_REPORT_LONG:
		snprintf(w->what, sizeof(w->what), "%s held for %lu us", a, us);
		str_copy(w->this, "released by:", sizeof(w->this));
		break;
	case LOCK_REPORT_WAIT:
		snprintf(w->what, sizeof(w->what), "%s waited for too long: CPU %lu holds it", a,
			 r->number);
		break;
	case LOCK_REPORT_STRANGER:
		snprintf(w->what, sizeof(w->what), "%s released by somebody who does not hold it",
			 a);
		str_copy(w->this, "released by:", sizeof(w->this));
		break;
	case LOCK_REPORT_KINDS: break;
	}
}

static void print_chain(enum log_level level, const char *label, const struct lock_hold *h)
{
	if (h->callers == 0)
		return;
	log_print(level, "  %s", label);
	for (unsigned i = 0; i < h->callers; i++)
		backtrace_log(level, h->chain[i], true);
}

/* What tests provoke is of no interest to a person. */
static void print_report(const struct report *r)
{
	bool test = of_a_test(r->this.class) || of_a_test(r->other.class);
	enum log_level level = test ? LOG_DEBUG : LOG_WARN;
	struct words w = { .what = "" };

	describe(r, &w);
	log_print(level, "lockdep: %s (CPU %u, thread %s)", w.what, r->cpu, r->thread);
	print_chain(level, w.this, &r->this);
	print_chain(level, w.other, &r->other);
}

bool lock_report_waits(void)
{
	return READ_ONCE(printed) < MIN(READ_ONCE(taken), REPORTS_MAX);
}

void lock_report_print(void)
{
	if (__atomic_exchange_n(&printing, true, __ATOMIC_ACQUIRE))
		return;
	while (printed < MIN(READ_ONCE(taken), REPORTS_MAX) &&
	       __atomic_load_n(&reports[printed].whole, __ATOMIC_ACQUIRE)) {
		print_report(&reports[printed]);
		WRITE_ONCE(printed, printed + 1);
	}
	__atomic_store_n(&printing, false, __ATOMIC_RELEASE);
}
#endif
