/*
 * Start of the VMM: the processor's virtualization, the manifest, the partitions that start by
 * themselves.
 */
#include "vmm/vmm.h"

#include "error.h"
#include "kernel/log.h"
#include "kernel/machine.h"
#include "kernel/terminal.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "vmm/partition.h"
#include "vmm/reaper.h"
#include "vmm/vmm_bench.h"
#include "vmm/vmm_selftest.h"
#include "vmm/watchdog.h"

#define MANIFEST_MODULE "manifest"

static unsigned next_id;
static bool autostart_failed, autostart_any;
static bool all_started;

bool vmm_all_started(void)
{
	return READ_ONCE(all_started);
}

static void manifest_error(void *ctx, unsigned line, const char *reason)
{
	(void)ctx;
	log_error("manifest:%u: %s", line, reason);
	autostart_failed = true;
}

static bool manifest_file_exists(void *ctx, const char *path)
{
	(void)ctx;
	return machine_module(&machine, path) != NULL;
}

struct partition *partition_create(const struct partition_config *config)
{
	struct partition *p = heap_alloc(sizeof(*p));

	if (!p || console_init(&p->console, config->name, config->log) != 0) {
		heap_free(p);
		return NULL;
	}
	p->id = next_id++;
	p->config = *config;
	mutex_init(&p->lock, LOCK_PARTITION);
	waitq_init(&p->changed);
	list_push_back(&partitions, &p->node);
	return p;
}

static void manifest_add(void *ctx, const struct partition_config *config)
{
	(void)ctx;
	if (!partition_create(config)) {
		log_error("%s: no memory for the partition", config->name);
		autostart_failed = true;
	}
}

static void manifest_read(void)
{
	const struct machine_module *m = machine_module(&machine, MANIFEST_MODULE);
	struct manifest_callbacks cb = {
		.add = manifest_add,
		.error = manifest_error,
		.file_exists = manifest_file_exists,
		.memory_limit = frame_count_total() * FRAME_SIZE,
		.vcpus_limit = VCPUS_MAX,
		.cpus = cpus_for_guests,
		.scratch = heap_alloc(sizeof(struct partition_config)),
	};

	if (!m) {
		log_warn("no manifest: GRUB loaded no module of that name");
		return;
	}
	if (!cb.scratch)
		return;
	manifest_parse(phys_to_virt(m->base), m->size, &cb);
	heap_free(cb.scratch);
}

static void start_partitions(void)
{
	struct partition *p;
	int r;

	list_for_each(p, &partitions, node) {
		if (!p->config.autostart)
			continue;
		autostart_any = true;
		r = partition_start(p);
		if (r && r != -EDQUOT) /* that one has been said */
			log_info("%s not started", p->config.name);
	}
}

/* attach=NAME|none; by default the one partition that starts by itself. */
static void attach_terminal(void)
{
	char name[CONFIG_NAME];
	struct partition *p, *only = NULL;
	unsigned count = 0;

	if (machine_option(&machine, "attach", name, sizeof(name))) {
		if (strcmp(name, "none") == 0)
			return;
		only = partition_find(name);
		if (!only)
			log_error("attach=%s: no such partition", name);
	} else {
		list_for_each(p, &partitions, node) {
			if (p->config.autostart) {
				only = p;
				count++;
			}
		}
		if (count != 1)
			return;
	}
	if (only)
		terminal_attach(&only->console);
}

void vmm_init(void)
{
	char backend_name[16] = "auto", poweroff[16] = "";
	bool idle;

	machine_option(&machine, "backend", backend_name, sizeof(backend_name));
	/* The self-test powers off by itself, when it is done. */
	idle = machine_option(&machine, "poweroff", poweroff, sizeof(poweroff)) &&
	       strcmp(poweroff, "idle") == 0 && !machine_option(&machine, "selftest", NULL, 0);
	vmm_selftest_register();
	vmm_bench_register();
	/* This thread loads vCPUs, and so do those that it makes: the reaper and the monitor. */
	if (backend_init(backend_name) == 0)
		thread_set_cpus(cpus_for_guests);
	else
		autostart_failed = true;
	if (partition_reaper_start(idle) != 0)
		log_error("no memory for the reaper");
	if (backend) {
		watchdog_init();
		manifest_read();
		attach_terminal();
		start_partitions();
	}
	/* With nothing to start, poweroff=idle leaves the monitor to start partitions by hand. */
	WRITE_ONCE(all_started, autostart_any || autostart_failed);
	partition_reaper_poke();
}
