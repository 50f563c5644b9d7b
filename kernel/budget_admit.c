/*
 * Admission of the policy `budget`: every vCPU with a budget belongs to one CPU for as long as its
 * partition runs, and no CPU promises more than 95 % of its time. Earliest deadline first then
 * keeps all promises of each CPU (partitioned EDF). A vCPU goes to the CPU that has promised least,
 * so that all keep some room for kernel threads and the background.
 */
#include "error.h"
#include "kernel/policy_budget.h"
#include "kernel/smp.h"
#include "lib/format.h"
#include "lib/list.h"
#include "lib/lockclass.h"
#include "lib/spinlock.h"
#include "mm/heap.h"

#define PPM 1000000u /* parts of a CPU are counted in millionths */
#define PROMISED_MAX (PPM / 100 * 95)

struct promise {
	struct list node;
	unsigned cpu;
	u64 budget_ns, period_ns;
};

static struct spinlock lock = SPINLOCK_INIT(LOCK_ADMISSION); /* of the list; interrupts off */
static struct list promises = LIST_INIT(promises);

/* A text that is written piece by piece, and cut when it is full. */
struct text {
	char *at;
	size_t left;
};

static PRINTF(2, 3) void append(struct text *text, const char *fmt, ...)
{
	va_list args;
	size_t n;

	va_start(args, fmt);
	n = (size_t)vsnprintf(text->at, text->left, fmt, args);
	va_end(args);
	n = MIN(n, text->left ? text->left - 1 : 0);
	text->at += n;
	text->left -= n;
}

static void append_time(struct text *text, u64 ns)
{
	if (ns % NS_PER_SEC == 0)
		append(text, "%lus", (unsigned long)(ns / NS_PER_SEC));
	else if (ns % NS_PER_MS == 0)
		append(text, "%lums", (unsigned long)(ns / NS_PER_MS));
	else
		append(text, "%luus", (unsigned long)(ns / NS_PER_US));
}

static void append_budget(struct text *text, u64 budget_ns, u64 period_ns)
{
	append_time(text, budget_ns);
	append(text, "/");
	append_time(text, period_ns);
}

void budget_format(char text[BUDGET_TEXT], u64 budget_ns, u64 period_ns)
{
	struct text t = { text, BUDGET_TEXT };

	append_budget(&t, budget_ns, period_ns);
}

/* Whole per cent, or with one digit behind the point; rounded up, as everything here. */
static void append_percent(struct text *text, u64 ppm)
{
	u64 permille = (ppm + 999) / 1000;

	if (permille % 10)
		append(text, "%u.%u %%", (unsigned)(permille / 10), (unsigned)(permille % 10));
	else
		append(text, "%u %%", (unsigned)(permille / 10));
}

static u64 part(u64 budget_ns, u64 period_ns)
{
	return (budget_ns * PPM + period_ns - 1) / period_ns;
}

static u64 promised(unsigned cpu)
{
	struct promise *p;
	u64 sum = 0;

	list_for_each(p, &promises, node)
		sum += p->cpu == cpu ? part(p->budget_ns, p->period_ns) : 0;
	return sum;
}

/* "50ms/100ms + 2 x 10ms/100ms": of a CPU; those that follow each other are taken together. */
static void append_promises(struct text *text, unsigned cpu)
{
	const struct promise *p, *last = NULL;
	const char *plus = "";
	unsigned count = 0;

	list_for_each(p, &promises, node) {
		if (p->cpu != cpu)
			continue;
		if (last && p->budget_ns == last->budget_ns && p->period_ns == last->period_ns) {
			count++;
			continue;
		}
		if (count > 1)
			append(text, " (%u times)", count);
		append(text, "%s", plus);
		append_budget(text, p->budget_ns, p->period_ns);
		plus = " + ";
		last = p;
		count = 1;
	}
	if (count > 1)
		append(text, " (%u times)", count);
}

void budget_describe_cpu(unsigned cpu, char *text, size_t size)
{
	struct text t = { text, size };
	u64 flags = spin_lock_irq(&lock);

	append(&t, "promised ");
	append_percent(&t, promised(cpu));
	append(&t, " of at most ");
	append_percent(&t, PROMISED_MAX);
	spin_unlock_irq(&lock, flags);
}

/* Why none of these CPUs can promise so much. */
static void explain(struct text *text, u64 cpus, const struct sched_params *want)
{
	for (; cpus; cpus &= cpus - 1) {
		unsigned cpu = (unsigned)__builtin_ctzll(cpus);
		u64 sum = promised(cpu);

		append(text, "CPU %u: ", cpu);
		append_promises(text, cpu);
		if (sum) {
			append(text, " = ");
			append_percent(text, sum);
			append(text, ", ");
		}
		append(text, "with ");
		append_budget(text, want->budget_ns, want->period_ns);
		append(text, sum ? " more " : " ");
		append_percent(text, sum + part(want->budget_ns, want->period_ns));
		append(text, cpus & (cpus - 1) ? "; " : ", ");
	}
	append(text, "at most ");
	append_percent(text, PROMISED_MAX);
}

/* The CPU of the mask that has promised least. */
static unsigned emptiest(u64 cpus)
{
	unsigned best = (unsigned)__builtin_ctzll(cpus);

	for (cpus &= cpus - 1; cpus; cpus &= cpus - 1)
		if (promised((unsigned)__builtin_ctzll(cpus)) < promised(best))
			best = (unsigned)__builtin_ctzll(cpus);
	return best;
}

/* Gives one promise of the list after the other to a CPU: how many found one. Lock held. */
static unsigned place(struct list *fresh, const struct sched_params *params, unsigned count,
		      u8 *cpu_of, struct text *why)
{
	u64 cpus = params->cpus & READ_ONCE(cpus_online);
	unsigned i;

	for (i = 0; i < count; i++) {
		struct promise *p = list_first(fresh, struct promise, node);

		p->cpu = emptiest(cpus);
		if (promised(p->cpu) + part(p->budget_ns, p->period_ns) > PROMISED_MAX) {
			if (count > 1)
				append(why, "vCPU %u of %u: ", i, count);
			explain(why, cpus, params);
			break;
		}
		cpu_of[i] = (u8)p->cpu;
		list_remove(&p->node);
		list_push_back(&promises, &p->node);
	}
	return i;
}

static void free_promises(struct list *list)
{
	while (!list_empty(list)) {
		struct promise *p = list_first(list, struct promise, node);

		list_remove(&p->node);
		heap_free(p);
	}
}

static int allocate(struct list *fresh, const struct sched_params *params, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct promise *p = heap_alloc(sizeof(*p));

		if (!p)
			return -ENOMEM;
		p->budget_ns = params->budget_ns;
		p->period_ns = params->period_ns;
		list_push_back(fresh, &p->node);
	}
	return 0;
}

/* Takes one such promise of the CPU back, onto that list. Lock held. */
static void take_back(const struct sched_params *params, unsigned cpu, struct list *list)
{
	struct promise *p;

	list_for_each(p, &promises, node) {
		if (p->cpu == cpu && p->budget_ns == params->budget_ns &&
		    p->period_ns == params->period_ns) {
			list_remove(&p->node);
			list_push_back(list, &p->node);
			return;
		}
	}
}

void budget_release(const struct sched_params *params, unsigned count, const u8 *cpu_of)
{
	struct list back = LIST_INIT(back);
	u64 flags;

	if (!params->budget_ns)
		return;
	flags = spin_lock_irq(&lock);
	for (unsigned i = 0; i < count; i++)
		take_back(params, cpu_of[i], &back);
	spin_unlock_irq(&lock, flags);
	free_promises(&back);
}

int budget_admit(const struct sched_params *params, unsigned count, u8 *cpu_of, char *why,
		 size_t size)
{
	struct list fresh = LIST_INIT(fresh);
	struct text text = { why, size };
	unsigned placed;
	u64 flags;
	int r;

	if (!params->budget_ns)
		return 0;
	r = allocate(&fresh, params, count);
	if (r) {
		append(&text, "no memory");
	} else {
		flags = spin_lock_irq(&lock);
		placed = place(&fresh, params, count, cpu_of, &text);
		spin_unlock_irq(&lock, flags);
		if (placed < count) {
			budget_release(params, placed, cpu_of);
			r = -EDQUOT;
		}
	}
	free_promises(&fresh);
	return r;
}
