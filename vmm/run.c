/*
 * The life of a vCPU's thread: prepare an event, enter the guest, handle the exit, again. One
 * screen; what each exit means is in exits.c, what waits to be delivered in event.c.
 */
#include "vmm/run.h"

#include "kernel/cpu.h"
#include "kernel/smp.h"
#include "vmm/emulate.h"
#include "vmm/exits.h"
#include "vmm/first_tier.h"
#include "vmm/partition.h"
#include "vmm/pause.h"
#include "x86/insn.h"

/* The protocol stands beside the fields, in vcpu.h. Each request was a full barrier. */
void vcpu_kick(struct vcpu *v)
{
	struct cpu *cpu = READ_ONCE(v->in_guest);

	if (cpu)
		cpu_kick(cpu);
	if (cpu || list_empty(&v->wait.waiters))
		return;
	waitq_wake_all(&v->wait);
	if (v->pause.each)
		pause_woken(v);
}

void vcpu_request(struct vcpu *v, u32 bits)
{
	__atomic_or_fetch(&v->requests, bits, __ATOMIC_SEQ_CST);
	vcpu_kick(v);
}

void vcpu_request_init(struct vcpu *v)
{
	u32 old = READ_ONCE(v->requests), new;

	do {
		new = (old & ~(VCPU_REQ_SIPI | VCPU_REQ_VECTOR)) | VCPU_REQ_INIT;
	} while (!__atomic_compare_exchange_n(&v->requests, &old, new, false, __ATOMIC_SEQ_CST,
					      __ATOMIC_RELAXED));
	vcpu_kick(v);
}

void vcpu_request_sipi(struct vcpu *v, u8 vector)
{
	u32 old = READ_ONCE(v->requests), new;

	do {
		if (old & VCPU_REQ_SIPI)
			return; /* the first one counts: behind it nobody waits for another */
		new = old | VCPU_REQ_SIPI | (u32)vector << VCPU_REQ_VECTOR_SHIFT;
	} while (!__atomic_compare_exchange_n(&v->requests, &old, new, false, __ATOMIC_SEQ_CST,
					      __ATOMIC_RELAXED));
	vcpu_kick(v);
}

static void vcpu_serve_devices(struct vcpu *v, u32 requests)
{
	struct partition *p = v->partition;

	mutex_lock(&p->device_lock);
	if (requests & VCPU_REQ_CLOCK)
		vclock_run(&p->clock);
	if (requests & VCPU_REQ_CONSOLE)
		vuart_rx_ready(&p->board.com1);
	mutex_unlock(&p->device_lock);
}

/*
 * INIT, in whatever state: SDM 3A 9.1 and table 9-1. An NMI that comes from now on is blocked, and
 * taken behind the SIPI.
 */
static void vcpu_take_init(struct vcpu *v)
{
	vlapic_init_ipi(&v->lapic);
	event_discard(v);
	vcpu_reset_registers(v, VCPU_INIT);
	WRITE_ONCE(v->state, VCPU_WAIT_SIPI);
}

static void vcpu_take_sipi(struct vcpu *v, u8 vector)
{
	if (v->state != VCPU_WAIT_SIPI)
		return;
	vcpu_start_at_vector(v, vector);
	WRITE_ONCE(v->state, VCPU_RUNNING);
}

/* Does what others asked for. False: leave the loop. */
static bool vcpu_serve_requests(struct vcpu *v)
{
	u32 requests = __atomic_exchange_n(&v->requests, 0, __ATOMIC_SEQ_CST);

	if (requests & VCPU_REQ_STOP)
		return false;
	if (requests & VCPU_REQ_TIMER)
		vclock_run(&v->clock);
	if (requests & (VCPU_REQ_CLOCK | VCPU_REQ_CONSOLE))
		vcpu_serve_devices(v, requests);
	if (requests & VCPU_REQ_PAUSE)
		pause_decide(v);
	if (requests & VCPU_REQ_INIT)
		vcpu_take_init(v);
	if (requests & VCPU_REQ_SIPI)
		vcpu_take_sipi(v, (u8)(requests >> VCPU_REQ_VECTOR_SHIFT));
	return true;
}

/* Moves RIP past the instruction that exited, and ends the shadow that STI or MOV SS left. */
static bool vcpu_advance(struct vcpu *v, struct vm_exit *exit)
{
	unsigned length = exit->length ? exit->length : emulate_length(v, exit);

	if (unlikely(length == 0)) {
		partition_error(v, "the instruction of a %s exit cannot be read",
				vm_exit_name(exit->reason));
		return false;
	}
	vcpu_skip(v, exit->rip, length);
	return true;
}

static bool vcpu_has_reason(struct vcpu *v)
{
	/* Between the queueing of the thread and this look; see vcpu.h. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return READ_ONCE(v->requests) || (v->state == VCPU_HALTED && event_wakes(v));
}

/*
 * While the vCPU is halted or waits for its SIPI the thread sleeps; a request that turns out to be
 * no event for the guest puts it back to sleep. False: leave the loop.
 */
static bool vcpu_rest(struct vcpu *v)
{
	while (v->state != VCPU_RUNNING) {
		wait_event(&v->wait, vcpu_has_reason(v));
		if (!vcpu_serve_requests(v))
			return false;
		if (v->state == VCPU_HALTED && event_wakes(v))
			WRITE_ONCE(v->state, VCPU_RUNNING);
	}
	return true;
}

static bool vcpu_halt(struct vcpu *v)
{
	if (event_wakes(v))
		return true;
	WRITE_ONCE(v->state, VCPU_HALTED);
	return vcpu_rest(v);
}

static bool vcpu_handle_exit(struct vcpu *v)
{
	struct vm_exit *exit = &v->exit;

	v->exits[exit->reason]++;
	if (unlikely(exit->in_flight.kind != EVENT_NONE))
		v->events.again = exit->in_flight;
	switch (exit_handle(v, exit)) {
	case EXIT_RESUME: return true;
	case EXIT_ADVANCE: return vcpu_advance(v, exit);
	case EXIT_BLOCK: return vcpu_advance(v, exit) && vcpu_halt(v);
	case EXIT_STOP: break;
	}
	return false;
}

/*
 * Enters the guest once, or again after exits of the first tier. Interrupts that wait are taken
 * through the normal IDT at the STI.
 */
static bool vcpu_enter(struct vcpu *v)
{
	int r;

	x86_cli();
	__atomic_store_n(&v->in_guest, this_cpu(), __ATOMIC_SEQ_CST);
	if (unlikely(READ_ONCE(v->requests) || this_cpu()->need_resched)) {
		WRITE_ONCE(v->in_guest, NULL);
		x86_sti();
		sched_preempt();
		v->exit.reason = VM_EXIT_HOST_INTERRUPT;
		v->exit.in_flight.kind = EVENT_NONE;
		return true;
	}
	do {
		r = backend->run(v, &v->exit);
		v->events.injected = false;
	} while (r == 0 && first_tier(v, &v->exit));
	WRITE_ONCE(v->in_guest, NULL);
	x86_sti();
	if (unlikely(r)) {
		partition_error(v, "%s refused to enter the guest", backend->name);
		return false;
	}
	return true;
}

static void vcpu_loop(struct vcpu *v)
{
	do {
		if (unlikely(READ_ONCE(v->requests)) && !(vcpu_serve_requests(v) && vcpu_rest(v)))
			return;
		event_prepare(v);
	} while (vcpu_enter(v) && vcpu_handle_exit(v));
}

void vcpu_thread(void *arg)
{
	struct vcpu *v = arg;

	if (vcpu_rest(v))
		vcpu_loop(v);
	WRITE_ONCE(v->state, VCPU_DONE);
	partition_vcpu_ended(v->partition);
}
