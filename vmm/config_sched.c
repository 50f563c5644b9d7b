/* The keys of a manifest that are about scheduling: weight, budget, priority, cpus. */
#include "error.h"
#include "vmm/config_parse.h"

void set_weight(struct parser *p, struct span value)
{
	u64 weight;

	if (number_parse(value, &weight) != 0 || weight < 1 || weight > SCHED_WEIGHT_MAX)
		parser_error(p, p->line, "bad weight \"%.*s\": 1 to %d", SPAN_ARGS(value),
			     SCHED_WEIGHT_MAX);
	else
		p->config->sched.weight = (u32)weight;
}

void set_priority(struct parser *p, struct span value)
{
	u64 priority;

	if (number_parse(value, &priority) != 0 || priority < 1 || priority > GUEST_PRIORITIES)
		parser_error(p, p->line, "bad priority \"%.*s\": 1 to %d", SPAN_ARGS(value),
			     GUEST_PRIORITIES);
	else
		p->config->sched.priority = (u8)priority;
}

/* "10ms", in us, ms or s. Errors as of number_parse(). */
static int time_parse(struct span value, u64 *ns)
{
	u64 unit = NS_PER_SEC;
	int r;

	if (value.len == 0 || value.at[--value.len] != 's')
		return -EINVAL;
	if (value.len && value.at[value.len - 1] == 'm')
		unit = NS_PER_MS;
	else if (value.len && value.at[value.len - 1] == 'u')
		unit = NS_PER_US;
	if (unit != NS_PER_SEC)
		value.len--;
	r = number_parse(value, ns);
	if (r == 0 && *ns <= UINT64_MAX / unit)
		*ns *= unit;
	else
		*ns = UINT64_MAX; /* longer than anything that is allowed */
	return r;
}

void set_budget(struct parser *p, struct span value)
{
	struct span period = value, budget = span_until(&period, '/');
	u64 budget_ns, period_ns;

	if (time_parse(budget, &budget_ns) == -EINVAL || time_parse(period, &period_ns) == -EINVAL)
		parser_error(p, p->line, "bad budget \"%.*s\": like 10ms/100ms, in us, ms or s",
			     SPAN_ARGS(value));
	else if (period_ns < SCHED_PERIOD_MIN_NS || period_ns > SCHED_PERIOD_MAX_NS)
		parser_error(p, p->line, "budget %.*s: the period must be 1ms to 10s",
			     SPAN_ARGS(value));
	else if (budget_ns < SCHED_BUDGET_MIN_NS)
		parser_error(p, p->line, "budget %.*s is less than 10us", SPAN_ARGS(value));
	else if (budget_ns > period_ns)
		parser_error(p, p->line, "budget %.*s is more than its period", SPAN_ARGS(value));
	else {
		p->config->sched.budget_ns = budget_ns;
		p->config->sched.period_ns = period_ns;
	}
}

/* "3" or "0-3": a mask. */
static int range_parse(struct span range, u64 *mask)
{
	struct span rest = range, from = span_until(&rest, '-');
	u64 low, high;

	if (number_parse(from, &low) != 0)
		return -EINVAL;
	high = low;
	if (from.len < range.len && number_parse(rest, &high) != 0)
		return -EINVAL;
	if (low > high || high >= CPUS_MAX)
		return -EINVAL;
	*mask |= MASK(high, low);
	return 0;
}

void set_cpus(struct parser *p, struct span value)
{
	struct span rest = value;
	u64 mask = 0;
	bool more = true;

	while (more) {
		struct span range = span_until(&rest, ',');

		more = range.at + range.len < value.at + value.len; /* a comma follows */
		if (range_parse(range, &mask) != 0) {
			parser_error(p, p->line, "bad cpus \"%.*s\": like 0,1 or 0-3, of 0 to %d",
				     SPAN_ARGS(value), CPUS_MAX - 1);
			return;
		}
	}
	if (p->cb->cpus && !(mask & p->cb->cpus))
		parser_error(p, p->line, "cpus %.*s: none of them can run guests here",
			     SPAN_ARGS(value));
	else
		p->config->sched.cpus = mask;
}
