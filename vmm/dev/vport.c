#include "vmm/dev/vport.h"

#include "error.h"
#include "lib/string.h"

#define PORT92_RESET BIT(0) /* a rising edge resets */
#define PORT92_A20 BIT(1)   /* remembered; address line 20 is never masked */

/* Where guests look for what this PC has not, or write without wanting an answer. */
static const struct {
	u16 base, size;
	const char *name;
} quiet_ports[] = {
	{ 0x0ed, 1, "delay" },	/* the other port that is written to pass the time */
	{ 0x0f0, 2, "no-fpu" }, /* clears the busy latch of an external coprocessor */
	{ 0x2e8, 8, "no-com4" }, { 0x2f8, 8, "no-com2" }, { 0x3e8, 8, "no-com3" },
};

static void post_io(void *dev, struct io_access *a)
{
	struct vport *p = dev;

	if (a->write)
		p->state.post = (u8)a->value;
	else
		a->value = p->state.post;
}

static void port92_io(void *dev, struct io_access *a)
{
	struct vport *p = dev;
	u8 old = p->state.port92;

	if (!a->write) {
		a->value = old;
		return;
	}
	p->state.port92 = (u8)a->value;
	if ((a->value & PORT92_RESET) && !(old & PORT92_RESET) && p->platform.event)
		p->platform.event(p->platform.ctx, PLATFORM_RESET);
}

static void quiet_io(void *dev, struct io_access *a)
{
	(void)dev;
	if (!a->write)
		a->value = ~0ull;
}

void vport_reset(struct vport *p)
{
	p->state.post = 0;
	p->state.port92 = PORT92_A20;
}

int vport_init(struct vport *p, struct iobus *bus, struct platform_hooks platform)
{
	int r;

	p->platform = platform;
	vport_reset(p);
	r = iobus_add_bytes(bus, IO_PORT, VPOST_PORT, 1, "post", post_io, p);
	if (r == 0)
		r = iobus_add_bytes(bus, IO_PORT, VPORT92, 1, "port92", port92_io, p);
	for (unsigned i = 0; r == 0 && i < ARRAY_SIZE(quiet_ports); i++)
		r = iobus_add(bus, IO_PORT, quiet_ports[i].base, quiet_ports[i].size,
			      quiet_ports[i].name, quiet_io, p);
	return r;
}
