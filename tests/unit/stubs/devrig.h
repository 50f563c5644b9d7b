#pragma once
/*
 * What a device under test sits on: a bus, a clock that the test moves, interrupt lines that count.
 */
#include "error.h"
#include "lib/string.h"
#include "tests/unit/stubs/unit.h"
#include "vmm/dev/devices.h"

struct devrig {
	struct iobus bus;
	struct vclock clock;
	u64 now;      /* host time */
	u64 deadline; /* what the clock last asked for, in guest time */
	unsigned rearms, resets, shutdowns;
	struct devrig_line {
		bool level;
		unsigned rises;
	} line[24];
};

/* Not 0, so that host and guest time are told apart. */
#define DEVRIG_HOST_START (1000 * NS_PER_SEC)

static inline u64 devrig_now(void *ctx)
{
	return ((struct devrig *)ctx)->now;
}

static inline void devrig_rearm(void *ctx, u64 deadline)
{
	struct devrig *rig = ctx;

	rig->deadline = deadline;
	rig->rearms++;
}

static inline void devrig_init(struct devrig *rig, u64 wall_ns)
{
	memset(rig, 0, sizeof(*rig));
	rig->now = DEVRIG_HOST_START;
	rig->deadline = VCLOCK_NEVER;
	iobus_init(&rig->bus);
	vclock_init(&rig->clock, devrig_now, devrig_rearm, rig, wall_ns);
}

static inline void devrig_set_line(void *ctx, unsigned gsi, bool level)
{
	struct devrig_line *l = &((struct devrig *)ctx)->line[gsi];

	l->rises += level && !l->level;
	l->level = level;
}

static inline struct irqline devrig_irq(struct devrig *rig, unsigned gsi)
{
	return (struct irqline){ .set = devrig_set_line, .ctx = rig, .gsi = gsi };
}

static inline void devrig_event(void *ctx, enum platform_event event)
{
	struct devrig *rig = ctx;

	if (event == PLATFORM_RESET)
		rig->resets++;
	else
		rig->shutdowns++;
}

static inline struct platform_hooks devrig_platform(struct devrig *rig)
{
	return (struct platform_hooks){ .event = devrig_event, .ctx = rig };
}

/* Guest time passes, and the clock is run whenever it asked for it. Returns the number of runs. */
static inline unsigned devrig_advance(struct devrig *rig, u64 ns)
{
	u64 end = rig->now + ns;
	unsigned runs = 0;

	while (rig->deadline != VCLOCK_NEVER && rig->deadline + DEVRIG_HOST_START <= end) {
		rig->now = MAX(rig->now, rig->deadline + DEVRIG_HOST_START);
		vclock_run(&rig->clock);
		runs++;
	}
	rig->now = end;
	return runs;
}

static inline u64 devrig_access(struct devrig *rig, enum io_space space, u64 addr, unsigned size,
				bool write, u64 value)
{
	struct io_access a = { .addr = addr, .size = (u8)size, .write = write, .value = value };

	iobus_access(&rig->bus, space, &a);
	assert_int_equal(a.addr, addr);
	return a.value;
}

static inline u8 inb(struct devrig *rig, u16 port)
{
	return (u8)devrig_access(rig, IO_PORT, port, 1, false, 0xdead);
}

static inline u16 inw(struct devrig *rig, u16 port)
{
	return (u16)devrig_access(rig, IO_PORT, port, 2, false, 0xdead);
}

static inline u32 inl(struct devrig *rig, u16 port)
{
	return (u32)devrig_access(rig, IO_PORT, port, 4, false, 0xdead);
}

static inline void outb(struct devrig *rig, u16 port, u8 value)
{
	devrig_access(rig, IO_PORT, port, 1, true, value);
}

static inline void outw(struct devrig *rig, u16 port, u16 value)
{
	devrig_access(rig, IO_PORT, port, 2, true, value);
}

static inline void outl(struct devrig *rig, u16 port, u32 value)
{
	devrig_access(rig, IO_PORT, port, 4, true, value);
}

/*
 * Random accesses of all sizes around the given ports, with random time between. Nothing to assert:
 * the sanitizers and the run time are the test.
 */
static inline void devrig_fuzz(struct devrig *rig, const u16 *ports, size_t count, u64 max_ns)
{
	u64 seed = 42;

	for (unsigned i = 0; i < 100000; i++) {
		u64 r = unit_random(&seed), v = unit_random(&seed);
		unsigned size = 1u << (r & 3) % 3;
		u16 port = ports[(r >> 8) % count];
		u64 got =
		    devrig_access(rig, IO_PORT, port, size, r & 0x80, v & (BIT(size * 8) - 1));

		assert_true(size == 4 ? got <= 0xffffffff : got < BIT(size * 8));
		if (r & 0x40000)
			assert_true(devrig_advance(rig, (r >> 20) % max_ns) < 100000);
	}
}
