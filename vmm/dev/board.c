#include "vmm/dev/board.h"

#include "error.h"
#include "lib/string.h"

#define PIC_INPUTS 16
#define EXTINT_PIN 0
#define PIC_CASCADE 2 /* the PIC's input that the slave occupies, where the IOAPIC has the PIT */

void board_set_gsi(void *board, unsigned gsi, bool level)
{
	struct board *b = board;

	if (gsi == PIC_CASCADE)
		return;
	if (gsi < PIC_INPUTS)
		vpic_set(&b->pic, gsi, level);
	vioapic_set(&b->ioapic, gsi == VPIT_GSI ? PIC_CASCADE : gsi, level);
}

static struct irqline board_line(struct board *b, unsigned gsi)
{
	return (struct irqline){ .set = board_set_gsi, .ctx = b, .gsi = gsi };
}

/* LINT0 first: a message of the IOAPIC stands for the request that it finds there. */
static void board_set_extint(void *board, bool level)
{
	struct board *b = board;

	b->extint(b->extint_ctx, level);
	vioapic_set(&b->ioapic, EXTINT_PIN, level);
}

/* First, because the other devices drive their lines when they are made. */
static int init_controllers(struct board *b, const struct board_config *c)
{
	int r;

	b->extint = c->extint;
	b->extint_ctx = c->ctx;
	r = vpic_init(&b->pic, c->bus, board_set_extint, b);

	if (r == 0)
		r = vioapic_init(&b->ioapic, c->bus, &b->apics);
	return r;
}

static int init_clocks(struct board *b, const struct board_config *c)
{
	int r = vpit_init(&b->pit, c->bus, c->clock, board_line(b, VPIT_GSI));

	if (r == 0)
		r = vrtc_init(&b->rtc, c->bus, c->clock, board_line(b, VRTC_GSI),
			      c->memory_below_4g, c->memory_above_4g);
	if (r == 0)
		r = vpm_init(&b->pm, c->bus, c->clock, board_line(b, VPM_SCI_GSI), c->platform);
	return r;
}

static int init_ports(struct board *b, const struct board_config *c)
{
	int r = vuart_init(&b->com1, c->bus, c->clock, VUART_COM1_PORT, "com1",
			   board_line(b, VUART_COM1_GSI), c->com1);

	if (r == 0)
		r = vi8042_init(&b->i8042, c->bus, board_line(b, VI8042_KBD_GSI),
				board_line(b, VI8042_AUX_GSI), c->platform);
	if (r == 0)
		r = vpci_init(&b->pci, c->bus, c->platform);
	if (r == 0)
		r = vport_init(&b->port, c->bus, c->platform);
	return r;
}

int board_init(struct board *b, const struct board_config *config)
{
	int r;

	memset(b, 0, sizeof(*b));
	r = init_controllers(b, config);
	if (r == 0)
		r = init_clocks(b, config);
	if (r == 0)
		r = init_ports(b, config);
	return r;
}
