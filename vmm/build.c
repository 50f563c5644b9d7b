#include "vmm/build.h"

#include "error.h"
#include "kernel/log.h"
#include "kernel/machine.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "vmm/cpuid.h"
#include "vmm/load/load.h"
#include "vmm/load/vacpi.h"
#include "vmm/load/vmptable.h"
#include "vmm/partition.h"
#include "x86/insn.h"

static u64 host_now(void *ctx)
{
	(void)ctx;
	return clock_now_ns();
}

/* Interrupt context: the boot vCPU's thread runs the partition's clock. */
static void clock_expired(struct timer *t)
{
	struct partition *p = t->ctx;

	/*
	 * While the partition is being built there is none yet: the first one looks when it starts.
	 */
	if (p->vcpu_count)
		vcpu_request(p->vcpu[0], VCPU_REQ_CLOCK);
}

static void clock_rearm(void *ctx, u64 deadline_ns)
{
	struct partition *p = ctx;

	if (deadline_ns == ~0ull)
		timer_cancel(&p->clock_timer);
	else
		timer_arm(&p->clock_timer, p->clock.start_ns + deadline_ns);
}

static bool com1_put(void *ctx, u8 c)
{
	struct partition *p = ctx;

	console_put(&p->console, c);
	return true;
}

static int com1_get(void *ctx)
{
	struct partition *p = ctx;

	return console_get(&p->console);
}

static void console_notify(void *ctx)
{
	struct partition *p = ctx;

	vcpu_request(p->vcpu[0], VCPU_REQ_CONSOLE);
}

static void board_extint(void *ctx, bool level)
{
	struct partition *p = ctx;

	for (unsigned i = 0; i < p->vcpu_count; i++)
		vlapic_set_extint(&p->vcpu[i]->lapic, level);
}

static void board_event(void *ctx, enum platform_event event)
{
	partition_request_stop(ctx, event == PLATFORM_SHUTDOWN ? STOP_SHUTDOWN : STOP_RESET, "%s",
			       "");
}

static int build_board(struct partition *p)
{
	struct board_config config = {
		.bus = &p->bus,
		.clock = &p->clock,
		.com1 = { .put = com1_put, .get = com1_get, .ctx = p },
		.platform = { .event = board_event, .ctx = p },
		.extint = board_extint,
		.ctx = p,
		.memory_below_4g = MIN(p->config.memory, LAYOUT_LOW_MAX),
	};

	config.memory_above_4g = p->config.memory - config.memory_below_4g;
	memset(&p->board, 0, sizeof(p->board));
	iobus_init(&p->bus);
	mutex_init(&p->device_lock, LOCK_DEVICE);
	timer_init(&p->clock_timer, clock_expired, p);
	vclock_init(&p->clock, host_now, clock_rearm, p, clock_wall_seconds() * NS_PER_SEC);
	return board_init(&p->board, &config);
}

static int build_memory(struct partition *p)
{
	u64 low = MIN(p->config.memory, LAYOUT_LOW_MAX), high = p->config.memory - low;
	owner_t owner = (owner_t)(OWNER_PARTITION + p->id);
	int r = gpspace_init(&p->space, backend->format, owner);

	if (r == 0)
		r = gpspace_add_ram(&p->space, 0, low, true);
	if (r == 0 && high)
		r = gpspace_add_ram(&p->space, LAYOUT_HIGH_BASE, high, true);
	return r;
}

static int build_vcpus(struct partition *p)
{
	for (unsigned i = 0; i < p->config.vcpus; i++) {
		p->vcpu[i] = vcpu_create(p, i);
		if (!p->vcpu[i])
			return -ENOMEM;
		p->vcpu_count = i + 1;
	}
	return 0;
}

/* A file of the manifest is the GRUB module of the same name. */
static int build_find(const struct partition *p, const char *path, struct load_file *file)
{
	const struct machine_module *m = machine_module(&machine, path);

	if (!m) {
		log_error("manifest:%u: %s: no module %s was loaded by GRUB", p->config.line,
			  p->config.name, path);
		return -ENOENT;
	}
	*file =
	    (struct load_file){ .data = phys_to_virt(m->base), .size = m->size, .name = m->name };
	return 0;
}

/* "path args": the path is the first word, the whole string the module's command line. */
static int build_find_module(const struct partition *p, const char *text, struct load_file *file)
{
	char path[CONFIG_PATH];
	size_t n = 0;
	int r;

	while (text[n] && text[n] != ' ' && n < sizeof(path) - 1) {
		path[n] = text[n];
		n++;
	}
	path[n] = '\0';
	r = build_find(p, path, file);
	file->cmdline = text;
	return r;
}

struct build_files {
	struct load_request request;
	struct load_file initrd[CONFIG_FILES], module[CONFIG_FILES];
	struct load_entry entry;
	char message[LOAD_MESSAGE];
};

static int build_request(struct partition *p, struct build_files *f)
{
	const struct partition_config *c = &p->config;
	int r = build_find(p, c->kernel, &f->request.kernel);

	for (unsigned i = 0; r == 0 && i < c->initrd_count; i++)
		r = build_find(p, c->initrd[i], &f->initrd[i]);
	for (unsigned i = 0; r == 0 && i < c->module_count; i++)
		r = build_find_module(p, c->module[i], &f->module[i]);
	f->request.space = &p->space;
	f->request.initrd_count = c->initrd_count;
	f->request.initrd = f->initrd;
	f->request.module_count = c->module_count;
	f->request.module = f->module;
	f->request.cmdline = c->cmdline;
	f->request.memory = c->memory;
	return r;
}

/* One moment for all vCPUs: their TSCs are in step. */
static void build_start_tsc(struct partition *p)
{
	p->start_tsc = x86_rdtsc();
	p->start_ns = vclock_now(&p->clock);
	for (unsigned i = 0; i < p->vcpu_count; i++)
		vcpu_start_tsc(p->vcpu[i], p->start_tsc);
}

/* What firmware tells a guest of its PC. */
static int build_tables(struct partition *p, gpa_t *rsdp)
{
	u64 flags = vcpu_inspect_begin(p->vcpu[0]);
	struct cpuid_regs id = cpuid_guest(p->vcpu[0], 1, 0);
	struct vmptable_config mp = {
		.vcpus = p->config.vcpus,
		.signature = id.eax,
		.features = id.edx,
	};
	int r;

	vcpu_inspect_end(p->vcpu[0], flags);
	r = vacpi_build(&p->space, p->config.vcpus, rsdp);
	return r ? r : vmptable_build(&p->space, &mp);
}

static int build_load(struct partition *p, struct build_files *f)
{
	int r = build_request(p, f);

	if (r)
		return r;
	load_layout(&f->request);
	r = build_tables(p, &f->request.rsdp);
	if (r) {
		log_error("%s: the tables of its PC do not fit its memory", p->config.name);
		return r;
	}
	r = load_image(&f->request, &f->entry, f->message);
	if (r) {
		log_error("manifest:%u: %s: %s", p->config.kernel_line, p->config.name, f->message);
		return r;
	}
	vcpu_enter_at(p->vcpu[0], &f->entry);
	build_start_tsc(p);
	return 0;
}

static int build_image(struct partition *p)
{
	struct build_files *f = heap_alloc(sizeof(*f));
	int r = f ? build_load(p, f) : -ENOMEM;

	heap_free(f);
	return r;
}

int partition_build(struct partition *p)
{
	int r = build_memory(p);

	if (r == 0)
		r = build_board(p);
	if (r == 0)
		r = backend->partition_init(p);
	if (r == 0)
		r = build_vcpus(p);
	if (r == 0) {
		console_set_notify(&p->console, console_notify, p);
		return build_image(p);
	}
	log_error("%s: could not be built: %s", p->config.name, error_name(r));
	return r;
}

static void demolish_vcpu(struct partition *p, struct vcpu *v)
{
	for (unsigned r = 0; r < VM_EXIT_REASONS; r++)
		p->exits[r] += v->exits[r];
	if (v->state != VCPU_DONE) { /* never started */
		v->requests = VCPU_REQ_STOP;
		p->live_vcpus++;
		sched_expedite(v->thread);
		thread_start(v->thread);
	}
	vcpu_destroy(v);
}

void partition_demolish(struct partition *p)
{
	unsigned count = p->vcpu_count;

	timer_cancel(&p->clock_timer);
	console_set_notify(&p->console, NULL, NULL);
	/* From here on nobody finds a vCPU by the partition. */
	p->vcpu_count = 0;
	for (unsigned i = 0; i < count; i++) {
		demolish_vcpu(p, p->vcpu[i]);
		p->vcpu[i] = NULL;
	}
	if (p->vendor)
		backend->partition_free(p);
	gpspace_free(&p->space);
}
