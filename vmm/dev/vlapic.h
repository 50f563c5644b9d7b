#pragma once
/*
 * The local APIC of a vCPU: SDM 3A chapter 11 (10 in older editions), xAPIC by memory and x2APIC by
 * MSR, timer one-shot, periodic and TSC deadline. It knows no vCPU: it tells its hooks.
 */
#include "compiler.h"
#include "types.h"
#include "vmm/dev/platform.h"
#include "vmm/vclock.h"

struct iobus;
struct vlapic;

/* Every local APIC of a partition: the APIC bus. */
struct vlapic_bus {
	struct vlapic *apic[VCPUS_MAX];
	unsigned count;
};

struct vlapic_hooks {
	void (*wake)(void *ctx);                 /* an interrupt may be deliverable now */
	void (*nmi)(void *ctx);
	void (*init)(void *ctx);                 /* INIT IPI */
	void (*startup)(void *ctx, u8 vector);   /* SIPI */
	void (*eoi_broadcast)(void *ctx, u8 vector); /* level-triggered EOI, to the IOAPIC */
	u64 (*read_tsc)(void *ctx);              /* the guest's TSC */
	u64 (*tsc_to_ns)(void *ctx, u64 ticks);
	void *ctx;
};

struct vlapic_state {
	u32 id, ldr, dfr, svr, tpr, esr, esr_pending;
	u64 base; /* MSR_APIC_BASE */
	u32 icr_lo, icr_hi;
	u32 lvt[7]; /* CMCI, timer, thermal, performance, LINT0, LINT1, error */
	u32 timer_initial, timer_divide;
	u64 timer_start_ns;   /* guest time at which the count was loaded */
	u64 tsc_deadline;
	u32 irr[8], isr[8], tmr[8];
	bool extint; /* LINT0's input: the 8259 pair asks for an interrupt */
};

struct vlapic {
	struct vlapic_state state;
	struct vlapic_bus *bus;
	struct vlapic_hooks hooks;
	struct vtimer timer;
};

enum vlapic_delivery {
	APIC_FIXED, APIC_LOWEST, APIC_SMI, APIC_RESERVED3, APIC_NMI, APIC_INIT, APIC_STARTUP, APIC_EXTINT,
};

/* The bus clock of the APIC timer, in Hz, before its divider. */
#define VLAPIC_BUS_HZ 1000000000ull

void vlapic_init(struct vlapic *a, u32 id, struct vlapic_bus *bus, struct vclock *clock,
		 const struct vlapic_hooks *hooks);
void vlapic_reset(struct vlapic *a);   /* power-on */
void vlapic_init_ipi(struct vlapic *a); /* INIT keeps the ID and the base */
/* Registers by MMIO offset, 32 bits. Reserved ones read 0 and set ESR bit 7. */
u32 vlapic_read(struct vlapic *a, u32 offset);
void vlapic_write(struct vlapic *a, u32 offset, u32 value);
/* The MMIO handler's form; dev is the struct vlapic of the accessing vCPU. */
struct io_access;
void vlapic_mmio(void *dev, struct io_access *access);
/* x2APIC registers and MSR_APIC_BASE, MSR_TSC_DEADLINE. -EINVAL: the guest gets #GP. */
MUST_CHECK int vlapic_msr_read(struct vlapic *a, u32 msr, u64 *value);
MUST_CHECK int vlapic_msr_write(struct vlapic *a, u32 msr, u64 value);
/* CR8 is TPR's upper four bits. */
u64 vlapic_get_cr8(const struct vlapic *a);
void vlapic_set_cr8(struct vlapic *a, u64 cr8);
/* The vector that would be delivered now (above the processor priority), or -1. Cheap when nothing is pending. */
int vlapic_pending(const struct vlapic *a);
/* The processor takes it: IRR to ISR. */
void vlapic_accept(struct vlapic *a, u8 vector);
/* True when LINT0 passes the 8259's ExtINT to this processor (or the APIC is globally disabled). */
bool vlapic_accepts_extint(const struct vlapic *a);
/* A message from the IOAPIC, an IPI or an MSI, to every APIC that its destination names. */
void vlapic_bus_deliver(struct vlapic_bus *bus, u32 dest, bool logical, enum vlapic_delivery mode,
			u8 vector, bool level, struct vlapic *source);
/* The level of the wire from the 8259 pair, and of LINT1 (NMI). */
void vlapic_set_extint(struct vlapic *a, bool level);
