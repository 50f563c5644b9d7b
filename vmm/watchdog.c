/*
 * The watchdog: an NMI every 10 ms, from PIT channel 0 through the IOAPIC.
 *
 * An interrupt of the host ends a guest's time whatever the guest's RFLAGS.IF is (SDM 3C 25.2,
 * APM 2 15.21.1). Bochs 2.7 gets that wrong, for VMX and SVM alike: VM entry computes which events
 * are masked while it loads the guest's RFLAGS, before it knows that it is in a guest. With IF
 * clear there, no interrupt is seen until the guest itself changes IF, and a guest that only says
 * `jmp $` has the whole machine for ever. NMIs are not masked by IF. The exit is
 * VM_EXIT_HOST_INTERRUPT, the handler only counts, and the interrupts that have been waiting are
 * taken at the run loop's STI.
 *
 * A probe with just that guest decides, so that processors that behave have no NMIs. The NMI goes
 * to all processors that run the kernel. What one of them wants of another does not wait for it:
 * smp_interrupt() sends an NMI of its own after the interrupt, and only when it meets the guest's
 * very entry is it lost.
 */
#include "vmm/watchdog.h"

#include "drivers/apic.h"
#include "drivers/pit.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/machine.h"
#include "kernel/smp.h"
#include "kernel/timer.h"
#include "vmm/testvcpu.h"
#include "vmm/vcpu.h"

#define WATCHDOG_HZ 100
#define ISA_IRQ_PIT 0
#define PROBE_NS (100 * NS_PER_US) /* far below the watchdog's period */
/* In one alone, an emulator that waits for its host can be late by chance. */
#define PROBE_ROUNDS 2

/* jmp $, with IF clear since reset: a CLI would make Bochs look at its mask again. */
static const u8 code_spin[] = { 0xeb, 0xfe };

static int watchdog_start(void)
{
	int r = ioapic_route_nmi(machine.isa_irq[ISA_IRQ_PIT].gsi,
				 machine.isa_irq[ISA_IRQ_PIT].active_low);

	if (r == 0)
		pit_periodic(WATCHDOG_HZ);
	return r;
}

static void watchdog_stop(void)
{
	pit_off();
	ioapic_mask(machine.isa_irq[ISA_IRQ_PIT].gsi, true);
}

static void probe_timer(struct timer *t)
{
	(void)t; /* coming is all it has to do */
}

/* Does an interrupt end this guest, before the watchdog's NMI has to? */
static bool interrupt_ends_guest(struct vcpu *v)
{
	u64 flags = vcpu_inspect_begin(v), nmis;
	struct timer t;
	bool ends;

	timer_init(&t, probe_timer, NULL);
	timer_arm(&t, clock_now_ns() + PROBE_NS);
	nmis = READ_ONCE(this_cpu()->nmis);
	ends = backend->run(v, &v->exit) == 0 && v->exit.reason == VM_EXIT_HOST_INTERRUPT &&
	       READ_ONCE(this_cpu()->nmis) == nmis;
	vcpu_inspect_end(v, flags);
	timer_cancel(&t);
	return ends;
}

static bool watchdog_needed(struct vcpu *v)
{
	for (unsigned round = 0; round < PROBE_ROUNDS; round++)
		if (interrupt_ends_guest(v))
			return false;
	return true;
}

void watchdog_init(void)
{
	struct vcpu *v = testvcpu_create(code_spin, sizeof(code_spin));

	if (!v) {
		log_warn("no memory to find out whether guests need the NMI watchdog");
		return;
	}
	/* No IOAPIC with that pin: no watchdog, and without it the probe might never end. */
	if (watchdog_start() == 0) {
		smp_kick_by_nmi = watchdog_needed(v);
		if (smp_kick_by_nmi)
			log_info("this machine masks interrupts for guests that disable them: "
				 "NMI watchdog at %u Hz",
				 WATCHDOG_HZ);
		else
			watchdog_stop();
	}
	testvcpu_destroy(v);
}
