/* Intel 82093AA data sheet. All pins are masked until somebody routes them. */
#include "compiler.h"
#include "drivers/apic.h"
#include "error.h"
#include "kernel/log.h"
#include "kernel/machine.h"
#include "lib/spinlock.h"
#include "mm/kspace.h"

#define IOAPIC_SIZE 0x20
#define IOREGSEL 0x00
#define IOWIN 0x10
#define REG_VERSION 0x01
#define REG_REDIRECTION(pin) (0x10 + 2 * (pin))
#define VERSION_MAX_PIN(v) (((v) >> 16) & 0xff)
#define RED_DELIVERY_NMI 0x400
#define RED_ACTIVE_LOW 0x2000
#define RED_LEVEL 0x8000
#define RED_MASKED 0x10000
#define RED_DEST_SHIFT 24
#define RED_LOGICAL 0x800

struct ioapic {
	volatile u32 *registers;
	u32 gsi_base, pins;
};

/* Protects the register pairs; taken with interrupts off. */
static struct spinlock lock = SPINLOCK_INIT(LOCK_IOAPIC);
static struct ioapic ioapics[MACHINE_IOAPICS];
static unsigned ioapic_count;

static u32 reg_read(const struct ioapic *io, u32 reg)
{
	io->registers[IOREGSEL / sizeof(u32)] = reg;
	return io->registers[IOWIN / sizeof(u32)];
}

static void reg_write(const struct ioapic *io, u32 reg, u32 value)
{
	io->registers[IOREGSEL / sizeof(u32)] = reg;
	io->registers[IOWIN / sizeof(u32)] = value;
}

void ioapic_init(void)
{
	for (unsigned i = 0; i < machine.ioapic_count; i++) {
		struct ioapic *io = &ioapics[ioapic_count];

		io->registers = kspace_map_device(machine.ioapic[i].base, IOAPIC_SIZE);
		if (!io->registers) {
			log_error("no memory to map IOAPIC %u", machine.ioapic[i].id);
			continue;
		}
		io->gsi_base = machine.ioapic[i].gsi_base;
		io->pins = VERSION_MAX_PIN(reg_read(io, REG_VERSION)) + 1;
		for (u32 pin = 0; pin < io->pins; pin++)
			reg_write(io, REG_REDIRECTION(pin), RED_MASKED);
		ioapic_count++;
	}
}

static const struct ioapic *find(u32 gsi)
{
	for (unsigned i = 0; i < ioapic_count; i++)
		if (gsi >= ioapics[i].gsi_base && gsi - ioapics[i].gsi_base < ioapics[i].pins)
			return &ioapics[i];
	return NULL;
}

static int route(u32 gsi, u32 apic_id, u32 low)
{
	const struct ioapic *io = find(gsi);
	u64 flags;

	if (!io)
		return -EINVAL;
	flags = spin_lock_irq(&lock);
	reg_write(io, REG_REDIRECTION(gsi - io->gsi_base) + 1, apic_id << RED_DEST_SHIFT);
	reg_write(io, REG_REDIRECTION(gsi - io->gsi_base), low);
	spin_unlock_irq(&lock, flags);
	return 0;
}

int ioapic_route(u32 gsi, u8 vector, u32 apic_id, bool active_low, bool level)
{
	return route(gsi, apic_id,
		     vector | (active_low ? RED_ACTIVE_LOW : 0) | (level ? RED_LEVEL : 0));
}

int ioapic_route_nmi(u32 gsi, bool active_low)
{
	return route(gsi, APIC_LOGICAL_OURS,
		     RED_LOGICAL | RED_DELIVERY_NMI | (active_low ? RED_ACTIVE_LOW : 0));
}

void ioapic_mask(u32 gsi, bool masked)
{
	const struct ioapic *io = find(gsi);
	u64 flags;
	u32 reg, low;

	if (!io)
		return;
	reg = REG_REDIRECTION(gsi - io->gsi_base);
	flags = spin_lock_irq(&lock);
	low = reg_read(io, reg);
	reg_write(io, reg, masked ? low | RED_MASKED : low & ~(u32)RED_MASKED);
	spin_unlock_irq(&lock, flags);
}
