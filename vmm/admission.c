#include "vmm/admission.h"

#include "kernel/log.h"
#include "kernel/policy.h"
#include "lib/string.h"
#include "vmm/backend.h"
#include "vmm/partition.h"

#define WHY_SIZE 400

/* As the manifest says, on those CPUs that can run guests; without one it is refused there. */
static struct sched_params params_of(const struct partition *p)
{
	struct sched_params params = p->config.sched;

	params.cpus &= cpus_for_guests;
	return params;
}

int admission_enter(struct partition *p)
{
	const struct sched_params params = params_of(p);
	char why[WHY_SIZE] = "";
	int r = 0;

	memset(p->cpu_of, CPU_ANY, sizeof(p->cpu_of));
	if (sched_policy->admit)
		r = sched_policy->admit(&params, p->config.vcpus, p->cpu_of, why, sizeof(why));
	if (r)
		log_error("%s not started: its budget cannot be guaranteed: %s", p->config.name,
			  why);
	p->admitted = r == 0;
	return r;
}

void admission_leave(struct partition *p)
{
	if (p->admitted && sched_policy->release)
		sched_policy->release(&p->config.sched, p->config.vcpus, p->cpu_of);
	p->admitted = false;
}

struct sched_params admission_params(const struct partition *p, unsigned vcpu)
{
	struct sched_params params = params_of(p);

	if (p->cpu_of[vcpu] != CPU_ANY)
		params.cpus = BIT(p->cpu_of[vcpu]);
	return params;
}
