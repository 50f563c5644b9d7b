/*
 * The local APIC's heart: which interrupts wait (IRR), which are served (ISR), what the processor's
 * priority lets through, and the local interrupt pins. SDM 3A 11.5, 11.8.
 */
#include "vmm/dev/vlapic.h"

#include "lib/string.h"
#include "vmm/dev/vlapic_regs.h"

#define WORD(vector) ((vector) >> 6)
#define WORD_BIT(vector) (1ull << ((vector)&63))
#define PRIORITY_CLASS 0xf0u
#define PPR_HIGHEST 0xffu /* lets nothing through */

/* What firmware leaves in SVR: enabled, and a spurious vector that 8259s do not use. */
#define SVR_FIRMWARE (SVR_ENABLE | 0x0fu)

/* The highest vector of IRR or ISR, or -1. */
static inline int highest_vector(const u64 *words)
{
	for (int w = VLAPIC_WORDS - 1; w >= 0; w--) {
		u64 word = READ_ONCE(words[w]);

		if (word)
			return w * 64 + (63 ^ __builtin_clzll(word)); /* one BSR */
	}
	return -1;
}

void vlapic_wake(struct vlapic *a)
{
	if (a->hooks.wake)
		a->hooks.wake(a->hooks.ctx);
}

/* SDM 3A 11.8.3.1: the higher of the task's priority and of what is being served. */
static void ppr_update(struct vlapic_state *s)
{
	int vector = highest_vector(s->isr);
	u32 isr_class = vector < 0 ? 0 : (u32)vector & PRIORITY_CLASS;

	WRITE_ONCE(s->ppr, (s->tpr & PRIORITY_CLASS) >= isr_class ? s->tpr : isr_class);
}

void vlapic_set_tpr(struct vlapic *a, u32 tpr)
{
	a->state.tpr = tpr & 0xff;
	if (vlapic_enabled(a))
		ppr_update(&a->state);
}

u64 vlapic_get_cr8(const struct vlapic *a)
{
	return a->state.tpr >> 4;
}

void vlapic_set_cr8(struct vlapic *a, u64 cr8)
{
	vlapic_set_tpr(a, (u32)(cr8 & 15) << 4);
}

int vlapic_highest_pending(const struct vlapic *a)
{
	int vector = highest_vector(a->state.irr);

	return (vector & (int)PRIORITY_CLASS) > (int)(a->state.ppr & PRIORITY_CLASS) ? vector : -1;
}

void vlapic_accept(struct vlapic *a, u8 vector)
{
	struct vlapic_state *s = &a->state;

	__atomic_and_fetch(&s->irr[WORD(vector)], ~WORD_BIT(vector), __ATOMIC_SEQ_CST);
	s->isr[WORD(vector)] |= WORD_BIT(vector);
	/* It was above the task's priority and all that is served. */
	WRITE_ONCE(s->ppr, vector & PRIORITY_CLASS);
}

bool vlapic_set_irr(struct vlapic *a, u8 vector, bool level)
{
	u64 *tmr = &a->state.tmr[WORD(vector)];
	u64 bit = WORD_BIT(vector);

	/* TMR first: who sees the request sees how it was triggered. */
	if (level)
		__atomic_or_fetch(tmr, bit, __ATOMIC_RELAXED);
	else if (unlikely(READ_ONCE(*tmr) & bit))
		__atomic_and_fetch(tmr, ~bit, __ATOMIC_RELAXED);
	return !(__atomic_fetch_or(&a->state.irr[WORD(vector)], bit, __ATOMIC_SEQ_CST) & bit);
}

/* SDM 3A 11.5.3: errors gather until software writes ESR. */
bool vlapic_error(struct vlapic *a, u32 bit)
{
	if (__atomic_fetch_or(&a->state.esr_pending, bit, __ATOMIC_SEQ_CST) & bit)
		return false;
	return vlapic_local_interrupt(a, LVT_ERROR);
}

static bool local_fixed(struct vlapic *a, u8 vector)
{
	if (vector < APIC_FIRST_VECTOR)
		return vlapic_error(a, ESR_RECEIVE_ILLEGAL_VECTOR);
	return vlapic_set_irr(a, vector, false);
}

bool vlapic_local_interrupt(struct vlapic *a, enum vlapic_lvt which)
{
	u32 lvt = READ_ONCE(a->state.lvt[which]);

	if ((lvt & LVT_MASKED) || !vlapic_enabled(a))
		return false;
	switch ((lvt & LVT_MODE) >> LVT_MODE_SHIFT) {
	case APIC_FIXED: return local_fixed(a, (u8)(lvt & LVT_VECTOR));
	case APIC_NMI:
		if (a->hooks.nmi)
			a->hooks.nmi(a->hooks.ctx);
		return true;
	case APIC_INIT:
		if (a->hooks.init)
			a->hooks.init(a->hooks.ctx);
		return true;
	case APIC_EXTINT: return true; /* the vCPU asks vlapic_accepts_extint() */
	default: /* SMI: this machine has no system management mode; the others are reserved */
		return false;
	}
}

/* SDM 3A 11.5.1: level is for fixed delivery on LINT0 only. */
static bool lvt_is_level(u32 lvt)
{
	return (lvt & (LVT_LEVEL | LVT_MODE)) == LVT_LEVEL;
}

/*
 * LINT0 in level mode: one request until its EOI, then another if the wire is still asserted. The
 * wire's thread changes the wire, then looks at the rest; the APIC's own thread changes the entry
 * or ends the interrupt, then looks at the wire. So one of them sees both, and of two only one gets
 * the remote IRR. True when it has sent.
 */
static bool lint0_level(struct vlapic *a)
{
	struct vlapic_state *s = &a->state;
	u32 lvt = __atomic_load_n(&s->lvt[LVT_LINT0], __ATOMIC_SEQ_CST);
	u8 vector = (u8)(lvt & LVT_VECTOR);

	if ((lvt & LVT_MASKED) || !lvt_is_level(lvt) ||
	    !__atomic_load_n(&s->extint, __ATOMIC_SEQ_CST))
		return false;
	if (vector < APIC_FIRST_VECTOR)
		return vlapic_error(a, ESR_RECEIVE_ILLEGAL_VECTOR);
	if (__atomic_exchange_n(&s->lint0_waits, true, __ATOMIC_SEQ_CST))
		return false;
	return vlapic_set_irr(a, vector, true);
}

void vlapic_lint0_changed(struct vlapic *a, u32 old)
{
	if (!lvt_is_level(old) || !lvt_is_level(a->state.lvt[LVT_LINT0]))
		__atomic_store_n(&a->state.lint0_waits, false, __ATOMIC_SEQ_CST);
	lint0_level(a);
}

void vlapic_set_extint(struct vlapic *a, bool level)
{
	struct vlapic_state *s = &a->state;
	bool rising = level && !s->extint;
	bool sent;

	__atomic_store_n(&s->extint, level, __ATOMIC_SEQ_CST);
	if (!level)
		WRITE_ONCE(s->extint_taken, false);
	if (lvt_is_level(READ_ONCE(s->lvt[LVT_LINT0])))
		sent = lint0_level(a);
	else if (rising && !vlapic_enabled(a))
		sent = true; /* SDM 3A 11.4.3: the pin is then the processor's INTR */
	else
		sent = rising && vlapic_local_interrupt(a, LVT_LINT0);
	if (sent)
		vlapic_wake(a);
}

void vlapic_set_lint1(struct vlapic *a, bool level)
{
	bool rising = level && !a->state.lint1;

	a->state.lint1 = level;
	if (!rising)
		return;
	if (vlapic_enabled(a)) {
		if (vlapic_local_interrupt(a, LVT_LINT1))
			vlapic_wake(a);
	} else if (a->hooks.nmi) {
		a->hooks.nmi(a->hooks.ctx); /* SDM 3A 11.4.3: the pin is the processor's NMI */
	}
}

bool vlapic_accepts_extint(const struct vlapic *a)
{
	const struct vlapic_state *s = &a->state;

	if (!vlapic_enabled(a) || READ_ONCE(s->extint_taken))
		return true;
	return (s->lvt[LVT_LINT0] & (LVT_MASKED | LVT_MODE)) == APIC_EXTINT << LVT_MODE_SHIFT;
}

/* The end of a level-triggered interrupt: its source may ask again. */
static NOINLINE void eoi_level(struct vlapic *a, u8 vector)
{
	struct vlapic_state *s = &a->state;

	if (READ_ONCE(s->lint0_waits) && (s->lvt[LVT_LINT0] & LVT_VECTOR) == vector) {
		__atomic_store_n(&s->lint0_waits, false, __ATOMIC_SEQ_CST);
		vlapic_lint0_changed(a, s->lvt[LVT_LINT0]);
	}
	if (!(s->svr & SVR_SUPPRESS_EOI) && a->hooks.eoi_broadcast)
		a->hooks.eoi_broadcast(a->hooks.ctx, vector);
}

static ALWAYS_INLINE bool eoi_vector(struct vlapic *a, bool level_too)
{
	struct vlapic_state *s = &a->state;
	int vector = highest_vector(s->isr);
	bool level;

	if (vector < 0) /* nothing is served: an EOI too many has no effect */
		return true;
	level = READ_ONCE(s->tmr[WORD(vector)]) & WORD_BIT(vector);
	if (unlikely(level && !level_too))
		return false;
	s->isr[WORD(vector)] &= ~WORD_BIT(vector);
	ppr_update(s);
	if (unlikely(level))
		eoi_level(a, (u8)vector);
	return true;
}

void vlapic_eoi(struct vlapic *a)
{
	eoi_vector(a, true);
}

bool vlapic_eoi_edge(struct vlapic *a)
{
	return eoi_vector(a, false);
}

/*
 * SDM 3A 11.4.7.1: the state after power-up and reset; the pins' wires are not ours. Senders may
 * look meanwhile, so each field goes straight to its new value. What they send meanwhile is lost or
 * stays, as if it had come before or after.
 */
static void registers_reset(struct vlapic *a)
{
	struct vlapic_state *s = &a->state;

	vlapic_timer_stop(a);
	WRITE_ONCE(s->svr, SVR_VECTOR);
	WRITE_ONCE(s->dfr, DFR_FLAT);
	WRITE_ONCE(s->ldr, 0);
	for (unsigned i = 0; i < LVT_COUNT; i++)
		WRITE_ONCE(s->lvt[i], LVT_MASKED);
	for (unsigned i = 0; i < VLAPIC_WORDS; i++) {
		__atomic_store_n(&s->irr[i], 0, __ATOMIC_RELAXED);
		__atomic_store_n(&s->tmr[i], 0, __ATOMIC_RELAXED);
		s->isr[i] = 0;
	}
	__atomic_store_n(&s->esr_pending, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&s->lint0_waits, false, __ATOMIC_RELAXED);
	WRITE_ONCE(s->extint_taken, false);
	s->tpr = s->esr = s->icr_lo = s->icr_hi = 0;
	s->timer_initial = s->timer_divide = 0;
	s->tsc_deadline = 0;
	/* A message that overtook the end of the APIC is not for the processor. */
	WRITE_ONCE(s->ppr, vlapic_enabled(a) ? 0 : PPR_HIGHEST);
}

void vlapic_init_ipi(struct vlapic *a)
{
	registers_reset(a);
}

void vlapic_set_base(struct vlapic *a, u64 base)
{
	bool was_enabled = vlapic_enabled(a);

	__atomic_store_n(&a->state.base, base, __ATOMIC_SEQ_CST); /* then come looks at the wires */
	if (vlapic_enabled(a) != was_enabled)
		registers_reset(a);
}

void vlapic_reset(struct vlapic *a)
{
	WRITE_ONCE(a->state.base,
		   VLAPIC_BASE | APIC_BASE_ENABLE | (a->state.id == 0 ? APIC_BASE_BSP : 0));
	registers_reset(a);
}

void vlapic_virtual_wire(struct vlapic *a)
{
	a->state.svr = SVR_FIRMWARE;
	a->state.lvt[LVT_LINT0] = APIC_EXTINT << LVT_MODE_SHIFT;
	a->state.lvt[LVT_LINT1] = APIC_NMI << LVT_MODE_SHIFT;
}

void vlapic_init(struct vlapic *a, u32 id, struct vlapic_bus *bus, struct vclock *clock,
		 const struct vlapic_hooks *hooks)
{
	memset(a, 0, sizeof(*a));
	a->state.id = id;
	a->bus = bus;
	a->hooks = *hooks;
	vlapic_timer_init(a, clock);
	vlapic_reset(a);
	bus->apic[id] = a;
	bus->count = MAX(bus->count, (unsigned)id + 1);
}
