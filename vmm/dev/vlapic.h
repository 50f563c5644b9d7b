#pragma once
/*
 * The local APIC of a vCPU: SDM 3A chapter 11 (10 in older editions), xAPIC by memory and x2APIC by
 * MSR, timer one-shot, periodic and TSC deadline. It knows no vCPU: it tells its hooks.
 *
 * There is no lock. An APIC belongs to its vCPU's thread, which alone reads and writes registers,
 * takes interrupts and ends them, and runs the timer. Others send: vlapic_bus_deliver() from any
 * thread, vlapic_set_extint() and vlapic_set_lint1() from one at a time. What they may touch is
 * said in struct vlapic_state; docs/interrupts.md says why it is enough.
 *
 * What the own thread does (EOI, TPR, self IPI, its timer) does not call hooks.wake: the vCPU asks
 * vlapic_pending() before every entry anyway.
 */
#include "compiler.h"
#include "types.h"
#include "vmm/dev/platform.h"
#include "vmm/vclock.h"
#include "x86/msr.h"

struct iobus;
struct vlapic;

/* Every local APIC of a partition: the APIC bus. All zero when it is new. apic[n] has the ID n. */
struct vlapic_bus {
	struct vlapic *apic[VCPUS_MAX];
	unsigned count;
};

/*
 * Any of them may be NULL, but for the two of the TSC where the deadline timer is used. The first
 * four are called by the sender's thread, for the vCPU of the APIC that is hit: they may do no more
 * than ask it for something.
 */
struct vlapic_hooks {
	void (*wake)(void *ctx); /* an interrupt may be deliverable now */
	void (*nmi)(void *ctx);
	/* INIT IPI; vlapic_init_ipi() is for the vCPU itself */
	void (*init)(void *ctx);
	void (*startup)(void *ctx, u8 vector); /* SIPI */
	/* Of the own thread: level-triggered EOI, to the IOAPIC; takes the lock that that needs. */
	void (*eoi_broadcast)(void *ctx, u8 vector);
	u64 (*read_tsc)(void *ctx); /* the guest's TSC */
	u64 (*tsc_to_ns)(void *ctx, u64 ticks);
	void *ctx;
};

/* In the order of the version register's count: CMCI is the last that was added. */
enum vlapic_lvt {
	LVT_TIMER,
	LVT_THERMAL,
	LVT_PERF,
	LVT_LINT0,
	LVT_LINT1,
	LVT_ERROR,
	LVT_CMCI,
	LVT_COUNT,
};

#define VLAPIC_WORDS 4 /* vector v is bit v % 64 of word v / 64 */

struct vlapic_state {
	u32 id; /* constant */

	/* Anybody, by atomic operations alone: */
	u64 irr[VLAPIC_WORDS];
	u64 tmr[VLAPIC_WORDS]; /* of a vector in IRR: written before the bit there */
	u32 esr_pending;       /* errors since ESR was written last */
	bool lint0_waits;      /* remote IRR of LINT0 */

	/* Written by the own thread, with WRITE_ONCE; read by all: */
	u64 base; /* MSR_APIC_BASE */
	u32 svr, dfr;
	u32 ldr; /* of xAPIC mode; in x2APIC mode the ID gives it */
	u32 ppr; /* computed when TPR or ISR changes */
	u32 lvt[LVT_COUNT];

	/* Wires: written by one thread at a time, read by all. */
	bool extint;	   /* LINT0's input: the 8259 pair asks for an interrupt */
	bool lint1;	   /* LINT1's input */
	bool extint_taken; /* the IOAPIC sent an ExtINT message for the 8259's present request */

	/* The own thread's alone: */
	u64 isr[VLAPIC_WORDS];
	u32 tpr, esr;
	u32 icr_lo, icr_hi;
	u32 timer_initial, timer_divide;
	u64 timer_start_ns; /* guest time at which the count was loaded, modulo 2^64 */
	u64 tsc_deadline;
};

struct vlapic {
	struct vlapic_state state;
	struct vlapic_bus *bus;
	struct vlapic_hooks hooks;
	struct vtimer timer;
};

enum vlapic_delivery {
	APIC_FIXED,
	APIC_LOWEST,
	APIC_SMI,
	APIC_RESERVED3,
	APIC_NMI,
	APIC_INIT,
	APIC_STARTUP,
	APIC_EXTINT,
};

/* The bus clock of the APIC timer, in Hz, before its divider. */
#define VLAPIC_BUS_HZ 1000000000ull

/*
 * Sets the wiring and the power-on state, and joins the bus. id < VCPUS_MAX; 0 is the boot
 * processor.
 */
void vlapic_init(struct vlapic *a, u32 id, struct vlapic_bus *bus, struct vclock *clock,
		 const struct vlapic_hooks *hooks);
void vlapic_reset(struct vlapic *a); /* power-on */
/* What INIT does: the same, but the base (and with it the mode) stays. In the own thread. */
void vlapic_init_ipi(struct vlapic *a);
/*
 * What PC firmware does to the boot processor's APIC before it starts a system: software-enabled,
 * LINT0 passes the 8259's ExtINT, LINT1 is NMI (virtual wire mode, MP Specification 1.4, 3.6.2.2).
 */
void vlapic_virtual_wire(struct vlapic *a);
/* Registers by MMIO offset, 32 bits. Reserved ones read 0 and set ESR bit 7. */
u32 vlapic_read(struct vlapic *a, u32 offset);
void vlapic_write(struct vlapic *a, u32 offset, u32 value);
/* The MMIO handler's form; dev is the struct vlapic of the accessing vCPU. */
struct io_access;
void vlapic_mmio(void *dev, struct io_access *access);
/*
 * With interrupts off: the same, if no hook is called but wake and the two of the TSC, and no
 * request of the 8259 pair comes through that did not before.
 */
MUST_CHECK bool vlapic_mmio_quick(struct vlapic *a, struct io_access *access);
/* x2APIC registers and MSR_APIC_BASE, MSR_TSC_DEADLINE. -EINVAL: the guest gets #GP. */
MUST_CHECK int vlapic_msr_read(struct vlapic *a, u32 msr, u64 *value);
MUST_CHECK int vlapic_msr_write(struct vlapic *a, u32 msr, u64 value);
/* As vlapic_mmio_quick(), or -EAGAIN. */
MUST_CHECK int vlapic_msr_write_quick(struct vlapic *a, u32 msr, u64 value);
static inline bool vlapic_has_msr(u32 msr)
{
	return (msr >= MSR_X2APIC_BASE && msr <= MSR_X2APIC_LAST) || msr == MSR_TSC_DEADLINE ||
	       msr == MSR_APIC_BASE;
}
/* CR8 is TPR's upper four bits. */
u64 vlapic_get_cr8(const struct vlapic *a);
void vlapic_set_cr8(struct vlapic *a, u64 cr8);
/* The processor takes it: IRR to ISR. */
void vlapic_accept(struct vlapic *a, u8 vector);
/* True when LINT0 passes the 8259's ExtINT to this processor (or the APIC is globally disabled). */
bool vlapic_accepts_extint(const struct vlapic *a);
/*
 * A message from the IOAPIC or an MSI, to every APIC that its destination (8 bits) names. Returns
 * how many APICs took it. Any thread; those with ExtINT one at a time.
 */
unsigned vlapic_bus_deliver(struct vlapic_bus *bus, u32 dest, bool logical,
			    enum vlapic_delivery mode, u8 vector, bool level);
/*
 * The level of the wire from the 8259 pair (LINT0), and of LINT1 (NMI of the platform). From one
 * thread at a time: with the device lock.
 */
void vlapic_set_extint(struct vlapic *a, bool level);
void vlapic_set_lint1(struct vlapic *a, bool level);

static inline bool vlapic_enabled(const struct vlapic *a)
{
	return READ_ONCE(a->state.base) & APIC_BASE_ENABLE;
}

static inline bool vlapic_is_x2apic(const struct vlapic *a)
{
	return (READ_ONCE(a->state.base) & (APIC_BASE_ENABLE | APIC_BASE_X2APIC)) ==
	       (APIC_BASE_ENABLE | APIC_BASE_X2APIC);
}

/* The rest of vlapic_pending(), for when some bit of IRR is set. */
int vlapic_highest_pending(const struct vlapic *a);

static ALWAYS_INLINE bool vlapic_irr_any(const struct vlapic *a)
{
	const u64 *irr = a->state.irr;

	return READ_ONCE(irr[0]) | READ_ONCE(irr[1]) | READ_ONCE(irr[2]) | READ_ONCE(irr[3]);
}

/* The vector that would be delivered now (above the processor priority), or -1. */
static inline int vlapic_pending(const struct vlapic *a)
{
	return likely(!vlapic_irr_any(a)) ? -1 : vlapic_highest_pending(a);
}

/* False: there is certainly no interrupt to deliver, not from the 8259 pair either. */
static ALWAYS_INLINE bool vlapic_requested(const struct vlapic *a)
{
	return vlapic_irr_any(a) || READ_ONCE(a->state.extint);
}
