/* Making and freeing a vCPU, and its local APIC's view of it. */
#include "vmm/vcpu.h"

#include "error.h"
#include "kernel/cpu.h"
#include "kernel/timer.h"
#include "lib/format.h"
#include "mm/heap.h"
#include "vmm/admission.h"
#include "vmm/cpuid.h"
#include "vmm/load/load.h"
#include "vmm/msr.h"
#include "vmm/partition.h"
#include "vmm/pause.h"
#include "vmm/run.h"
#include "vmm/tsc.h"
#include "vmm/vcpu_clock.h"
#include "vmm/vfpu.h"

static void hook_wake(void *ctx)
{
	vcpu_request(ctx, VCPU_REQ_EVENT);
}

static void hook_nmi(void *ctx)
{
	event_raise_nmi(ctx);
}

/*
 * The boot processor goes to the reset vector (SDM 3A 8.4.2), where this machine has no firmware:
 * what firmware would do then is to start the machine again.
 */
static void hook_init(void *ctx)
{
	struct vcpu *v = ctx;

	if (v->id == 0)
		partition_request_stop(v->partition, STOP_RESET, "%s", "");
	else
		vcpu_request_init(v);
}

static void hook_startup(void *ctx, u8 vector)
{
	vcpu_request_sipi(ctx, vector);
}

static void hook_eoi(void *ctx, u8 vector)
{
	struct partition *p = ((struct vcpu *)ctx)->partition;

	mutex_lock(&p->device_lock);
	vioapic_eoi(&p->board.ioapic, vector);
	mutex_unlock(&p->device_lock);
}

static u64 hook_tsc(void *ctx)
{
	return tsc_guest(ctx);
}

static u64 hook_tsc_to_ns(void *ctx, u64 ticks)
{
	(void)ctx;
	return clock_tsc_to_ns(ticks);
}

static void vcpu_switch_in(struct thread *t)
{
	struct vcpu *v = t->hook_ctx;
	struct cpu *cpu = this_cpu();

	cpu->guest_gprs = v->gpr;
	cpu->loaded_vcpu = v;
	backend->load(v);
	pause_switch_in(v);
	vcpu_clock_switch_in(v, cpu);
}

static void vcpu_switch_out(struct thread *t)
{
	struct vcpu *v = t->hook_ctx;

	backend->put(v);
	this_cpu()->loaded_vcpu = NULL;
}

void vcpu_give_thread(struct vcpu *v, struct thread *t)
{
	v->thread = t;
	t->hook_ctx = v;
	t->switch_in = vcpu_switch_in;
	t->switch_out = vcpu_switch_out;
}

static void vcpu_init_lapic(struct vcpu *v)
{
	struct vlapic_hooks hooks = {
		.wake = hook_wake,
		.nmi = hook_nmi,
		.init = hook_init,
		.startup = hook_startup,
		.eoi_broadcast = hook_eoi,
		.read_tsc = hook_tsc,
		.tsc_to_ns = hook_tsc_to_ns,
		.ctx = v,
	};

	vlapic_init(&v->lapic, v->id, &v->partition->board.apics, &v->clock, &hooks);
	if (v->id == 0)
		vlapic_virtual_wire(&v->lapic);
}

static void vcpu_power_up(struct vcpu *v)
{
	u64 flags = vcpu_inspect_begin(v);

	vcpu_reset_registers(v, VCPU_POWER_UP);
	pause_init(v);
	vcpu_inspect_end(v, flags);
	msr_reset(v);
}

static int vcpu_init(struct vcpu *v)
{
	struct sched_params params = admission_params(v->partition, v->id);
	char name[CONFIG_NAME + 4];
	int r = cpuid_init(v);

	if (r == 0)
		r = vfpu_init(v);
	if (r == 0)
		r = backend->vcpu_init(v);
	if (r)
		return r;
	vcpu_clock_init(v);
	vcpu_init_lapic(v);
	vcpu_power_up(v);
	snprintf(name, sizeof(name), "%s.%u", v->partition->config.name, v->id);
	v->thread = thread_create_guest(name, vcpu_thread, v, &params);
	if (!v->thread)
		return -ENOMEM;
	vcpu_give_thread(v, v->thread);
	return 0;
}

struct vcpu *vcpu_create(struct partition *p, unsigned id)
{
	struct vcpu *v = heap_alloc(sizeof(*v));

	if (!v)
		return NULL;
	v->partition = p;
	v->id = id;
	v->state = id == 0 ? VCPU_RUNNING : VCPU_WAIT_SIPI;
	v->requests = VCPU_REQ_CLOCK; /* timers may have expired before it was there */
	waitq_init(&v->wait);
	if (vcpu_init(v) != 0) {
		vcpu_destroy(v);
		return NULL;
	}
	return v;
}

void vcpu_destroy(struct vcpu *v)
{
	/* A thread that was never started is let run once, so that it can end like any other. */
	if (v->thread)
		thread_join(v->thread);
	vcpu_clock_stop(v);
	if (v->vendor)
		backend->vcpu_free(v);
	vfpu_free(v);
	cpuid_free(v);
	heap_free(v);
}

const char *vcpu_state_name(const struct vcpu *v)
{
	static const char *const names[] = {
		[VCPU_WAIT_SIPI] = "wait-sipi",
		[VCPU_RUNNING] = "running",
		[VCPU_HALTED] = "halted",
		[VCPU_DONE] = "done",
	};

	return names[READ_ONCE(v->state)];
}

u64 vcpu_exits(const struct vcpu *v)
{
	u64 sum = 0;

	for (unsigned r = 0; r < VM_EXIT_REASONS; r++)
		sum += v->exits[r];
	return sum;
}

u64 vcpu_inspect_begin(struct vcpu *v)
{
	u64 flags = x86_irq_save();

	if (this_cpu()->loaded_vcpu != v) {
		this_cpu()->guest_gprs = v->gpr;
		backend->load(v);
	}
	return flags;
}

void vcpu_inspect_end(struct vcpu *v, u64 flags)
{
	if (this_cpu()->loaded_vcpu != v)
		backend->put(v);
	x86_irq_restore(flags);
}

void vcpu_enter_at(struct vcpu *v, const struct load_entry *e)
{
	u64 flags = vcpu_inspect_begin(v);

	for (unsigned i = 0; i < SEG_COUNT; i++)
		backend->set_seg(v, i, &e->seg[i]);
	backend->set_reg(v, REG_EFER, e->efer);
	backend->set_reg(v, REG_CR4, e->cr4);
	backend->set_reg(v, REG_CR3, e->cr3);
	backend->set_reg(v, REG_CR0, e->cr0);
	for (unsigned i = 0; i < REG_GPRS; i++)
		vcpu_set_reg(v, i, e->gpr[i]);
	backend->set_reg(v, REG_RSP, e->rsp);
	backend->set_reg(v, REG_RIP, e->rip);
	backend->set_reg(v, REG_RFLAGS, e->rflags | RFLAGS_FIXED);
	vcpu_inspect_end(v, flags);
}

void vcpu_start_tsc(struct vcpu *v, u64 start_tsc)
{
	u64 flags = vcpu_inspect_begin(v);

	tsc_set_offset(v, -start_tsc);
	vcpu_inspect_end(v, flags);
}
