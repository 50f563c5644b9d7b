/*
 * The APIC bus: which local APICs a message names (SDM 3A 11.6.2, 11.12.10), what it does there,
 * and the interrupt command register that sends one (SDM 3A 11.6.1).
 */
#include "vmm/dev/vlapic.h"
#include "vmm/dev/vlapic_regs.h"

struct message {
	u32 dest;
	u32 shorthand; /* ICR_TO_...; 0: the destination counts */
	bool logical;
	enum vlapic_delivery mode;
	u8 vector;
	bool level;
	struct vlapic *source; /* NULL: the IOAPIC or an MSI */
};

/* xAPIC: eight bits, flat (one per processor) or cluster (four and four), SDM 3A 11.6.2.2. */
static bool match_logical_xapic(const struct vlapic_state *s, u32 dest)
{
	u32 ldr = READ_ONCE(s->ldr) >> APIC_DEST_SHIFT;

	if (READ_ONCE(s->dfr) == DFR_FLAT)
		return dest <= 0xff && (dest & ldr);
	return dest <= 0xff && (dest >> 4) == (ldr >> 4) && (dest & ldr & 15);
}

/* x2APIC mode: sixteen bits of cluster, sixteen of processors in it. */
static bool match_logical_x2apic(const struct vlapic *a, u32 dest)
{
	u32 ldr = vlapic_x2apic_ldr(a);

	return (dest >> 16) == (ldr >> 16) && (dest & ldr & 0xffff);
}

/* Eight-bit messages have their own broadcast, also where they meet an x2APIC. */
static u32 broadcast_of(const struct vlapic *source)
{
	return source && vlapic_is_x2apic(source) ? X2APIC_BROADCAST : APIC_BROADCAST;
}

static bool message_names(const struct message *m, const struct vlapic *a)
{
	if (!vlapic_enabled(a)) /* not on the bus */
		return false;
	switch (m->shorthand) {
	case ICR_TO_SELF: return a == m->source;
	case ICR_TO_ALL: return true;
	case ICR_TO_OTHERS: return a != m->source;
	}
	if (m->dest == broadcast_of(m->source))
		return true;
	if (!m->logical)
		return m->dest == a->state.id;
	return vlapic_is_x2apic(a) ? match_logical_x2apic(a, m->dest)
				   : match_logical_xapic(&a->state, m->dest);
}

/* The sender looks before it enters its guest again; whoever else is hit has to be told. */
static void wake_other(struct vlapic *a, const struct vlapic *source)
{
	if (a != source)
		vlapic_wake(a);
}

static bool take_fixed(struct vlapic *a, const struct message *m)
{
	if (m->vector < APIC_FIRST_VECTOR) {
		if (vlapic_error(a, ESR_RECEIVE_ILLEGAL_VECTOR))
			wake_other(a, m->source);
		return false;
	}
	if (!vlapic_software_enabled(a))
		return false;
	if (vlapic_set_irr(a, m->vector, m->level))
		wake_other(a, m->source);
	return true;
}

static bool take_extint(struct vlapic *a)
{
	if (a->state.extint)
		WRITE_ONCE(a->state.extint_taken, true);
	vlapic_wake(a);
	return true;
}

/* NMI, INIT and SIPI pass also while the APIC is software-disabled: SDM 3A 11.4.7.2. */
static bool message_take(const struct message *m, struct vlapic *a)
{
	switch (m->mode) {
	case APIC_FIXED:
	case APIC_LOWEST: return take_fixed(a, m);
	case APIC_NMI:
		if (a->hooks.nmi)
			a->hooks.nmi(a->hooks.ctx);
		return true;
	case APIC_INIT:
		if (a->hooks.init)
			a->hooks.init(a->hooks.ctx);
		return true;
	case APIC_STARTUP:
		if (a->hooks.startup)
			a->hooks.startup(a->hooks.ctx, m->vector);
		return true;
	case APIC_EXTINT: return take_extint(a);
	default: /* SMI: this machine has no system management mode; 3 is reserved */ return false;
	}
}

/*
 * Lowest-priority arbitration, SDM 3A 11.6.2.4: the processor with the lowest priority, of several
 * the one with the lowest ID. Without a rotation: a run can be repeated. The priorities are those
 * of the moment at which each is looked at, as on a bus.
 */
static unsigned deliver_lowest(struct vlapic_bus *bus, const struct message *m)
{
	struct vlapic *best = NULL;
	u32 ppr, lowest = ~0u;

	for (unsigned i = 0; i < bus->count; i++) {
		struct vlapic *a = bus->apic[i];

		if (!a || !message_names(m, a) || !vlapic_software_enabled(a))
			continue;
		ppr = READ_ONCE(a->state.ppr);
		if (ppr < lowest) {
			lowest = ppr;
			best = a;
		}
	}
	return best ? message_take(m, best) : 0;
}

static unsigned message_deliver(struct vlapic_bus *bus, const struct message *m)
{
	unsigned taken = 0;

	if (m->mode == APIC_LOWEST)
		return deliver_lowest(bus, m);
	/* By far the most: one processor by its ID, which is its index. */
	if (!m->logical && !m->shorthand && m->dest < bus->count && bus->apic[m->dest])
		return vlapic_enabled(bus->apic[m->dest]) && message_take(m, bus->apic[m->dest]);
	for (unsigned i = 0; i < bus->count; i++)
		if (bus->apic[i] && message_names(m, bus->apic[i]))
			taken += message_take(m, bus->apic[i]);
	return taken;
}

unsigned vlapic_bus_deliver(struct vlapic_bus *bus, u32 dest, bool logical,
			    enum vlapic_delivery mode, u8 vector, bool level)
{
	struct message m = {
		.dest = dest,
		.logical = logical,
		.mode = mode,
		.vector = vector,
		.level = level,
	};

	return message_deliver(bus, &m);
}

/* SDM 3A table 11-3: to itself a processor may send only what it can take while it runs. */
static bool shorthand_valid(u32 shorthand, enum vlapic_delivery mode)
{
	if (shorthand == 0 || shorthand == ICR_TO_OTHERS)
		return true;
	return mode == APIC_FIXED || mode == APIC_NMI;
}

/* The trigger mode counts for INIT alone, where level without assert is the old INIT de-assert. */
static bool icr_is_init_deassert(u32 icr_lo)
{
	return (icr_lo & (ICR_LEVEL | ICR_ASSERT)) == ICR_LEVEL;
}

static NOINLINE void send_any(struct vlapic *a, u32 icr_lo, u32 dest)
{
	struct message m = {
		.dest = dest,
		.shorthand = icr_lo & ICR_SHORTHAND,
		.logical = icr_lo & ICR_LOGICAL,
		.mode = (icr_lo & ICR_MODE) >> ICR_MODE_SHIFT,
		.vector = (u8)(icr_lo & ICR_VECTOR),
		.source = a,
	};

	if ((m.mode == APIC_FIXED || m.mode == APIC_LOWEST) && m.vector < APIC_FIRST_VECTOR)
		vlapic_error(a, ESR_SEND_ILLEGAL_VECTOR);
	else if (m.mode == APIC_EXTINT || (m.mode == APIC_INIT && icr_is_init_deassert(icr_lo)))
		; /* reserved; no effect since the Pentium 4 */
	else if (shorthand_valid(m.shorthand, m.mode))
		message_deliver(a->bus, &m);
}

/* The APIC to which a fixed interrupt goes alone, or NULL: there may be several, or none. */
static inline struct vlapic *send_target(struct vlapic *a, u32 icr_lo, u32 dest)
{
	u32 shorthand = icr_lo & ICR_SHORTHAND;

	if (shorthand == ICR_TO_SELF)
		return a;
	if (shorthand || (icr_lo & ICR_LOGICAL) || dest >= a->bus->count)
		return NULL;
	return a->bus->apic[dest];
}

/* Nearly all are fixed interrupts for one processor: these take a short way to the same end. */
void vlapic_send(struct vlapic *a, u32 icr_lo, u32 dest)
{
	u32 vector = icr_lo & ICR_VECTOR;
	struct vlapic *to;

	if ((icr_lo & ICR_MODE) == APIC_FIXED << ICR_MODE_SHIFT && vector >= APIC_FIRST_VECTOR) {
		to = send_target(a, icr_lo, dest);
		if (to && vlapic_enabled(to) && vlapic_software_enabled(to)) {
			if (vlapic_set_irr(to, (u8)vector, false) && to != a)
				vlapic_wake(to);
			return;
		}
	}
	send_any(a, icr_lo, dest);
}
