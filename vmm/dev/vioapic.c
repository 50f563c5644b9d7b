/*
 * The I/O APIC. Two registers select and access the others; each of the 24 pins has an entry that
 * says what message goes to which local APIC. 82093AA data sheet, chapter 3.
 */
#include "vmm/dev/vioapic.h"

#include "lib/string.h"
#include "vmm/iobus.h"

/* The memory window. */
#define IOREGSEL 0x00
#define IOWIN 0x10
#define IOEOI 0x40 /* of version 0x20: software ends an interrupt itself */

/* What IOREGSEL selects. */
#define IOAPICID 0x00
#define IOAPICVER 0x01
#define IOAPICARB 0x02
#define IOREDTBL 0x10

#define IOAPIC_ID_BITS 0x0f000000u
#define IOAPIC_VERSION ((u32)VIOAPIC_VERSION | (VIOAPIC_PINS - 1) << 16)

/* A redirection entry, 3.2.4. */
#define REDIR_VECTOR 0xffull
#define REDIR_MODE_SHIFT 8
#define REDIR_MODE 0x700ull
#define REDIR_LOGICAL BIT(11)
#define REDIR_STATUS BIT(12) /* always idle here */
#define REDIR_POLARITY BIT(13)
#define REDIR_REMOTE_IRR BIT(14)
#define REDIR_LEVEL BIT(15)
#define REDIR_MASKED BIT(16)
#define REDIR_DEST_SHIFT 56
#define REDIR_WRITABLE                                                                             \
	(REDIR_VECTOR | REDIR_MODE | REDIR_LOGICAL | REDIR_POLARITY | REDIR_LEVEL | REDIR_MASKED | \
	 0xffull << REDIR_DEST_SHIFT)

static enum vlapic_delivery redir_mode(u64 entry)
{
	return (entry & REDIR_MODE) >> REDIR_MODE_SHIFT;
}

/* Only these two modes know a level; the others are edges whatever the entry says. */
static bool redir_is_level(u64 entry)
{
	enum vlapic_delivery mode = redir_mode(entry);

	return (entry & REDIR_LEVEL) && (mode == APIC_FIXED || mode == APIC_LOWEST);
}

static bool pin_send(struct vioapic *io, u64 entry)
{
	unsigned taken = vlapic_bus_deliver(io->apics, (u32)(entry >> REDIR_DEST_SHIFT),
					    entry & REDIR_LOGICAL, redir_mode(entry),
					    (u8)(entry & REDIR_VECTOR), redir_is_level(entry));

	if (!taken)
		io->undelivered++;
	return taken;
}

/* A level pin sends once, then waits for the EOI of an APIC that took it. */
static void pin_level(struct vioapic *io, unsigned pin)
{
	u64 *entry = &io->state.redir[pin];

	if (!redir_is_level(*entry) || (*entry & (REDIR_MASKED | REDIR_REMOTE_IRR)))
		return;
	if (!(io->state.lines & (1u << pin)))
		return;
	/* First the bit: the APIC may end the interrupt before the message returns to us. */
	*entry |= REDIR_REMOTE_IRR;
	if (!pin_send(io, *entry))
		*entry &= ~REDIR_REMOTE_IRR;
}

void vioapic_set(struct vioapic *io, unsigned pin, bool level)
{
	struct vioapic_state *s = &io->state;
	u32 bit = 1u << (pin & 31);
	bool rising;

	if (pin >= VIOAPIC_PINS)
		return;
	rising = level && !(s->lines & bit);
	s->lines = level ? s->lines | bit : s->lines & ~bit;
	if (redir_is_level(s->redir[pin]))
		pin_level(io, pin);
	else if (rising && !(s->redir[pin] & REDIR_MASKED)) /* masked edges are lost: 3.2.4 */
		pin_send(io, s->redir[pin]);
}

void vioapic_eoi(struct vioapic *io, u8 vector)
{
	u64 waits = vector | REDIR_REMOTE_IRR;
	unsigned pin;

	for (pin = 0; pin < VIOAPIC_PINS; pin++) {
		if ((io->state.redir[pin] & (REDIR_VECTOR | REDIR_REMOTE_IRR)) != waits)
			continue;
		io->state.redir[pin] &= ~REDIR_REMOTE_IRR;
		pin_level(io, pin);
	}
}

static void redir_write(struct vioapic *io, unsigned index, u32 value)
{
	unsigned pin = index / 2;
	unsigned shift = index % 2 * 32;
	u64 *entry = &io->state.redir[pin];
	u64 writable = REDIR_WRITABLE & (0xffffffffull << shift);

	*entry = (*entry & ~writable) | ((u64)value << shift & writable);
	if (!redir_is_level(*entry)) /* how systems get rid of an interrupt that nobody ends */
		*entry &= ~REDIR_REMOTE_IRR;
	pin_level(io, pin);
}

static u32 register_read(const struct vioapic *io)
{
	const struct vioapic_state *s = &io->state;
	unsigned index;

	switch (s->select) {
	case IOAPICID:
	case IOAPICARB: /* loaded with the ID: 3.2.3 */ return s->id;
	case IOAPICVER: return IOAPIC_VERSION;
	}
	if (s->select < IOREDTBL || s->select >= IOREDTBL + 2 * VIOAPIC_PINS)
		return 0;
	index = s->select - IOREDTBL;
	return (u32)(s->redir[index / 2] >> (index % 2 * 32));
}

static void register_write(struct vioapic *io, u32 value)
{
	struct vioapic_state *s = &io->state;

	if (s->select == IOAPICID)
		s->id = value & IOAPIC_ID_BITS;
	else if (s->select >= IOREDTBL && s->select < IOREDTBL + 2 * VIOAPIC_PINS)
		redir_write(io, s->select - IOREDTBL, value);
}

static u32 window_read(const struct vioapic *io, u32 reg)
{
	if (reg == IOREGSEL)
		return io->state.select;
	return reg == IOWIN ? register_read(io) : 0;
}

static void window_write(struct vioapic *io, u32 reg, u32 value)
{
	if (reg == IOREGSEL)
		io->state.select = value & 0xff;
	else if (reg == IOWIN)
		register_write(io, value);
	else if (reg == IOEOI)
		vioapic_eoi(io, (u8)value);
}

/*
 * Accesses are 32 bits wide (3.0). Others are undefined: here they reach the bytes of the register
 * that they name, and what lies behind it reads 0.
 */
void vioapic_io(void *dev, struct io_access *access)
{
	struct vioapic *io = dev;
	u32 reg = access->addr & ~3ull & (VIOAPIC_SIZE - 1);
	unsigned shift = (access->addr & 3) * 8;
	u32 mask = (access->size >= 4 ? ~0u : (1u << access->size * 8) - 1) << shift;

	if (!access->write) {
		access->value = window_read(io, reg) >> shift;
		return;
	}
	window_write(io, reg,
		     (window_read(io, reg) & ~mask) | ((u32)access->value << shift & mask));
}

void vioapic_reset(struct vioapic *io)
{
	u32 lines = io->state.lines; /* wires, not state of ours */
	unsigned pin;

	memset(&io->state, 0, sizeof(io->state));
	io->state.lines = lines;
	for (pin = 0; pin < VIOAPIC_PINS; pin++)
		io->state.redir[pin] = REDIR_MASKED;
}

int vioapic_init(struct vioapic *io, struct iobus *bus, struct vlapic_bus *apics)
{
	memset(io, 0, sizeof(*io));
	io->apics = apics;
	vioapic_reset(io);
	return iobus_add(bus, IO_MEMORY, VIOAPIC_BASE, VIOAPIC_SIZE, "ioapic", vioapic_io, io);
}
