/* Nested tables that lose mappings while vCPUs run: shootdown.h says how they let go. */
#include "vmm/shootdown.h"

#include "error.h"
#include "kernel/smp.h"
#include "mm/reclaim.h"
#include "vmm/partition.h"

#define LIMIT_MS 2000

static bool vcpu_has_let_go(const struct vcpu *v)
{
	return !(__atomic_load_n(&v->requests, __ATOMIC_SEQ_CST) & VCPU_REQ_SHOOTDOWN) ||
	       READ_ONCE(v->state) == VCPU_DONE;
}

/* Not by being woken: the limit needs a timer in any case, and mostly they are done by now. */
static int wait_for_vcpu(const struct vcpu *v)
{
	for (unsigned ms = 0; ms < LIMIT_MS; ms++) {
		if (vcpu_has_let_go(v))
			return 0;
		thread_sleep_ns(NS_PER_MS);
	}
	return -ETIMEDOUT;
}

static void nothing(void *arg)
{
	(void)arg;
}

int partition_shootdown(struct partition *p)
{
	int r = 0;

	for (unsigned i = 0; i < p->vcpu_count; i++)
		vcpu_request(p->vcpu[i], VCPU_REQ_SHOOTDOWN);
	for (unsigned i = 0; i < p->vcpu_count && r == 0; i++)
		r = wait_for_vcpu(p->vcpu[i]);
	/* Who looks at a guest from outside (vmm/picture.h) does so with interrupts off. */
	smp_call_all(nothing, NULL);
	return r;
}

static int let_go(void *ctx)
{
	return partition_shootdown(ctx);
}

int partition_reclaim(struct partition *p, u64 *freed)
{
	int r = -EBUSY;

	*freed = 0;
	mutex_lock(&p->lock);
	if (p->state == PARTITION_RUNNING)
		r = gpspace_reclaim(&p->space, let_go, p, freed);
	mutex_unlock(&p->lock);
	return r;
}
