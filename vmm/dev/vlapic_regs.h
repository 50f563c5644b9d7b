#pragma once
/* Registers of the local APIC (SDM 3A 11.4.1, table 11-1) and what its four files share. */
#include "vmm/dev/vlapic.h"

enum {
	APIC_ID = 0x020,
	APIC_VERSION = 0x030,
	APIC_TPR = 0x080,
	APIC_PPR = 0x0a0,
	APIC_EOI = 0x0b0,
	APIC_LDR = 0x0d0,
	APIC_DFR = 0x0e0,
	APIC_SVR = 0x0f0,
	APIC_ISR = 0x100,
	APIC_TMR = 0x180,
	APIC_IRR = 0x200,
	APIC_ESR = 0x280,
	APIC_LVT_CMCI = 0x2f0,
	APIC_ICR_LOW = 0x300,
	APIC_ICR_HIGH = 0x310,
	APIC_LVT_TIMER = 0x320,
	APIC_LVT_THERMAL = 0x330,
	APIC_LVT_PERF = 0x340,
	APIC_LVT_LINT0 = 0x350,
	APIC_LVT_LINT1 = 0x360,
	APIC_LVT_ERROR = 0x370,
	APIC_TIMER_INITIAL = 0x380,
	APIC_TIMER_CURRENT = 0x390,
	APIC_TIMER_DIVIDE = 0x3e0,
	APIC_SELF_IPI = 0x3f0, /* x2APIC only */
};

/* Version 0x15; bits 23:16: LVT entries less one; bit 24: EOI broadcasts can be suppressed. */
#define APIC_VERSION_VALUE ((u32)VLAPIC_VERSION | (LVT_COUNT - 1) << 16 | 1u << 24)

#define SVR_ENABLE 0x100u
#define SVR_SUPPRESS_EOI 0x1000u
#define SVR_VECTOR 0xffu

#define DFR_FLAT 0xffffffffu
#define DFR_RESERVED 0x0fffffffu /* read as ones */

#define LVT_VECTOR 0xffu
#define LVT_MODE_SHIFT 8
#define LVT_MODE 0x700u
#define LVT_POLARITY 0x2000u
#define LVT_REMOTE_IRR 0x4000u
#define LVT_LEVEL 0x8000u
#define LVT_MASKED 0x10000u
#define LVT_TIMER_MODE 0x60000u
#define LVT_TIMER_ONESHOT 0x00000u
#define LVT_TIMER_PERIODIC 0x20000u
#define LVT_TIMER_DEADLINE 0x40000u

#define ICR_VECTOR 0xffu
#define ICR_MODE_SHIFT 8
#define ICR_MODE 0x700u
#define ICR_LOGICAL 0x800u
#define ICR_PENDING 0x1000u /* delivery status: always idle here */
#define ICR_ASSERT 0x4000u
#define ICR_LEVEL 0x8000u
#define ICR_SHORTHAND 0xc0000u
#define ICR_TO_SELF 0x40000u
#define ICR_TO_ALL 0x80000u
#define ICR_TO_OTHERS 0xc0000u
#define ICR_VALID (ICR_VECTOR | ICR_MODE | ICR_LOGICAL | ICR_ASSERT | ICR_LEVEL | ICR_SHORTHAND)

/* Error status, SDM 3A 11.5.3. */
#define ESR_SEND_ILLEGAL_VECTOR 0x20u
#define ESR_RECEIVE_ILLEGAL_VECTOR 0x40u
#define ESR_ILLEGAL_REGISTER 0x80u

/* Vectors below are the processor's exceptions, and illegal in messages. */
#define APIC_FIRST_VECTOR 16

#define APIC_DEST_SHIFT 24 /* of an xAPIC destination in ICR_HIGH, ID and LDR */
#define APIC_BROADCAST 0xffu
#define X2APIC_BROADCAST 0xffffffffu

#define TIMER_DIVIDE_VALID 0xbu

/* vlapic.c */
static inline bool vlapic_software_enabled(const struct vlapic *a)
{
	return READ_ONCE(a->state.svr) & SVR_ENABLE;
}

void vlapic_set_tpr(struct vlapic *a, u32 tpr);
void vlapic_eoi(struct vlapic *a);
/* False, and nothing done: the interrupt was triggered by a level, which has consequences. */
bool vlapic_eoi_edge(struct vlapic *a);
/* Any thread, these four. The first three: true when the vCPU has more to look at than before. */
bool vlapic_error(struct vlapic *a, u32 bit);
/* Takes a fixed interrupt into IRR. */
bool vlapic_set_irr(struct vlapic *a, u8 vector, bool level);
/* An interrupt from a local source, by its LVT entry. */
bool vlapic_local_interrupt(struct vlapic *a, enum vlapic_lvt which);
void vlapic_wake(struct vlapic *a);
/* LINT0's LVT entry has changed, and what it was. */
void vlapic_lint0_changed(struct vlapic *a, u32 old);
/* MSR_APIC_BASE, checked already. */
void vlapic_set_base(struct vlapic *a, u64 base);

/* vlapic_timer.c */
void vlapic_timer_init(struct vlapic *a, struct vclock *clock);
void vlapic_timer_stop(struct vlapic *a);
u32 vlapic_timer_current(const struct vlapic *a);
void vlapic_timer_set_initial(struct vlapic *a, u32 value);
void vlapic_timer_set_divide(struct vlapic *a, u32 value);
void vlapic_timer_set_lvt(struct vlapic *a, u32 value);
u64 vlapic_timer_get_deadline(struct vlapic *a);
void vlapic_timer_set_deadline(struct vlapic *a, u64 tsc);

/* vlapic_ipi.c */
void vlapic_send(struct vlapic *a, u32 icr_lo, u32 dest);
/* The logical ID as x2APIC mode shows it: SDM 3A 11.12.10.2. */
static inline u32 vlapic_x2apic_ldr(const struct vlapic *a)
{
	return (a->state.id >> 4) << 16 | 1u << (a->state.id & 15);
}
