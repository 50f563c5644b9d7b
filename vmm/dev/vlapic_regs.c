/*
 * The local APIC's registers: by memory in xAPIC mode (SDM 3A 11.4.1), by MSR in x2APIC mode
 * (11.12.1), and IA32_APIC_BASE, which changes between them (11.12.5).
 */
#include "vmm/dev/vlapic_regs.h"

#include "error.h"
#include "vmm/dev/vlapic.h"
#include "vmm/iobus.h"

#define APIC_BASE_VALID (APIC_BASE_ADDRESS | APIC_BASE_BSP | APIC_BASE_ENABLE | APIC_BASE_X2APIC)

#define REGISTER_INDEX(offset) ((offset) >> 4)
#define REGISTERS 0x40

/* Where a register exists, and how it may be accessed there. */
#define XR 1 /* xAPIC, read */
#define XW 2 /* xAPIC, write: also those that then ignore it */
#define MR 4 /* x2APIC, read */
#define MW 8 /* x2APIC, write */

/* How each register is accessed, and which bits an x2APIC write may set (others: #GP). */
static const struct {
	u8 access;
	u32 valid;
} registers[REGISTERS] = {
#define REGISTER(offset, access, valid) [REGISTER_INDEX(offset)] = { access, valid }
#define REGISTER_ROW(offset) \
	[REGISTER_INDEX(offset)... REGISTER_INDEX(offset) + 7] = { XR | XW | MR, 0 }
	REGISTER(APIC_ID, XR | XW | MR, 0),
	REGISTER(APIC_VERSION, XR | XW | MR, 0),
	REGISTER(APIC_TPR, XR | XW | MR | MW, 0xff),
	REGISTER(APIC_PPR, XR | XW | MR, 0),
	REGISTER(APIC_EOI, XW | MW, 0),
	REGISTER(APIC_LDR, XR | XW | MR, 0),
	REGISTER(APIC_DFR, XR | XW, 0),
	REGISTER(APIC_SVR, XR | XW | MR | MW, SVR_VECTOR | SVR_ENABLE | SVR_SUPPRESS_EOI),
	REGISTER_ROW(APIC_ISR),
	REGISTER_ROW(APIC_TMR),
	REGISTER_ROW(APIC_IRR),
	REGISTER(APIC_ESR, XR | XW | MR | MW, 0),
	/* Delivery status and remote IRR are read-only, but no error to write. */
	REGISTER(APIC_LVT_CMCI, XR | XW | MR | MW,
		 LVT_VECTOR | LVT_MODE | ICR_PENDING | LVT_MASKED),
	REGISTER(APIC_ICR_LOW, XR | XW | MR | MW, ICR_VALID | ICR_PENDING),
	REGISTER(APIC_ICR_HIGH, XR | XW, 0),
	REGISTER(APIC_LVT_TIMER, XR | XW | MR | MW,
		 LVT_VECTOR | ICR_PENDING | LVT_MASKED | LVT_TIMER_MODE),
	REGISTER(APIC_LVT_THERMAL, XR | XW | MR | MW,
		 LVT_VECTOR | LVT_MODE | ICR_PENDING | LVT_MASKED),
	REGISTER(APIC_LVT_PERF, XR | XW | MR | MW,
		 LVT_VECTOR | LVT_MODE | ICR_PENDING | LVT_MASKED),
	REGISTER(APIC_LVT_LINT0, XR | XW | MR | MW, 0xffff | LVT_MASKED),
	REGISTER(APIC_LVT_LINT1, XR | XW | MR | MW, 0xffff | LVT_MASKED),
	REGISTER(APIC_LVT_ERROR, XR | XW | MR | MW, LVT_VECTOR | ICR_PENDING | LVT_MASKED),
	REGISTER(APIC_TIMER_INITIAL, XR | XW | MR | MW, 0xffffffff),
	REGISTER(APIC_TIMER_CURRENT, XR | XW | MR, 0),
	REGISTER(APIC_TIMER_DIVIDE, XR | XW | MR | MW, TIMER_DIVIDE_VALID),
	REGISTER(APIC_SELF_IPI, MW, 0xff),
};

static u32 register_access(u32 offset)
{
	return registers[REGISTER_INDEX(offset) & (REGISTERS - 1)].access;
}

/* The LVT entry at an offset, or LVT_COUNT. */
static enum vlapic_lvt lvt_index(u32 offset)
{
	if (offset == APIC_LVT_CMCI)
		return LVT_CMCI;
	if (offset >= APIC_LVT_TIMER && offset <= APIC_LVT_ERROR)
		return LVT_TIMER + REGISTER_INDEX(offset - APIC_LVT_TIMER);
	return LVT_COUNT;
}

static u32 read_array(const struct vlapic_state *s, u32 offset)
{
	u32 word = REGISTER_INDEX(offset) & 7;

	const u64 *array = offset < APIC_TMR ? s->isr : offset < APIC_IRR ? s->tmr : s->irr;

	return (u32)(READ_ONCE(array[word / 2]) >> (word % 2 * 32));
}

static u32 read_lvt(const struct vlapic_state *s, enum vlapic_lvt which)
{
	bool waits = which == LVT_LINT0 && READ_ONCE(s->lint0_waits);

	return s->lvt[which] | (waits ? LVT_REMOTE_IRR : 0);
}

static u32 read_id(const struct vlapic *a)
{
	return vlapic_is_x2apic(a) ? a->state.id : a->state.id << APIC_DEST_SHIFT;
}

static u32 register_read(const struct vlapic *a, u32 offset)
{
	const struct vlapic_state *s = &a->state;
	enum vlapic_lvt lvt = lvt_index(offset);

	if (lvt != LVT_COUNT)
		return read_lvt(s, lvt);
	switch (REGISTER_INDEX(offset)) { /* dense: one jump by a table */
	case REGISTER_INDEX(APIC_ID): return read_id(a);
	case REGISTER_INDEX(APIC_VERSION): return APIC_VERSION_VALUE;
	case REGISTER_INDEX(APIC_TPR): return s->tpr;
	case REGISTER_INDEX(APIC_PPR): return s->ppr;
	case REGISTER_INDEX(APIC_LDR): return vlapic_is_x2apic(a) ? vlapic_x2apic_ldr(a) : s->ldr;
	case REGISTER_INDEX(APIC_DFR): return s->dfr;
	case REGISTER_INDEX(APIC_SVR): return s->svr;
	case REGISTER_INDEX(APIC_ESR): return s->esr;
	case REGISTER_INDEX(APIC_ICR_LOW): return s->icr_lo;
	case REGISTER_INDEX(APIC_ICR_HIGH): return s->icr_hi;
	case REGISTER_INDEX(APIC_TIMER_INITIAL): return s->timer_initial;
	case REGISTER_INDEX(APIC_TIMER_CURRENT): return vlapic_timer_current(a);
	case REGISTER_INDEX(APIC_TIMER_DIVIDE): return s->timer_divide;
	default: return read_array(s, offset);
	}
}

/* What software may set in an entry; remote IRR is ours, and masked is forced while disabled. */
static void lvt_write(struct vlapic *a, enum vlapic_lvt which, u32 value)
{
	static const u32 writable[LVT_COUNT] = {
		[LVT_TIMER] = LVT_VECTOR | LVT_MASKED | LVT_TIMER_MODE,
		[LVT_THERMAL] = LVT_VECTOR | LVT_MODE | LVT_MASKED,
		[LVT_PERF] = LVT_VECTOR | LVT_MODE | LVT_MASKED,
		[LVT_LINT0] = LVT_VECTOR | LVT_MODE | LVT_POLARITY | LVT_LEVEL | LVT_MASKED,
		[LVT_LINT1] = LVT_VECTOR | LVT_MODE | LVT_POLARITY | LVT_LEVEL | LVT_MASKED,
		[LVT_ERROR] = LVT_VECTOR | LVT_MASKED,
		[LVT_CMCI] = LVT_VECTOR | LVT_MODE | LVT_MASKED,
	};
	u32 old = a->state.lvt[which];

	value &= writable[which];
	if (!vlapic_software_enabled(a))
		value |= LVT_MASKED;
	if (which == LVT_TIMER) {
		vlapic_timer_set_lvt(a, value);
		return;
	}
	__atomic_store_n(&a->state.lvt[which], value, __ATOMIC_SEQ_CST);
	if (which == LVT_LINT0)
		vlapic_lint0_changed(a, old);
}

static void svr_write(struct vlapic *a, u32 value)
{
	unsigned i;

	WRITE_ONCE(a->state.svr, value & (SVR_VECTOR | SVR_ENABLE | SVR_SUPPRESS_EOI));
	if (vlapic_software_enabled(a))
		return;
	for (i = 0; i < LVT_COUNT; i++) /* SDM 3A 11.4.7.2 */
		lvt_write(a, i, a->state.lvt[i]);
}

/* SDM 3A 11.5.3: the write latches what happened since the last one. */
static void esr_write(struct vlapic *a)
{
	a->state.esr = __atomic_exchange_n(&a->state.esr_pending, 0, __ATOMIC_SEQ_CST);
}

static void register_write(struct vlapic *a, u32 offset, u32 value)
{
	struct vlapic_state *s = &a->state;
	enum vlapic_lvt lvt;

	switch (REGISTER_INDEX(offset)) { /* dense: one jump by a table */
	case REGISTER_INDEX(APIC_EOI): vlapic_eoi(a); return;
	case REGISTER_INDEX(APIC_TPR): vlapic_set_tpr(a, value); return;
	case REGISTER_INDEX(APIC_ICR_LOW): /* xAPIC only; x2APIC's has 64 bits */
		s->icr_lo = value & ICR_VALID;
		vlapic_send(a, s->icr_lo, s->icr_hi >> APIC_DEST_SHIFT);
		return;
	case REGISTER_INDEX(APIC_ICR_HIGH): s->icr_hi = value & 0xff000000; return;
	case REGISTER_INDEX(APIC_SELF_IPI): vlapic_send(a, value | ICR_TO_SELF, 0); return;
	case REGISTER_INDEX(APIC_LDR): WRITE_ONCE(s->ldr, value & 0xff000000); return;
	case REGISTER_INDEX(APIC_DFR): WRITE_ONCE(s->dfr, value | DFR_RESERVED); return;
	case REGISTER_INDEX(APIC_SVR): svr_write(a, value); return;
	case REGISTER_INDEX(APIC_ESR): esr_write(a); return;
	case REGISTER_INDEX(APIC_TIMER_INITIAL): vlapic_timer_set_initial(a, value); return;
	case REGISTER_INDEX(APIC_TIMER_DIVIDE): vlapic_timer_set_divide(a, value); return;
	default: /* an LVT entry, or read-only */
		lvt = lvt_index(offset);
		if (lvt != LVT_COUNT)
			lvt_write(a, lvt, value);
	}
}

u32 vlapic_read(struct vlapic *a, u32 offset)
{
	if (register_access(offset) & XR)
		return register_read(a, offset);
	if (!(register_access(offset) & XW))
		vlapic_error(a, ESR_ILLEGAL_REGISTER);
	return 0;
}

void vlapic_write(struct vlapic *a, u32 offset, u32 value)
{
	if (register_access(offset) & XW)
		register_write(a, offset, value);
	else
		vlapic_error(a, ESR_ILLEGAL_REGISTER);
}

/*
 * Registers are 32 bits at multiples of 16, accessed as such (SDM 3A 11.4.1). Of what the manual
 * leaves undefined, reads give the bytes of the register and 0 behind it, and writes count at its
 * first byte.
 */
void vlapic_mmio(void *dev, struct io_access *access)
{
	struct vlapic *a = dev;
	u32 offset = access->addr & 0xff0;
	u32 byte = access->addr & 0xf;

	if (unlikely((a->state.base & (APIC_BASE_ENABLE | APIC_BASE_X2APIC)) != APIC_BASE_ENABLE)) {
		if (!access->write)
			access->value = ~0ull; /* nobody answers on the bus */
	} else if (access->write) {
		if (byte == 0)
			vlapic_write(a, offset, (u32)access->value);
	} else {
		access->value = byte < 4 ? vlapic_read(a, offset) >> (byte * 8) : 0;
	}
}

/*
 * Not a message that changes what another vCPU is doing; nor LINT0's entry, which may let in a
 * request of the 8259 pair that waits: to acknowledge it takes a lock.
 */
static bool write_is_quick(u32 offset, u64 value)
{
	if (offset == APIC_ICR_LOW)
		return (value & ICR_MODE) <= APIC_LOWEST << ICR_MODE_SHIFT;
	return offset != APIC_LVT_LINT0;
}

bool vlapic_mmio_quick(struct vlapic *a, struct io_access *access)
{
	u32 offset = access->addr & 0xfff;

	if (access->write && offset == APIC_EOI)
		return vlapic_eoi_edge(a);
	if (access->write && !write_is_quick(offset, access->value))
		return false;
	vlapic_mmio(a, access);
	return true;
}

static int x2apic_read(struct vlapic *a, u32 msr, u64 *value)
{
	u32 offset = (msr - MSR_X2APIC_BASE) << 4;

	if (!vlapic_is_x2apic(a) || REGISTER_INDEX(offset) >= REGISTERS ||
	    !(register_access(offset) & MR))
		return -EINVAL;
	*value = register_read(a, offset);
	if (offset == APIC_ICR_LOW)
		*value |= (u64)a->state.icr_hi << 32;
	return 0;
}

static int x2apic_write(struct vlapic *a, u32 msr, u64 value)
{
	u32 offset = (msr - MSR_X2APIC_BASE) << 4;
	u64 valid;

	if (!vlapic_is_x2apic(a) || REGISTER_INDEX(offset) >= REGISTERS ||
	    !(register_access(offset) & MW))
		return -EINVAL;
	valid = registers[REGISTER_INDEX(offset)].valid;
	if (offset == APIC_ICR_LOW)
		valid |= 0xffffffffull << 32;
	if (value & ~valid)
		return -EINVAL;
	if (offset == APIC_ICR_LOW) {
		a->state.icr_lo = value & ICR_VALID;
		a->state.icr_hi = value >> 32;
		vlapic_send(a, a->state.icr_lo, a->state.icr_hi);
	} else {
		register_write(a, offset, (u32)value);
	}
	return 0;
}

/*
 * SDM 3A 11.12.5, figure 11-26: x2APIC mode is entered from xAPIC mode, and left by disabling the
 * APIC only. A disabled APIC loses its state.
 */
static int base_write(struct vlapic *a, u64 value)
{
	u64 modes = APIC_BASE_ENABLE | APIC_BASE_X2APIC;
	u64 from = a->state.base & modes;
	u64 to = value & modes;

	if (value & ~APIC_BASE_VALID)
		return -EINVAL;
	if (to == APIC_BASE_X2APIC || (to == modes && from == 0) ||
	    (to == APIC_BASE_ENABLE && from == modes))
		return -EINVAL;
	vlapic_set_base(a, value);
	return 0;
}

int vlapic_msr_read(struct vlapic *a, u32 msr, u64 *value)
{
	if (msr >= MSR_X2APIC_BASE && msr <= MSR_X2APIC_LAST)
		return x2apic_read(a, msr, value);
	if (msr == MSR_APIC_BASE)
		*value = a->state.base;
	else if (msr == MSR_TSC_DEADLINE)
		*value = vlapic_timer_get_deadline(a);
	else
		return -EINVAL;
	return 0;
}

int vlapic_msr_write(struct vlapic *a, u32 msr, u64 value)
{
	if (msr >= MSR_X2APIC_BASE && msr <= MSR_X2APIC_LAST)
		return x2apic_write(a, msr, value);
	if (msr == MSR_APIC_BASE)
		return base_write(a, value);
	if (msr != MSR_TSC_DEADLINE)
		return -EINVAL;
	vlapic_timer_set_deadline(a, value);
	return 0;
}

int vlapic_msr_write_quick(struct vlapic *a, u32 msr, u64 value)
{
	if (msr == MSR_X2APIC_BASE + REGISTER_INDEX(APIC_EOI) && vlapic_is_x2apic(a) && !value)
		return vlapic_eoi_edge(a) ? 0 : -EAGAIN;
	if (msr == MSR_APIC_BASE) /* rare, and the place is for others to judge */
		return -EAGAIN;
	if (!write_is_quick((msr - MSR_X2APIC_BASE) << 4, value))
		return -EAGAIN;
	return vlapic_msr_write(a, msr, value);
}
