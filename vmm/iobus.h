#pragma once
/*
 * A partition's I/O bus: which device answers a port or a guest-physical address. Regions are added
 * while the partition is built and constant while it runs, so that look-ups take no lock.
 */
#include "compiler.h"
#include "types.h"

enum io_space { IO_PORT, IO_MEMORY };

/*
 * One access as the device sees it. addr is the offset inside the region; value holds size bytes.
 */
struct io_access {
	u64 addr;
	u64 value; /* write: zero-extended; read: the handler's answer, upper bytes ignored */
	u8 size;   /* 1, 2, 4, 8 */
	bool write;
};

/*
 * Called in a vCPU thread with the bus's device lock held. The access lies wholly inside the
 * region. Whatever a guest does is answered: there is no failure.
 */
typedef void (*io_handler_t)(void *dev, struct io_access *a);

struct io_region {
	enum io_space space;
	u64 base, size;
	const char *name;
	io_handler_t handler;
	void *dev;
	unsigned width; /* wider accesses are split into bytes: 1 or 8 */
	u64 accesses;	/* statistics, shown by the monitor */
};

#define IOBUS_REGIONS 48

struct iobus {
	/* Sorted by base; constant while the partition runs. */
	struct io_region port[IOBUS_REGIONS], memory[IOBUS_REGIONS];
	unsigned port_count, memory_count;
	/* Where the last access went, in each space: the next one is often beside it. */
	struct io_region *recent[2];
	/* Nothing is silently ignored: accesses that no device answered. */
	u64 stray_ports, stray_memory;
	u64 last_stray_port, last_stray_memory;
};

void iobus_init(struct iobus *bus);
/* -EEXIST: overlaps another region; -ENOSPC: the table is full; -EINVAL: empty or wraps. */
MUST_CHECK int iobus_add(struct iobus *bus, enum io_space space, u64 base, u64 size,
			 const char *name, io_handler_t handler, void *dev);
/*
 * The same for a device whose registers are one byte wide, as on the ISA bus: its handler sees only
 * bytes, and a wider access reaches consecutive addresses, lowest first.
 */
MUST_CHECK int iobus_add_bytes(struct iobus *bus, enum io_space space, u64 base, u64 size,
			       const char *name, io_handler_t handler, void *dev);
/*
 * Dispatches one access at an absolute address. An access that spans a region's end, or that starts
 * in none, is split into bytes as a PC's bus does; bytes without a device read as ones and are
 * counted.
 */
void iobus_access(struct iobus *bus, enum io_space space, struct io_access *a);
/* The region that holds the address, or NULL. */
struct io_region *iobus_find(struct iobus *bus, enum io_space space, u64 addr);
