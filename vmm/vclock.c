#include "vmm/vclock.h"

#include "compiler.h"

void vclock_init(struct vclock *c, u64 (*host_now_ns)(void *ctx),
		 void (*rearm)(void *ctx, u64 deadline_ns), void *ctx, u64 wall_ns)
{
	c->host_now_ns = host_now_ns;
	c->rearm = rearm;
	c->ctx = c->host_ctx = ctx;
	c->wall_offset_ns = wall_ns;
	c->start_ns = host_now_ns(ctx);
	list_init(&c->armed);
	c->told_ns = VCLOCK_NEVER;
	c->running = false;
}

void vclock_follow(struct vclock *c, const struct vclock *other,
		   void (*rearm)(void *ctx, u64 deadline_ns), void *ctx)
{
	*c = *other;
	c->rearm = rearm;
	c->ctx = ctx;
	list_init(&c->armed);
	c->told_ns = VCLOCK_NEVER;
	c->running = false;
}

u64 vclock_now(const struct vclock *c)
{
	return c->host_now_ns(c->host_ctx) - c->start_ns;
}

u64 vclock_wall(const struct vclock *c)
{
	return c->wall_offset_ns + vclock_now(c);
}

static u64 vclock_soonest(const struct vclock *c)
{
	return list_empty(&c->armed) ? VCLOCK_NEVER
				     : list_first(&c->armed, struct vtimer, node)->deadline_ns;
}

static void vclock_tell(struct vclock *c)
{
	c->told_ns = vclock_soonest(c);
	if (c->rearm)
		c->rearm(c->ctx, c->told_ns);
}

/* Most changes do not touch the soonest deadline, and programming the host's timer is dear. */
static void vclock_changed(struct vclock *c)
{
	if (!c->running && vclock_soonest(c) != c->told_ns)
		vclock_tell(c);
}

/* Moves what is due to a list of its own: what is armed from now on is not for this run. */
static void vclock_take_due(struct vclock *c, u64 now, struct list *due)
{
	struct vtimer *t, *next;

	list_for_each_safe(t, next, &c->armed, node) {
		if (t->deadline_ns > now)
			break;
		list_remove(&t->node);
		list_push_back(due, &t->node);
	}
}

void vclock_run(struct vclock *c)
{
	struct list due = LIST_INIT(due);

	vclock_take_due(c, vclock_now(c), &due);
	c->running = true;
	while (!list_empty(&due)) {
		struct vtimer *t = list_first(&due, struct vtimer, node);

		list_remove(&t->node);
		t->armed = false;
		t->fn(t->arg);
	}
	c->running = false;
	/* Even when nothing changed: the host's timer has fired, perhaps a little early. */
	vclock_tell(c);
}

void vtimer_init(struct vtimer *t, struct vclock *c, void (*fn)(void *arg), void *arg)
{
	list_init(&t->node);
	t->armed = false;
	t->deadline_ns = 0;
	t->clock = c;
	t->fn = fn;
	t->arg = arg;
}

static void vtimer_insert(struct vtimer *t)
{
	struct list *at = t->clock->armed.prev;

	while (at != &t->clock->armed &&
	       list_entry(at, struct vtimer, node)->deadline_ns > t->deadline_ns)
		at = at->prev;
	list_insert(&t->node, at, at->next);
}

void vtimer_arm(struct vtimer *t, u64 deadline_ns)
{
	list_remove(&t->node);
	t->deadline_ns = deadline_ns;
	t->armed = true;
	vtimer_insert(t);
	vclock_changed(t->clock);
}

void vtimer_cancel(struct vtimer *t)
{
	if (!t->armed)
		return;
	list_remove(&t->node);
	t->armed = false;
	vclock_changed(t->clock);
}
