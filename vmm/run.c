/*
 * The life of a vCPU's thread: prepare an event, enter the guest, handle the exit, again. One
 * screen; what each exit means is in exits.c, what waits to be delivered in event.c.
 */
#include "vmm/run.h"

#include "drivers/apic.h"
#include "kernel/cpu.h"
#include "kernel/irq.h"
#include "vmm/emulate.h"
#include "vmm/exits.h"
#include "vmm/first_tier.h"
#include "vmm/partition.h"
#include "x86/insn.h"

void vcpu_kick(struct vcpu *v)
{
	struct cpu *home = v->thread->home;

	waitq_wake_all(&v->wait);
	/* On this CPU the vCPU is not in the guest right now, and looks before it enters again. */
	if (READ_ONCE(v->in_guest) && home != this_cpu())
		lapic_send_ipi(home->apic_id, VECTOR_RESCHED);
}

void vcpu_request(struct vcpu *v, u32 bits)
{
	__atomic_or_fetch(&v->requests, bits, __ATOMIC_SEQ_CST);
	/*
	 * The vCPU's own code looks at the bits before it enters or sleeps. An interrupt handler in
	 * it may come after that look: when the thread has queued itself to sleep it must be woken.
	 */
	if (v->thread && (v->thread != thread_current() || this_cpu()->in_interrupt))
		vcpu_kick(v);
}

/* Does what others asked for. False: leave the loop. */
static bool vcpu_serve_requests(struct vcpu *v)
{
	u32 requests = __atomic_load_n(&v->requests, __ATOMIC_ACQUIRE);
	struct partition *p = v->partition;

	if (requests & VCPU_REQ_STOP)
		return false;
	__atomic_and_fetch(&v->requests, ~requests, __ATOMIC_SEQ_CST);
	if (requests & VCPU_REQ_TIMER)
		vclock_run(&v->clock);
	if (requests & (VCPU_REQ_CLOCK | VCPU_REQ_CONSOLE)) {
		mutex_lock(&p->device_lock);
		if (requests & VCPU_REQ_CLOCK)
			vclock_run(&p->clock);
		if (requests & VCPU_REQ_CONSOLE)
			vuart_rx_ready(&p->board.com1);
		mutex_unlock(&p->device_lock);
	}
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

/*
 * HLT: the thread sleeps; a request that turns out to be no event for the guest puts it back to
 * sleep.
 */
static bool vcpu_halt(struct vcpu *v)
{
	v->state = VCPU_HALTED;
	while (!event_wakes(v)) {
		wait_event(&v->wait, READ_ONCE(v->requests) || event_wakes(v));
		if (!vcpu_serve_requests(v))
			return false;
	}
	v->state = VCPU_RUNNING;
	return true;
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
	if (unlikely(READ_ONCE(v->requests) || this_cpu()->need_resched)) {
		x86_sti();
		if (this_cpu()->need_resched)
			sched_preempt();
		v->exit.reason = VM_EXIT_HOST_INTERRUPT;
		v->exit.in_flight.kind = EVENT_NONE;
		return true;
	}
	v->in_guest = true;
	do {
		r = backend->run(v, &v->exit);
		v->events.injected = false;
	} while (r == 0 && first_tier(v, &v->exit));
	v->in_guest = false;
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
		if (unlikely(READ_ONCE(v->requests)) && !vcpu_serve_requests(v))
			return;
		event_prepare(v);
	} while (vcpu_enter(v) && vcpu_handle_exit(v));
}

void vcpu_thread(void *arg)
{
	struct vcpu *v = arg;

	if (v->state == VCPU_RUNNING)
		vcpu_loop(v);
	v->state = VCPU_DONE;
	partition_vcpu_ended(v->partition);
}
