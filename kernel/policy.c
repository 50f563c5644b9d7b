/* Which scheduling policies there are, and the choice of one at boot. */
#include "kernel/policy.h"

#include "kernel/log.h"
#include "kernel/machine.h"
#include "lib/format.h"
#include "lib/string.h"

#define POLICY_NAME 16

/* The first one is the default. */
static const struct sched_policy *const known[] = { &policy_priority, &policy_share,
						    &policy_budget };

const struct sched_policy *sched_policy = &policy_priority;

static void log_unknown(const char *name)
{
	char names[64] = "";

	for (unsigned i = 0; i < ARRAY_SIZE(known); i++) {
		size_t end = strlen(names);

		snprintf(names + end, sizeof(names) - end, "%s%s", i ? ", " : "", known[i]->name);
	}
	log_error("sched=%s: unknown; choose one of %s; now it is %s", name, names,
		  sched_policy->name);
}

void policy_choose(void)
{
	char name[POLICY_NAME];

	if (!machine_option(&machine, "sched", name, sizeof(name)))
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(known); i++) {
		if (strcmp(known[i]->name, name) == 0) {
			sched_policy = known[i];
			return;
		}
	}
	log_unknown(name);
}
