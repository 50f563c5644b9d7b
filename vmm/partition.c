/*
 * The life of a partition: stopped, starting, running, stopping. Its vCPUs only ask for an end; the
 * reaper thread, here, takes it apart, so that nobody frees what he stands on.
 */
#include "vmm/partition.h"

#include "drivers/acpi.h"
#include "error.h"
#include "kernel/log.h"
#include "kernel/machine.h"
#include "kernel/sched.h"
#include "kernel/terminal.h"
#include "lib/format.h"
#include "lib/string.h"
#include "vmm/admission.h"
#include "vmm/build.h"
#include "vmm/reaper.h"
#include "vmm/run.h"
#include "vmm/vmm.h"
#include "x86/insn.h"

struct list partitions = LIST_INIT(partitions);

static struct waitq reaper_wait;
static bool poweroff_when_idle;

static const char *const stop_names[] = {
	[STOP_NONE] = "?",	  [STOP_SHUTDOWN] = "shutdown",
	[STOP_RESET] = "reset",	  [STOP_TRIPLE_FAULT] = "triple fault",
	[STOP_KILLED] = "killed", [STOP_ERROR] = "error",
};

struct partition *partition_find(const char *name)
{
	struct partition *p;

	list_for_each(p, &partitions, node) {
		if (strcmp(p->config.name, name) == 0)
			return p;
	}
	return NULL;
}

const char *partition_state_name(const struct partition *p)
{
	static const char *const names[] = { "stopped", "starting", "running", "stopping" };

	return names[READ_ONCE(p->state)];
}

u64 partition_exits(const struct partition *p)
{
	u64 sum = 0;

	for (unsigned r = 0; r < VM_EXIT_REASONS; r++)
		sum += partition_exits_by(p, r);
	return sum;
}

u64 partition_exits_by(const struct partition *p, enum vm_exit_reason reason)
{
	u64 sum = p->exits[reason];

	for (unsigned i = 0; i < p->vcpu_count; i++)
		sum += p->vcpu[i]->exits[reason];
	return sum;
}

static void partition_set_state(struct partition *p, enum partition_state state)
{
	WRITE_ONCE(p->state, state);
	waitq_wake_all(&p->changed);
}

void partition_request_stop(struct partition *p, enum stop_kind kind, const char *fmt, ...)
{
	va_list args;

	/* The first reason counts: what follows is often its consequence. */
	if (__atomic_exchange_n(&p->stop_claimed, 1, __ATOMIC_SEQ_CST) == 0) {
		p->stop_kind = kind;
		va_start(args, fmt);
		vsnprintf(p->stop_text, sizeof(p->stop_text), fmt, args);
		va_end(args);
	}
	for (unsigned i = 0; i < p->vcpu_count; i++) {
		vcpu_request(p->vcpu[i], VCPU_REQ_STOP);
		sched_expedite(p->vcpu[i]->thread);
	}
}

static void print_log_error(const char *fmt, ...)
{
	char line[160];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	log_error("%s", line);
}

void partition_error(struct vcpu *v, const char *fmt, ...)
{
	char text[STOP_TEXT];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	log_error("%s: %s", v->partition->config.name, text);
	vcpu_dump(v, print_log_error);
	if (v->exit.reason == VM_EXIT_INVALID_STATE)
		backend->dump(v, print_log_error); /* our own structure may be what is wrong */
	partition_request_stop(v->partition, STOP_ERROR, "%s", text);
}

void partition_bus_access(struct partition *p, enum io_space space, struct io_access *a)
{
	mutex_lock(&p->device_lock);
	iobus_access(&p->bus, space, a);
	mutex_unlock(&p->device_lock);
}

void partition_vcpu_ended(struct partition *p)
{
	if (__atomic_sub_fetch(&p->live_vcpus, 1, __ATOMIC_SEQ_CST) == 0)
		waitq_wake_all(&reaper_wait);
}

/* All that it needs to run; nothing of it is left when that fails. */
static int partition_prepare(struct partition *p)
{
	int r = admission_enter(p);

	if (r)
		return r;
	r = partition_build(p);
	if (r) {
		partition_demolish(p);
		admission_leave(p);
	}
	return r;
}

/* With the lock held, and nothing of an earlier run left. */
static int partition_start_locked(struct partition *p)
{
	int r;

	partition_set_state(p, PARTITION_STARTING);
	p->stop_claimed = 0;
	p->stop_kind = STOP_NONE;
	p->stop_text[0] = '\0';
	p->restart = p->stay_stopped = false;
	r = partition_prepare(p);
	if (r) {
		partition_set_state(p, PARTITION_STOPPED);
		return r;
	}
	p->starts++;
	p->live_vcpus = p->vcpu_count;
	partition_set_state(p, PARTITION_RUNNING);
	/* For make bench. */
	log_debug("%s: its vCPU starts %lu TSC ticks after the kernel's first instruction",
		  p->config.name, x86_rdtsc() - boot_tsc);
	for (unsigned i = 0; i < p->vcpu_count; i++)
		thread_start(p->vcpu[i]->thread);
	return 0;
}

int partition_start(struct partition *p)
{
	int r = -EBUSY;

	mutex_lock(&p->lock);
	if (p->state == PARTITION_STOPPED)
		r = partition_start_locked(p);
	mutex_unlock(&p->lock);
	if (r && r != -EBUSY)
		waitq_wake_all(&reaper_wait); /* perhaps nothing runs now */
	return r;
}

static bool partition_is_stopped(const struct partition *p)
{
	enum partition_state s = READ_ONCE(p->state);

	return s == PARTITION_STOPPED;
}

void partition_stop(struct partition *p, enum stop_kind kind)
{
	mutex_lock(&p->lock);
	if (p->state == PARTITION_RUNNING) {
		p->restart = false;
		p->stay_stopped = true;
		partition_request_stop(p, kind, "%s", "");
	}
	mutex_unlock(&p->lock);
	wait_event(&p->changed, partition_is_stopped(p));
}

void partition_reset(struct partition *p)
{
	u64 starts;

	mutex_lock(&p->lock);
	starts = p->starts;
	if (p->state == PARTITION_RUNNING) {
		p->restart = true;
		partition_request_stop(p, STOP_RESET, "%s", "");
	}
	mutex_unlock(&p->lock);
	wait_event(&p->changed, READ_ONCE(p->starts) != starts || partition_is_stopped(p));
}

static bool partition_wants_restart(const struct partition *p)
{
	return p->stop_kind == STOP_RESET && (p->restart || p->config.restart_on_reset);
}

static void partition_report_stop(const struct partition *p)
{
	if (p->stop_kind == STOP_ERROR)
		log_info("%s stopped: error: %s", p->config.name, p->stop_text);
	else
		log_info("%s stopped: %s", p->config.name, stop_names[p->stop_kind]);
}

static void partition_restart_locked(struct partition *p)
{
	p->resets++;
	if (partition_start_locked(p) == 0) {
		log_info("%s restarted", p->config.name);
		return;
	}
	p->stop_kind = STOP_ERROR;
	str_copy(p->stop_text, "could not start again", sizeof(p->stop_text));
	partition_report_stop(p);
}

/* Takes apart a partition whose vCPUs have all ended. */
static void partition_reap(struct partition *p)
{
	mutex_lock(&p->lock);
	partition_set_state(p, PARTITION_STOPPING);
	console_flush(&p->console);
	partition_demolish(p);
	admission_leave(p);
	/* The guest was resetting itself when the stop came: it may not escape in that way. */
	if (p->stay_stopped && p->stop_kind == STOP_RESET)
		p->stop_kind = STOP_KILLED;
	if (partition_wants_restart(p)) {
		partition_restart_locked(p);
	} else {
		WRITE_ONCE(p->state, PARTITION_STOPPED);
		partition_report_stop(p);
	}
	mutex_unlock(&p->lock);
	waitq_wake_all(&p->changed); /* after the line in the log */
}

static bool partition_has_ended(const struct partition *p)
{
	return READ_ONCE(p->state) == PARTITION_RUNNING &&
	       __atomic_load_n(&p->live_vcpus, __ATOMIC_SEQ_CST) == 0;
}

static struct partition *reaper_next(void)
{
	struct partition *p;

	list_for_each(p, &partitions, node) {
		if (partition_has_ended(p))
			return p;
	}
	return NULL;
}

/* poweroff=idle: nothing runs although something was meant to. */
static bool reaper_machine_idle(void)
{
	struct partition *p;

	if (!poweroff_when_idle || !vmm_all_started())
		return false;
	list_for_each(p, &partitions, node) {
		if (!partition_is_stopped(p))
			return false;
	}
	return true;
}

static void reaper_thread(void *arg)
{
	struct partition *p;

	(void)arg;
	for (;;) {
		wait_event(&reaper_wait, reaper_next() || reaper_machine_idle());
		while ((p = reaper_next()))
			partition_reap(p);
		if (reaper_machine_idle()) {
			log_info("no partition is left running: powering off");
			terminal_drain();
			acpi_power_off();
		}
	}
}

int partition_reaper_start(bool poweroff_idle)
{
	struct thread *t;

	poweroff_when_idle = poweroff_idle;
	waitq_init(&reaper_wait);
	t = thread_create("reaper", reaper_thread, NULL, PRIO_KERNEL);
	return t ? 0 : -ENOMEM;
}

void partition_reaper_poke(void)
{
	waitq_wake_all(&reaper_wait);
}
