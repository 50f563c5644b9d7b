/*
 * ACPI fixed hardware, by ACPI 6.4 chapter 4.8. There is no SMI and no legacy mode: SCI_EN is
 * always set. Of the sleep types only S5 exists; any other is refused by waking at once.
 */
#include "vmm/dev/vpm.h"

#include "error.h"
#include "lib/string.h"

/* Offsets of bytes. */
#define REG_STATUS (VPM1A_EVT - VPM_BASE)
#define REG_ENABLE (REG_STATUS + 2)
#define REG_CONTROL (VPM1A_CNT - VPM_BASE)
#define REG_TIMER (VPM_TIMER - VPM_BASE)

#define PM1_TMR BIT(0)
#define PM1_GBL BIT(5)
#define PM1_PWRBTN BIT(8)
#define PM1_RTC                                                                          \
	BIT(10) /* systems set the enable bit; there is no sleep that an alarm could end \
		 */
#define PM1_WAK_STS BIT(15)
#define PM1_STATUS_MASK (PM1_TMR | PM1_GBL | PM1_PWRBTN | PM1_WAK_STS)
#define PM1_ENABLE_MASK (PM1_TMR | PM1_GBL | PM1_PWRBTN | PM1_RTC)

#define CNT_SCI_EN BIT(0)
#define CNT_BM_RLD BIT(1)
#define CNT_SLP_TYP(v) ((v) >> 10 & 7)
#define CNT_SLP_TYP_MASK 0x1c00
#define CNT_SLP_EN BIT(13) /* reads as 0 */
#define CNT_WRITABLE (CNT_BM_RLD | CNT_SLP_TYP_MASK)

#define TIMER_MASK 0xffffffu
#define TIMER_HALF_BITS 23 /* the status bit notes every change of bit 23 */

static u64 vpm_ticks(const struct vpm *p)
{
	return vclock_ns_to_ticks(vclock_now(p->clock), VPM_TIMER_HZ);
}

static void status_refresh(struct vpm *p)
{
	u64 half = vpm_ticks(p) >> TIMER_HALF_BITS;

	if (half != p->state.seen_half)
		p->state.status |= PM1_TMR;
	p->state.seen_half = half;
}

/* The SCI, and the timer's next carry if it has to be told. */
static void vpm_update(struct vpm *p)
{
	struct vpm_state *s = &p->state;
	u64 next = (s->seen_half + 1) << TIMER_HALF_BITS;

	irqline_set(&p->sci, s->status & s->enable);
	if ((s->enable & PM1_TMR) && !(s->status & PM1_TMR))
		vtimer_arm(&p->timer, vclock_ticks_to_ns(next, VPM_TIMER_HZ));
	else
		vtimer_cancel(&p->timer);
}

static void vpm_expired(void *arg)
{
	struct vpm *p = arg;

	status_refresh(p);
	vpm_update(p);
}

void vpm_power_button(struct vpm *p)
{
	p->state.status |= PM1_PWRBTN;
	vpm_update(p);
}

static void vpm_sleep(struct vpm *p)
{
	struct vpm_state *s = &p->state;

	if (CNT_SLP_TYP(s->control) == VPM_SLP_TYP_S5) {
		if (p->platform.event)
			p->platform.event(p->platform.ctx, PLATFORM_SHUTDOWN);
	} else {
		s->refused++;
		s->status |= PM1_WAK_STS;
	}
}

static void set_byte(u16 *reg, unsigned high, u8 v)
{
	*reg = high ? (*reg & 0x00ff) | v << 8 : (*reg & 0xff00) | v;
}

static void write_byte(struct vpm *p, unsigned at, u8 v)
{
	struct vpm_state *s = &p->state;

	switch (at & ~1u) {
	case REG_STATUS: /* ones clear */ s->status &= ~(v << (at & 1 ? 8 : 0)); break;
	case REG_ENABLE:
		set_byte(&s->enable, at & 1, v);
		s->enable &= PM1_ENABLE_MASK;
		break;
	case REG_CONTROL:
		set_byte(&s->control, at & 1, v);
		s->control = (s->control & CNT_WRITABLE) | CNT_SCI_EN;
		if ((at & 1) && (v & CNT_SLP_EN >> 8))
			vpm_sleep(p);
		break;
	default: /* the timer cannot be written */ break;
	}
}

/* The whole block as eight bytes at a time, so that accesses of any size see one moment. */
static u64 vpm_read(const struct vpm *p, unsigned at)
{
	const struct vpm_state *s = &p->state;
	u64 low = s->status | (u64)s->enable << 16 | (u64)s->control << 32;
	u64 high = vpm_ticks(p) & TIMER_MASK;
	unsigned shift = at % 8 * 8;

	if (at >= REG_TIMER)
		return high >> shift;
	return low >> shift | (shift ? high << (64 - shift) : 0);
}

static void vpm_io(void *dev, struct io_access *a)
{
	struct vpm *p = dev;

	status_refresh(p);
	if (a->write) {
		for (unsigned i = 0; i < a->size && i < 8; i++)
			write_byte(p, (unsigned)a->addr + i, (u8)(a->value >> i * 8));
		vpm_update(p);
	} else {
		a->value = vpm_read(p, (unsigned)a->addr);
	}
}

void vpm_reset(struct vpm *p)
{
	memset(&p->state, 0, sizeof(p->state));
	p->state.control = CNT_SCI_EN;
	status_refresh(p);
	p->state.status = 0;
	vpm_update(p);
}

int vpm_init(struct vpm *p, struct iobus *bus, struct vclock *clock, struct irqline sci,
	     struct platform_hooks platform)
{
	p->sci = sci;
	p->clock = clock;
	p->platform = platform;
	vtimer_init(&p->timer, clock, vpm_expired, p);
	vpm_reset(p);
	return iobus_add(bus, IO_PORT, VPM_BASE, VPM_SIZE, "acpi-pm", vpm_io, p);
}
