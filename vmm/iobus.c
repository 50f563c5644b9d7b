#include "vmm/iobus.h"

#include "error.h"
#include "lib/string.h"

#define WIDTH_BYTE 1u
#define WIDTH_ANY 8u

void iobus_init(struct iobus *bus)
{
	memset(bus, 0, sizeof(*bus));
}

static struct io_region *table_of(struct iobus *bus, enum io_space space, unsigned *count)
{
	*count = space == IO_PORT ? bus->port_count : bus->memory_count;
	return space == IO_PORT ? bus->port : bus->memory;
}

static int region_add(struct iobus *bus, const struct io_region *r)
{
	unsigned *count = r->space == IO_PORT ? &bus->port_count : &bus->memory_count;
	struct io_region *table = r->space == IO_PORT ? bus->port : bus->memory;
	u64 last = r->base + r->size - 1;
	unsigned at = 0;

	if (r->size == 0 || last < r->base || (r->space == IO_PORT && last > 0xffff))
		return -EINVAL;
	while (at < *count && table[at].base < r->base)
		at++;
	if (at < *count && table[at].base <= last)
		return -EEXIST;
	if (at > 0 && r->base - table[at - 1].base < table[at - 1].size)
		return -EEXIST;
	if (*count == IOBUS_REGIONS)
		return -ENOSPC;
	bus->recent[r->space] = NULL;
	memmove(&table[at + 1], &table[at], (*count - at) * sizeof(*table));
	table[at] = *r;
	(*count)++;
	return 0;
}

int iobus_add(struct iobus *bus, enum io_space space, u64 base, u64 size, const char *name,
	      io_handler_t handler, void *dev)
{
	struct io_region r = { space, base, size, name, handler, dev, WIDTH_ANY, 0 };

	return region_add(bus, &r);
}

int iobus_add_bytes(struct iobus *bus, enum io_space space, u64 base, u64 size, const char *name,
		    io_handler_t handler, void *dev)
{
	struct io_region r = { space, base, size, name, handler, dev, WIDTH_BYTE, 0 };

	return region_add(bus, &r);
}

struct io_region *iobus_find(struct iobus *bus, enum io_space space, u64 addr)
{
	unsigned count;
	struct io_region *r = table_of(bus, space, &count);

	if (count == 0)
		return NULL;
	/* The last region that begins at or below the address, if any, is among r[0..count-1]. */
	while (count > 1) {
		unsigned half = count / 2;

		if (r[half].base <= addr)
			r += half;
		count -= half;
	}
	/* An address below the first region wraps to a large offset. */
	return addr - r->base < r->size ? r : NULL;
}

static u64 size_mask(unsigned size)
{
	return size >= 8 ? ~0ull : (1ull << size * 8) - 1;
}

static void region_access(struct io_region *r, struct io_access *a)
{
	u64 addr = a->addr;

	r->accesses++;
	a->addr = addr - r->base;
	r->handler(r->dev, a);
	a->addr = addr;
	if (!a->write)
		a->value &= size_mask(a->size);
}

/* One byte of a wider access. False when no device answers. */
static bool access_byte(struct iobus *bus, enum io_space space, struct io_access *byte)
{
	struct io_region *r = iobus_find(bus, space, byte->addr);

	if (!r) {
		byte->value = 0xff;
		return false;
	}
	region_access(r, byte);
	return true;
}

static void stray_count(struct iobus *bus, enum io_space space, u64 addr)
{
	if (space == IO_PORT) {
		bus->stray_ports++;
		bus->last_stray_port = addr;
	} else {
		bus->stray_memory++;
		bus->last_stray_memory = addr;
	}
}

/* As a PC's bus does for a narrow device: consecutive byte cycles, lowest address first. */
static void access_split(struct iobus *bus, enum io_space space, struct io_access *a)
{
	u64 value = 0, stray_addr = 0;
	bool stray = false;

	for (unsigned i = 0; i < a->size && i < sizeof(a->value); i++) {
		struct io_access byte = { .addr = a->addr + i,
					  .size = 1,
					  .write = a->write,
					  .value = (u8)(a->value >> i * 8) };

		if (!access_byte(bus, space, &byte) && !stray) {
			stray = true;
			stray_addr = a->addr + i;
		}
		value |= (byte.value & 0xff) << i * 8;
	}
	if (!a->write)
		a->value = value;
	if (stray)
		stray_count(bus, space, stray_addr);
}

void iobus_access(struct iobus *bus, enum io_space space, struct io_access *a)
{
	struct io_region *r = bus->recent[space];

	if (!r || a->addr - r->base >= r->size) {
		r = iobus_find(bus, space, a->addr);
		if (r)
			bus->recent[space] = r;
	}
	if (likely(r && a->size <= r->width && a->size <= r->size - (a->addr - r->base)))
		region_access(r, a);
	else
		access_split(bus, space, a);
}
