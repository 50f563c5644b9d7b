/*
 * The local APIC's heart: which interrupts wait (IRR), which are served (ISR), what the processor's
 * priority lets through, and the local interrupt pins. SDM 3A 11.5, 11.8.
 */
#include "vmm/dev/vlapic.h"

#include "lib/string.h"
#include "vmm/dev/vlapic_regs.h"

#define WORD(vector) ((vector) >> 5)
#define WORD_BIT(vector) (1u << ((vector)&31))
#define PRIORITY_CLASS 0xf0u

/* What firmware leaves in SVR: enabled, and a spurious vector that 8259s do not use. */
#define SVR_FIRMWARE (SVR_ENABLE | 0x0fu)

static inline u32 highest_bit(u32 word)
{
	return 31 ^ (u32)__builtin_clz(word); /* one BSR; with a minus, three instructions */
}

void vlapic_wake(struct vlapic *a)
{
	if (a->hooks.wake)
		a->hooks.wake(a->hooks.ctx);
}

/* SDM 3A 11.8.3.1: the higher of the task's priority and of what is being served. */
static void ppr_update(struct vlapic_state *s)
{
	u32 isr_class = 0;
	u32 word;

	if (s->isr_words) {
		word = highest_bit(s->isr_words);
		isr_class = (word * 32 + highest_bit(s->isr[word])) & PRIORITY_CLASS;
	}
	s->ppr = (s->tpr & PRIORITY_CLASS) >= isr_class ? s->tpr : isr_class;
}

void vlapic_set_tpr(struct vlapic *a, u32 tpr)
{
	a->state.tpr = tpr & 0xff;
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
	const struct vlapic_state *s = &a->state;
	u32 words = READ_ONCE(s->irr_words);
	u32 vector, irr;

	/* A summary bit may be set while its word is empty: accept() and set_irr() on two CPUs. */
	for (; words; words &= ~(1u << (vector >> 5))) {
		vector = highest_bit(words) * 32;
		irr = READ_ONCE(s->irr[vector >> 5]);
		if (!irr)
			continue;
		vector += highest_bit(irr);
		return (vector & PRIORITY_CLASS) > (s->ppr & PRIORITY_CLASS) ? (int)vector : -1;
	}
	return -1;
}

void vlapic_accept(struct vlapic *a, u8 vector)
{
	struct vlapic_state *s = &a->state;
	u32 word = WORD(vector);
	u32 left = __atomic_and_fetch(&s->irr[word], ~WORD_BIT(vector), __ATOMIC_SEQ_CST);

	if (!left) {
		__atomic_and_fetch(&s->irr_words, ~(1u << word), __ATOMIC_SEQ_CST);
		/* One that came in between has set the bit that was just cleared. */
		if (__atomic_load_n(&s->irr[word], __ATOMIC_SEQ_CST))
			__atomic_or_fetch(&s->irr_words, 1u << word, __ATOMIC_SEQ_CST);
	}
	s->isr[word] |= WORD_BIT(vector);
	s->isr_words |= 1u << word;
	ppr_update(s);
}

bool vlapic_set_irr(struct vlapic *a, u8 vector, bool level)
{
	struct vlapic_state *s = &a->state;
	u32 word = WORD(vector);
	u32 bit = WORD_BIT(vector);

	/* TMR first: who sees the request sees how it was triggered. */
	if (level)
		__atomic_or_fetch(&s->tmr[word], bit, __ATOMIC_RELAXED);
	else if (READ_ONCE(s->tmr[word]) & bit)
		__atomic_and_fetch(&s->tmr[word], ~bit, __ATOMIC_RELAXED);
	if (__atomic_fetch_or(&s->irr[word], bit, __ATOMIC_SEQ_CST) & bit)
		return false;
	__atomic_or_fetch(&s->irr_words, 1u << word, __ATOMIC_SEQ_CST);
	return true;
}

/* SDM 3A 11.5.3: errors gather until software writes ESR. */
void vlapic_error(struct vlapic *a, u32 bit)
{
	if (a->state.esr_pending & bit)
		return;
	a->state.esr_pending |= bit;
	vlapic_local_interrupt(a, LVT_ERROR);
}

static bool local_fixed(struct vlapic *a, u8 vector, bool level)
{
	if (vector < APIC_FIRST_VECTOR) {
		vlapic_error(a, ESR_RECEIVE_ILLEGAL_VECTOR);
		return false;
	}
	if (vlapic_set_irr(a, vector, level))
		vlapic_wake(a);
	return true;
}

static bool local_deliver(struct vlapic *a, enum vlapic_lvt which, bool level)
{
	u32 lvt = a->state.lvt[which];

	if ((lvt & LVT_MASKED) || !vlapic_enabled(a))
		return false;
	switch ((lvt & LVT_MODE) >> LVT_MODE_SHIFT) {
	case APIC_FIXED: return local_fixed(a, (u8)(lvt & LVT_VECTOR), level);
	case APIC_NMI:
		if (a->hooks.nmi)
			a->hooks.nmi(a->hooks.ctx);
		return true;
	case APIC_INIT:
		if (a->hooks.init)
			a->hooks.init(a->hooks.ctx);
		return true;
	case APIC_EXTINT:
		vlapic_wake(a); /* which then asks vlapic_accepts_extint() */
		return true;
	default: /* SMI: this machine has no system management mode; the others are reserved */
		return false;
	}
}

bool vlapic_local_interrupt(struct vlapic *a, enum vlapic_lvt which)
{
	return local_deliver(a, which, false);
}

/* SDM 3A 11.5.1: level is for fixed delivery on LINT0 only. */
static bool lint_is_level(const struct vlapic *a, enum vlapic_lvt which)
{
	return which == LVT_LINT0 && (a->state.lvt[which] & (LVT_LEVEL | LVT_MODE)) == LVT_LEVEL;
}

/* LINT0 in level mode: one request until its EOI, then another if the wire is still asserted. */
static void lint_level(struct vlapic *a, enum vlapic_lvt which)
{
	u32 *lvt = &a->state.lvt[which];

	if (a->state.extint && !(*lvt & LVT_REMOTE_IRR) && local_deliver(a, which, true))
		*lvt |= LVT_REMOTE_IRR;
}

void vlapic_lint_changed(struct vlapic *a, enum vlapic_lvt which)
{
	if (lint_is_level(a, which))
		lint_level(a, which);
	else
		a->state.lvt[which] &= ~LVT_REMOTE_IRR;
}

void vlapic_set_extint(struct vlapic *a, bool level)
{
	struct vlapic_state *s = &a->state;
	bool rising = level && !s->extint;

	s->extint = level;
	if (!level)
		s->extint_taken = false;
	if (lint_is_level(a, LVT_LINT0))
		lint_level(a, LVT_LINT0);
	else if (rising && !vlapic_enabled(a))
		vlapic_wake(a); /* SDM 3A 11.4.3: the pin is then the processor's INTR */
	else if (rising)
		local_deliver(a, LVT_LINT0, false);
}

void vlapic_set_lint1(struct vlapic *a, bool level)
{
	bool rising = level && !a->state.lint1;

	a->state.lint1 = level;
	if (rising && vlapic_enabled(a))
		local_deliver(a, LVT_LINT1, false);
	else if (rising && a->hooks.nmi)
		a->hooks.nmi(a->hooks.ctx); /* SDM 3A 11.4.3: the pin is then the processor's NMI */
}

bool vlapic_accepts_extint(const struct vlapic *a)
{
	const struct vlapic_state *s = &a->state;

	if (!vlapic_enabled(a) || s->extint_taken)
		return true;
	return (s->lvt[LVT_LINT0] & (LVT_MASKED | LVT_MODE)) == APIC_EXTINT << LVT_MODE_SHIFT;
}

/* The end of a level-triggered interrupt: its source may ask again. */
static void eoi_level(struct vlapic *a, u8 vector)
{
	u32 *lint0 = &a->state.lvt[LVT_LINT0];

	if ((*lint0 & LVT_REMOTE_IRR) && (*lint0 & LVT_VECTOR) == vector) {
		*lint0 &= ~LVT_REMOTE_IRR;
		vlapic_lint_changed(a, LVT_LINT0);
	}
	if (!(a->state.svr & SVR_SUPPRESS_EOI) && a->hooks.eoi_broadcast)
		a->hooks.eoi_broadcast(a->hooks.ctx, vector);
}

void vlapic_eoi(struct vlapic *a)
{
	struct vlapic_state *s = &a->state;
	u32 word, bit;

	if (!s->isr_words) /* nothing is served: an EOI too many has no effect */
		return;
	word = highest_bit(s->isr_words);
	bit = highest_bit(s->isr[word]);
	s->isr[word] &= ~(1u << bit);
	if (!s->isr[word])
		s->isr_words &= ~(1u << word);
	ppr_update(s);
	if (READ_ONCE(s->tmr[word]) & (1u << bit))
		eoi_level(a, (u8)(word * 32 + bit));
}

/* SDM 3A 11.4.7.1: the state after power-up and reset; the pins' wires are not ours. */
static void registers_reset(struct vlapic *a)
{
	struct vlapic_state *s = &a->state;
	struct vlapic_state keep = *s;
	unsigned i;

	vlapic_timer_stop(a);
	memset(s, 0, sizeof(*s));
	s->id = keep.id;
	s->base = keep.base;
	s->extint = keep.extint;
	s->lint1 = keep.lint1;
	s->svr = SVR_VECTOR;
	s->dfr = DFR_FLAT;
	for (i = 0; i < LVT_COUNT; i++)
		s->lvt[i] = LVT_MASKED;
}

void vlapic_init_ipi(struct vlapic *a)
{
	registers_reset(a);
}

void vlapic_reset(struct vlapic *a)
{
	a->state.base = VLAPIC_BASE | APIC_BASE_ENABLE | (a->state.id == 0 ? APIC_BASE_BSP : 0);
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
