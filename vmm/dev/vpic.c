/*
 * 8259A, by its data sheet (Intel 231468), in the 8086 mode that a PC uses whatever ICW4 says, with
 * the edge/level control registers of the PIIX and ICH (4D0h, 4D1h).
 *
 * As the data sheet wants, an edge-triggered input must stay high until it is acknowledged: if it
 * falls before, the request is gone, and an acknowledge that finds none gets the spurious vector of
 * input 7.
 *
 * The slave's INT is seen by the master as a level: on the chips it falls during each acknowledge
 * and rises again, which this cannot be told from.
 */
#include "vmm/dev/vpic.h"

#include "error.h"
#include "lib/string.h"

enum { MASTER, SLAVE };

#define CASCADE_IRQ 2u
#define SPURIOUS_IRQ 7u
#define NO_IRQ (-1)

#define ICW1 BIT(4) /* in a write to the even port: starts the initialisation */
#define ICW1_IC4 BIT(0)
#define ICW1_SNGL BIT(1)
#define ICW1_LTIM BIT(3)
#define ICW2_BASE 0xf8
#define ICW4_AEOI BIT(1)
#define ICW4_SFNM BIT(4)

#define OCW3 BIT(3) /* in a write to the even port without ICW1; else it is OCW2 */
#define OCW2_LEVEL 0x07
#define OCW2_COMMAND 0xe0
#define OCW2_ROTATE_AEOI_CLEAR 0x00
#define OCW2_EOI 0x20
#define OCW2_SPECIFIC_EOI 0x60
#define OCW2_ROTATE_AEOI_SET 0x80
#define OCW2_ROTATE_EOI 0xa0
#define OCW2_SET_PRIORITY 0xc0
#define OCW2_ROTATE_SPECIFIC_EOI 0xe0
#define OCW3_RIS BIT(0)
#define OCW3_RR BIT(1)
#define OCW3_POLL BIT(2)
#define OCW3_SMM BIT(5)
#define OCW3_ESMM BIT(6)

#define POLL_INTERRUPT BIT(7)

/*
 * Inputs that may be level-triggered: not the timer, keyboard, cascade, RTC and FPU (PIIX4 4.2.4).
 */
static const u8 elcr_mask[] = { 0xf8, 0xde };

static u8 chip_level_inputs(const struct vpic_chip *c)
{
	return c->icw1 & ICW1_LTIM ? 0xff : c->elcr;
}

static u8 chip_irr(const struct vpic_chip *c)
{
	return c->edges | (c->lines & chip_level_inputs(c));
}

/* The member of the set with the highest priority, or NO_IRQ. */
static int chip_highest(const struct vpic_chip *c, u8 set)
{
	for (unsigned i = 1; set && i <= 8; i++) {
		unsigned irq = (c->lowest + i) & 7;

		if (set & BIT(irq))
			return (int)irq;
	}
	return NO_IRQ;
}

/* 0: the highest priority. */
static unsigned chip_rank(const struct vpic_chip *c, int irq)
{
	return irq == NO_IRQ ? 8 : ((unsigned)irq - c->lowest - 1) & 7;
}

static bool chip_cascades(const struct vpic_chip *c)
{
	return !(c->icw1 & ICW1_SNGL) && (c->icw3 & BIT(CASCADE_IRQ));
}

/* The input for which the chip's INT pin is high, or NO_IRQ. */
static int chip_request(const struct vpic_chip *c, bool master)
{
	int irq = chip_highest(c, chip_irr(c) & ~c->imr);
	u8 blocking = c->isr;

	if (irq == NO_IRQ || c->init)
		return NO_IRQ;
	if (c->special_mask)
		blocking &= ~c->imr;
	/* Special fully nested: a slave in service may ask for something more urgent. */
	if (master && (c->icw4 & ICW4_SFNM) && chip_cascades(c) && irq == CASCADE_IRQ)
		blocking &= ~BIT(CASCADE_IRQ);
	return chip_rank(c, irq) < chip_rank(c, chip_highest(c, blocking)) ? irq : NO_IRQ;
}

static void vpic_update(struct vpic *p)
{
	struct vpic_chip *master = &p->state.chip[MASTER];
	bool level;

	if (chip_request(&p->state.chip[SLAVE], false) != NO_IRQ)
		master->edges |= BIT(CASCADE_IRQ);
	else
		master->edges &= ~BIT(CASCADE_IRQ);
	level = chip_request(master, true) != NO_IRQ;
	if (level == p->state.output)
		return;
	p->state.output = level;
	if (p->output)
		p->output(p->ctx, level);
}

void vpic_set(struct vpic *p, unsigned irq, bool level)
{
	struct vpic_chip *c = &p->state.chip[irq < 8 ? MASTER : SLAVE];
	u8 bit = BIT(irq & 7);

	if (irq >= 16 || irq == CASCADE_IRQ || !!(c->lines & bit) == level)
		return;
	if (level) {
		c->lines |= bit;
		if (!(chip_level_inputs(c) & bit))
			c->edges |= bit;
	} else {
		c->lines &= ~bit;
		c->edges &= ~bit;
	}
	vpic_update(p);
}

/* The first INTA pulse, or a poll: the request goes into service. */
static void chip_accept(struct vpic_chip *c, int irq)
{
	u8 bit = BIT(irq);

	c->edges &= ~bit;
	if (!(c->icw4 & ICW4_AEOI))
		c->isr |= bit;
	else if (c->rotate_on_aeoi)
		c->lowest = (u8)irq;
}

int vpic_ack(struct vpic *p)
{
	struct vpic_chip *master = &p->state.chip[MASTER], *slave = &p->state.chip[SLAVE];
	int irq = chip_request(master, true), vector;

	if (irq == NO_IRQ)
		return master->base + SPURIOUS_IRQ;
	chip_accept(master, irq);
	vector = master->base + irq;
	if (irq == CASCADE_IRQ && chip_cascades(master)) {
		int sub = chip_request(slave, false);

		if (sub != NO_IRQ)
			chip_accept(slave, sub);
		vector = slave->base + (sub == NO_IRQ ? (int)SPURIOUS_IRQ : sub);
	}
	vpic_update(p);
	return vector;
}

static u8 vpic_poll(struct vpic *p, struct vpic_chip *c)
{
	int irq = chip_request(c, c == &p->state.chip[MASTER]);

	c->poll = false;
	if (irq == NO_IRQ)
		return 0;
	chip_accept(c, irq);
	vpic_update(p);
	return POLL_INTERRUPT | (u8)irq;
}

static void write_icw1(struct vpic_chip *c, u8 v)
{
	c->edges = 0;
	c->imr = c->isr = 0;
	c->lowest = 7;
	c->special_mask = c->rotate_on_aeoi = c->poll = c->read_isr = false;
	c->icw1 = v;
	c->icw3 = c->icw4 = 0;
	c->init = 2;
}

static void write_ocw2(struct vpic_chip *c, u8 v)
{
	u8 command = v & OCW2_COMMAND, level = v & OCW2_LEVEL;
	/* In special mask mode an input in service that is masked is not ended by a plain EOI. */
	int irq = chip_highest(c, c->special_mask ? c->isr & ~c->imr : c->isr);

	switch (command) {
	case OCW2_ROTATE_AEOI_CLEAR:
	case OCW2_ROTATE_AEOI_SET: c->rotate_on_aeoi = command == OCW2_ROTATE_AEOI_SET; break;
	case OCW2_EOI:
	case OCW2_ROTATE_EOI:
		if (irq == NO_IRQ)
			break;
		c->isr &= ~BIT(irq);
		if (command == OCW2_ROTATE_EOI)
			c->lowest = (u8)irq;
		break;
	case OCW2_SPECIFIC_EOI:
	case OCW2_ROTATE_SPECIFIC_EOI:
		c->isr &= ~BIT(level);
		if (command == OCW2_ROTATE_SPECIFIC_EOI)
			c->lowest = level;
		break;
	case OCW2_SET_PRIORITY: c->lowest = level; break;
	default: /* no operation */ break;
	}
}

static void write_ocw3(struct vpic_chip *c, u8 v)
{
	if (v & OCW3_ESMM)
		c->special_mask = v & OCW3_SMM;
	if (v & OCW3_POLL)
		c->poll = true;
	else if (v & OCW3_RR)
		c->read_isr = v & OCW3_RIS;
}

/* Writes to the odd port while the chip waits for ICW2, 3 or 4. */
static void write_icw(struct vpic_chip *c, u8 v)
{
	switch (c->init) {
	case 2:
		c->base = v & ICW2_BASE;
		c->init = !(c->icw1 & ICW1_SNGL) ? 3 : c->icw1 & ICW1_IC4 ? 4 : 0;
		break;
	case 3:
		c->icw3 = v;
		c->init = c->icw1 & ICW1_IC4 ? 4 : 0;
		break;
	default:
		c->icw4 = v;
		c->init = 0;
		break;
	}
}

static void chip_write(struct vpic_chip *c, bool odd, u8 v)
{
	if (odd && c->init)
		write_icw(c, v);
	else if (odd)
		c->imr = v;
	else if (v & ICW1)
		write_icw1(c, v);
	else if (v & OCW3)
		write_ocw3(c, v);
	else
		write_ocw2(c, v);
}

static u8 chip_read(struct vpic *p, struct vpic_chip *c, bool odd)
{
	if (c->poll)
		return vpic_poll(p, c);
	if (odd)
		return c->imr;
	return c->read_isr ? c->isr : chip_irr(c);
}

static void chip_io(struct vpic *p, unsigned which, struct io_access *a)
{
	struct vpic_chip *c = &p->state.chip[which];

	if (a->write) {
		chip_write(c, a->addr & 1, (u8)a->value);
		vpic_update(p);
	} else {
		a->value = chip_read(p, c, a->addr & 1);
	}
}

static void master_io(void *dev, struct io_access *a)
{
	chip_io(dev, MASTER, a);
}

static void slave_io(void *dev, struct io_access *a)
{
	chip_io(dev, SLAVE, a);
}

static void elcr_io(void *dev, struct io_access *a)
{
	struct vpic *p = dev;
	struct vpic_chip *c = &p->state.chip[a->addr & 1];

	if (!a->write) {
		a->value = c->elcr;
		return;
	}
	c->elcr = a->value & elcr_mask[a->addr & 1];
	c->edges &= ~c->elcr; /* a level-triggered input has no memory */
	vpic_update(p);
}

/* The chips ask for nothing before they have been initialised. */
void vpic_reset(struct vpic *p)
{
	u8 lines[] = { p->state.chip[MASTER].lines, p->state.chip[SLAVE].lines };
	bool output = p->state.output;

	memset(&p->state, 0, sizeof(p->state));
	for (unsigned i = MASTER; i <= SLAVE; i++) {
		struct vpic_chip *c = &p->state.chip[i];

		c->lines = lines[i]; /* the devices still drive them */
		c->imr = 0xff;
		c->lowest = 7;
	}
	p->state.output = output;
	vpic_update(p);
}

int vpic_init(struct vpic *p, struct iobus *bus, void (*output)(void *ctx, bool level), void *ctx)
{
	int r;

	p->output = output;
	p->ctx = ctx;
	memset(&p->state, 0, sizeof(p->state));
	vpic_reset(p);
	r = iobus_add_bytes(bus, IO_PORT, VPIC_MASTER_PORT, 2, "pic", master_io, p);
	if (r == 0)
		r = iobus_add_bytes(bus, IO_PORT, VPIC_SLAVE_PORT, 2, "pic", slave_io, p);
	if (r == 0)
		r = iobus_add_bytes(bus, IO_PORT, VPIC_ELCR_PORT, 2, "elcr", elcr_io, p);
	return r;
}
