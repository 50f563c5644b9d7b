#include "vmm/dev/vpci.h"

#include "error.h"
#include "lib/string.h"

#define REG_ADDRESS 0 /* offsets in the region CF8 .. CFF */
#define REG_RESET (VRESET_PORT - VPCI_ADDRESS_PORT)
#define REGION_SIZE 8

#define ADDRESS_WRITABLE 0x80fffffcu /* enable, bus, device, function, register */

/* The reset control register of the PIIX3 and ICH. */
#define RESET_CPU BIT(2)     /* a rising edge resets */
#define RESET_WRITABLE 0x0eu /* hard instead of soft, reset, power cycle */

static void write_reset(struct vpci *p, u8 v)
{
	bool edge = (v & RESET_CPU) && !(p->state.reset_control & RESET_CPU);

	p->state.reset_control = v & RESET_WRITABLE;
	if (edge && p->platform.event)
		p->platform.event(p->platform.ctx, PLATFORM_RESET);
}

/* Only a doubleword reaches the address register; only a byte the reset register inside it. */
static void vpci_io(void *dev, struct io_access *a)
{
	struct vpci *p = dev;
	bool address = a->addr == REG_ADDRESS && a->size == 4;
	bool reset = a->addr == REG_RESET && a->size == 1;

	if (address && a->write)
		p->state.address = (u32)a->value & ADDRESS_WRITABLE;
	else if (address)
		a->value = p->state.address;
	else if (reset && a->write)
		write_reset(p, (u8)a->value);
	else if (reset)
		a->value = p->state.reset_control;
	else if (!a->write)
		a->value = ~0ull; /* the data register: no device claims the cycle */
}

void vpci_reset(struct vpci *p)
{
	memset(&p->state, 0, sizeof(p->state));
}

int vpci_init(struct vpci *p, struct iobus *bus, struct platform_hooks platform)
{
	p->platform = platform;
	vpci_reset(p);
	return iobus_add(bus, IO_PORT, VPCI_ADDRESS_PORT, REGION_SIZE, "pci", vpci_io, p);
}
