/* Self-tests of traps, time and threads, on the machine itself. */
#include "kernel/cpu.h"
#include "kernel/irq.h"
#include "kernel/selftest.h"
#include "kernel/symbols.h"
#include "kernel/thread.h"
#include "kernel/timer.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "x86/insn.h"
#include "x86/msr.h"

#define TIMERS 4
#define CREATE_ROUNDS 100
/* The host of an emulator may stop us for a while: this is too much. */
#define LONG (5 * NS_PER_SEC)

/*
 * A WRMSR that must raise #GP. Emulators ignore MSRs that they do not know, and each forgets
 * another check: QEMU that bases are canonical, Bochs that the save area is page aligned (APM
 * 2 15.30.4).
 */
static int write_bad_value(void)
{
	u64 old;
	int err = 0;

	if (cpu_features.amd_like) {
		old = x86_rdmsr(MSR_AMD_VM_HSAVE_PA);
		err = x86_wrmsr_safe(MSR_AMD_VM_HSAVE_PA, 1);
		x86_wrmsr(MSR_AMD_VM_HSAVE_PA, old);
	}
	if (!err) {
		err = x86_wrmsr_safe(MSR_FS_BASE, BIT(63));
		x86_wrmsr(MSR_FS_BASE, 0);
	}
	return err;
}

static int test_msr_fixup(struct selftest *t)
{
	u64 value = 0;

	SELFTEST_EXPECT(t, x86_rdmsr_safe(MSR_EFER, &value) == 0);
	SELFTEST_EXPECT(t, value == x86_rdmsr(MSR_EFER));
	SELFTEST_EXPECT(t, write_bad_value() < 0);
	return SELFTEST_OK;
}

static int test_symbols(struct selftest *t)
{
	u64 offset = 1;
	const char *name = symbol_lookup((u64)thread_sleep_ns, &offset);

	SELFTEST_EXPECT(t, name && strcmp(name, "thread_sleep_ns") == 0 && offset == 0);
	SELFTEST_EXPECT(t, !symbol_lookup(0, &offset));
	return SELFTEST_OK;
}

/* --- time --- */

static int test_clock(struct selftest *t)
{
	u64 last = clock_now_ns();

	for (unsigned i = 0; i < 1000; i++) {
		u64 now = clock_now_ns();

		SELFTEST_EXPECT(t, now >= last);
		last = now;
	}
	SELFTEST_EXPECT(t, clock_tsc_to_ns(clock_ns_to_tsc(NS_PER_SEC)) >= NS_PER_SEC - NS_PER_US);
	SELFTEST_EXPECT(t, clock_wall_seconds() > 1500000000); /* 2017 */
	return SELFTEST_OK;
}

struct order_test {
	struct waitq queue;
	unsigned fired;
	unsigned order[TIMERS];
	struct order_timer {
		struct timer timer;
		struct order_test *test;
	} timer[TIMERS];
};

static void note_order(struct timer *timer)
{
	struct order_timer *o = timer->ctx;
	struct order_test *test = o->test;

	test->order[test->fired++] = (unsigned)(o - test->timer);
	waitq_wake_all(&test->queue);
}

static int test_timer_order(struct selftest *t)
{
	static const u64 delay_ms[TIMERS] = { 3, 1, 4, 2 };
	static const unsigned expected[TIMERS] = { 1, 3, 0, 2 };
	struct order_test *test = heap_alloc(sizeof(*test));
	u64 begin = clock_now_ns(), flags;
	bool right;

	SELFTEST_EXPECT(t, test);
	waitq_init(&test->queue);
	flags = x86_irq_save();
	for (unsigned i = 0; i < TIMERS; i++) {
		test->timer[i].test = test;
		timer_init(&test->timer[i].timer, note_order, &test->timer[i]);
		timer_arm(&test->timer[i].timer, begin + delay_ms[i] * NS_PER_MS);
	}
	x86_irq_restore(flags);
	wait_event(&test->queue, READ_ONCE(test->fired) == TIMERS);
	right = memcmp(test->order, expected, sizeof(expected)) == 0;
	heap_free(test);
	SELFTEST_EXPECT(t, right);
	SELFTEST_EXPECT(t, clock_now_ns() >= begin + 4 * NS_PER_MS);
	return SELFTEST_OK;
}

static void note_fired(struct timer *timer)
{
	WRITE_ONCE(*(bool *)timer->ctx, true);
}

static int test_timer_cancel(struct selftest *t)
{
	bool fired = false;
	struct timer timer;

	timer_init(&timer, note_fired, &fired);
	timer_arm(&timer, clock_now_ns() + 2 * NS_PER_MS);
	timer_arm(&timer, clock_now_ns() + NS_PER_MS); /* arming again moves it */
	timer_cancel(&timer);
	thread_sleep_ns(4 * NS_PER_MS);
	SELFTEST_EXPECT(t, !READ_ONCE(fired));
	timer_arm(&timer, 0); /* the past: at once */
	thread_sleep_ns(NS_PER_MS);
	SELFTEST_EXPECT(t, READ_ONCE(fired));
	return SELFTEST_OK;
}

/* --- threads --- */

static int test_sleep(struct selftest *t)
{
	u64 begin = clock_now_ns(), time;

	thread_sleep_ns(5 * NS_PER_MS);
	time = clock_now_ns() - begin;
	SELFTEST_EXPECT(t, time >= 5 * NS_PER_MS);
	SELFTEST_EXPECT(t, time < LONG);
	return SELFTEST_OK;
}

static void set_flag(void *arg)
{
	WRITE_ONCE(*(bool *)arg, true);
}

static int test_priority(struct selftest *t)
{
	bool ran = false;
	struct thread *high = thread_create("high", set_flag, &ran, PRIO_HIGH), *low;

	SELFTEST_EXPECT(t, high);
	SELFTEST_EXPECT(t, READ_ONCE(ran)); /* it ran before thread_create() returned */
	thread_join(high);

	ran = false;
	low = thread_create("low", set_flag, &ran, PRIO_LOW);
	SELFTEST_EXPECT(t, low);
	SELFTEST_EXPECT(t, !READ_ONCE(ran));
	thread_join(low);
	SELFTEST_EXPECT(t, ran);
	return SELFTEST_OK;
}

static int test_preempt_disable(struct selftest *t)
{
	bool ran = false, early;
	struct thread *high;

	preempt_disable();
	high = thread_create("high", set_flag, &ran, PRIO_HIGH);
	early = READ_ONCE(ran);
	preempt_enable();
	SELFTEST_EXPECT(t, high);
	SELFTEST_EXPECT(t, !early);
	SELFTEST_EXPECT(t, READ_ONCE(ran));
	thread_join(high);
	return SELFTEST_OK;
}

/* The slice may end meanwhile: what is due then waits, and does not come again and again. */
static int test_preempt_disable_long(struct selftest *t)
{
	bool ran = false, early;
	struct thread *equal = thread_create_blocked("equal", set_flag, &ran, PRIO_KERNEL);
	u64 end = clock_now_ns() + 2 * SCHED_SLICE_NS;

	SELFTEST_EXPECT(t, equal);
	preempt_disable();
	thread_start(equal);
	while (clock_now_ns() < end)
		x86_pause();
	early = READ_ONCE(ran);
	preempt_enable();
	SELFTEST_EXPECT(t, !early || cpu_count > 1); /* it may run elsewhere */
	thread_join(equal);
	SELFTEST_EXPECT(t, ran);
	return SELFTEST_OK;
}

/* With interrupts off nobody preempts; the switch comes as soon as they are on again. */
static int test_wake_irqs_off(struct selftest *t)
{
	bool ran = false, early;
	struct thread *high = thread_create_blocked("high", set_flag, &ran, PRIO_HIGH);
	u64 flags;

	SELFTEST_EXPECT(t, high);
	flags = x86_irq_save();
	thread_start(high);
	early = READ_ONCE(ran);
	x86_irq_restore(flags);
	for (u64 end = clock_now_ns() + LONG; !READ_ONCE(ran) && clock_now_ns() < end;)
		x86_pause();
	SELFTEST_EXPECT(t, !early);
	SELFTEST_EXPECT(t, READ_ONCE(ran));
	thread_join(high);
	return SELFTEST_OK;
}

struct spinner {
	u64 count;
	bool stop;
};

static void spin(void *arg)
{
	struct spinner *s = arg;

	while (!READ_ONCE(s->stop))
		WRITE_ONCE(s->count, s->count + 1);
}

/* Two threads that never give up the CPU share it by slices. */
static int test_round_robin(struct selftest *t)
{
	struct spinner s[2] = { 0 };
	struct thread *a = thread_create("spin a", spin, &s[0], PRIO_LOW);
	struct thread *b = thread_create("spin b", spin, &s[1], PRIO_LOW);
	u64 begin = clock_now_ns(), time = 0, switches[2] = { 0 };

	SELFTEST_EXPECT(t, a && b);
	while ((switches[0] < 4 || switches[1] < 4) && time < LONG) {
		thread_sleep_ns(2 * SCHED_SLICE_NS);
		switches[0] = READ_ONCE(a->switches);
		switches[1] = READ_ONCE(b->switches);
		time = clock_now_ns() - begin;
	}
	WRITE_ONCE(s[0].stop, true);
	WRITE_ONCE(s[1].stop, true);
	thread_join(a);
	thread_join(b);
	SELFTEST_EXPECT(t, s[0].count && s[1].count);
	SELFTEST_EXPECT(t, switches[0] >= 4 && switches[1] >= 4);
	/* One at the end of each slice, one when the sleeper is done. */
	SELFTEST_EXPECT(t, switches[0] + switches[1] <= 2 * time / SCHED_SLICE_NS + 4);
	return SELFTEST_OK;
}

struct ping_pong {
	struct waitq queue;
	unsigned turn;
};

static void pong(void *arg)
{
	struct ping_pong *p = arg;

	for (unsigned i = 1; i < 200; i += 2) {
		wait_event(&p->queue, READ_ONCE(p->turn) == i);
		WRITE_ONCE(p->turn, i + 1);
		waitq_wake_all(&p->queue);
	}
}

static int test_wait_queue(struct selftest *t)
{
	struct ping_pong p = { .turn = 0 };
	struct thread *other;

	waitq_init(&p.queue);
	other = thread_create("pong", pong, &p, PRIO_KERNEL);
	SELFTEST_EXPECT(t, other);
	for (unsigned i = 0; i < 200; i += 2) {
		wait_event(&p.queue, READ_ONCE(p.turn) == i);
		WRITE_ONCE(p.turn, i + 1);
		waitq_wake_all(&p.queue);
	}
	thread_join(other);
	SELFTEST_EXPECT(t, p.turn == 200);
	return SELFTEST_OK;
}

struct shared_count {
	struct mutex mutex;
	unsigned count;
};

static void count_slowly(void *arg)
{
	struct shared_count *s = arg;

	for (unsigned i = 0; i < 20; i++) {
		unsigned count;

		mutex_lock(&s->mutex);
		count = s->count;
		thread_yield();
		s->count = count + 1;
		mutex_unlock(&s->mutex);
	}
}

static int test_mutex(struct selftest *t)
{
	struct shared_count s = { .count = 0 };
	struct thread *a, *b;

	mutex_init(&s.mutex, LOCK_TEST);
	a = thread_create("count a", count_slowly, &s, PRIO_LOW);
	b = thread_create("count b", count_slowly, &s, PRIO_LOW);
	SELFTEST_EXPECT(t, a && b);
	thread_join(a);
	thread_join(b);
	SELFTEST_EXPECT(t, s.count == 40);
	return SELFTEST_OK;
}

struct hook_count {
	unsigned in, out;
};

static void count_in(struct thread *t)
{
	((struct hook_count *)t->hook_ctx)->in++;
}

static void count_out(struct thread *t)
{
	((struct hook_count *)t->hook_ctx)->out++;
}

static void sleep_a_little(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 3; i++)
		thread_sleep_ns(NS_PER_MS / 2);
}

static int test_hooks(struct selftest *t)
{
	struct hook_count c = { 0 };
	struct thread *hooked = thread_create_blocked("hooked", sleep_a_little, NULL, PRIO_HIGH);

	SELFTEST_EXPECT(t, hooked);
	hooked->hook_ctx = &c;
	hooked->switch_in = count_in;
	hooked->switch_out = count_out;
	thread_start(hooked);
	thread_join(hooked);
	SELFTEST_EXPECT(t, c.in >= 1 && c.in == c.out); /* a sleep may be over before it began */
	return SELFTEST_OK;
}

static void nothing(void *arg)
{
	(void)arg;
}

static bool create_and_end(bool detach)
{
	struct thread *other = thread_create("brief", nothing, NULL, PRIO_HIGH);

	if (!other)
		return false;
	if (detach)
		thread_detach(other);
	else
		thread_join(other);
	return true;
}

static int test_create_returns_memory(struct selftest *t)
{
	u64 frames, heap;

	/* What the first rounds take for good: size classes, page tables of the stack region. */
	for (unsigned i = 0; i < CREATE_ROUNDS; i++)
		SELFTEST_EXPECT(t, create_and_end(i % 2 == 0)); /* the next creation frees it */
	frames = frame_count(OWNER_FREE);
	heap = heap_used();
	for (unsigned i = 0; i < CREATE_ROUNDS; i++)
		SELFTEST_EXPECT(t, create_and_end(i % 2 == 0));
	SELFTEST_EXPECT(t, heap_used() == heap);
	SELFTEST_EXPECT(t, frame_count(OWNER_FREE) == frames);
	return SELFTEST_OK;
}

const struct selftest_case selftest_kernel_cases[] = {
	{ "msr_fixup", test_msr_fixup },
	{ "symbols", test_symbols },
	{ "clock", test_clock },
	{ "timer_order", test_timer_order },
	{ "timer_cancel", test_timer_cancel },
	{ "thread_sleep", test_sleep },
	{ "thread_priority", test_priority },
	{ "thread_preempt_disable", test_preempt_disable },
	{ "thread_preempt_disable_long", test_preempt_disable_long },
	{ "thread_wake_irqs_off", test_wake_irqs_off },
	{ "thread_round_robin", test_round_robin },
	{ "thread_wait_queue", test_wait_queue },
	{ "thread_mutex", test_mutex },
	{ "thread_hooks", test_hooks },
	{ "thread_create_returns_memory", test_create_returns_memory },
};
const unsigned selftest_kernel_count = ARRAY_SIZE(selftest_kernel_cases);
