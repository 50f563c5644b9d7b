/*
 * The shoot-down of nested tables, under a guest that is busy in the page that goes: on another
 * CPU, if there is one.
 */
#include "error.h"
#include "kernel/selftest.h"
#include "vmm/partition.h"
#include "vmm/shootdown.h"
#include "vmm/vmm_selftest.h"

#define ROUNDS 50
#define LOOKS 1000
#define ZEROS (2 * MIB) /* a page that the guest never touches */

static bool hide(struct gpspace *gs)
{
	u64 flags = spin_lock_irq(&gs->lock);
	int r = pt_hide(&gs->pt, COUNTER);

	spin_unlock_irq(&gs->lock, flags);
	return r == 0;
}

static bool is_hidden(const struct gpspace *gs)
{
	u64 size;

	return pt_entry(&gs->pt, COUNTER, &size) & PT_HIDDEN;
}

/*
 * While the page is hidden the guest cannot count in it. Its thread will fault and show it; until
 * then an unchanged counter is all that may be seen.
 */
static bool counts_unseen(const struct gpspace *gs, const u32 *counter)
{
	u32 before = __atomic_load_n(counter, __ATOMIC_RELAXED);

	for (unsigned i = 0; i < LOOKS; i++) {
		u32 after = __atomic_load_n(counter, __ATOMIC_RELAXED);

		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (is_hidden(gs) && after != before)
			return true;
	}
	return false;
}

static int test_running_guest(struct selftest *t)
{
	struct partition *p = selftest_busy_partition("selftest-shootdown");
	const u32 *counter;

	SELFTEST_EXPECT(t, backend && p && partition_start(p) == 0);
	SELFTEST_EXPECT(t, selftest_counts_on(p, 0));
	counter = gpspace_hva(&p->space, COUNTER);
	SELFTEST_EXPECT(t, counter != NULL);
	for (unsigned i = 0; i < ROUNDS; i++) {
		u64 faults = p->vcpu[0]->exits[VM_EXIT_FAULT];
		u32 count;
		int r;

		SELFTEST_EXPECT(t, hide(&p->space));
		mutex_lock(&p->lock);
		r = partition_shootdown(p);
		mutex_unlock(&p->lock);
		SELFTEST_EXPECT(t, r == 0);
		SELFTEST_EXPECT(t, !counts_unseen(&p->space, counter));
		count = __atomic_load_n(counter, __ATOMIC_RELAXED);
		SELFTEST_EXPECT(t, selftest_counts_on(p, count));
		SELFTEST_EXPECT(t, p->vcpu[0]->exits[VM_EXIT_FAULT] > faults);
	}
	partition_stop(p, STOP_KILLED);
	return SELFTEST_OK;
}

static int test_reclaim(struct selftest *t)
{
	struct partition *p = selftest_busy_partition("selftest-shootdown");
	u64 freed, populated;
	u32 count = 0;

	SELFTEST_EXPECT(t, backend && p && partition_reclaim(p, &freed) == -EBUSY);
	SELFTEST_EXPECT(t, partition_start(p) == 0 && selftest_counts_on(p, 0));
	populated = p->space.populated;
	for (unsigned i = 0; i < ROUNDS; i++) {
		u32 word = 1;

		SELFTEST_EXPECT(t, gmem_read(&p->space, ZEROS, &word, sizeof(word)) == 0);
		SELFTEST_EXPECT(t, word == 0 && p->space.populated > populated);
		SELFTEST_EXPECT(t, partition_reclaim(p, &freed) == 0);
		SELFTEST_EXPECT(t, freed >= FRAME_SIZE && p->space.populated == populated);
		/* nothing of the guest's is lost */
		SELFTEST_EXPECT(t, selftest_counter(p) >= count);
		count = selftest_counter(p);
	}
	SELFTEST_EXPECT(t, selftest_counts_on(p, count));
	partition_stop(p, STOP_KILLED);
	return SELFTEST_OK;
}

static const struct selftest_case cases[] = {
	{ "shoot-down: a running guest lets go of a page", test_running_guest },
	{ "reclaim: zeros go, and come back as zeros", test_reclaim },
};

void shootdown_selftest_register(void)
{
	selftest_add(cases, ARRAY_SIZE(cases));
}
