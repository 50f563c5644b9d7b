#pragma once
/* Sixteen local APICs on a bus and a clock that the test moves, and what their hooks were told. */
#include "tests/unit/stubs/unit.h"

#include <string.h>

#include "error.h"
#include "vmm/dev/vlapic.h"
#include "vmm/dev/vlapic_regs.h"
#include "vmm/iobus.h"

#define CPUS 16
#define TSC_PER_NS 3

static struct vlapic_bus bus;
static struct vlapic apic[CPUS];
static struct vclock clock;
static u64 now_ns, rearmed_ns;
static struct {
	unsigned wakes, nmis, inits, startups, eois;
	u8 startup_vector, eoi_vector;
} seen[CPUS];

static inline u64 host_now(void *ctx)
{
	(void)ctx;
	return now_ns;
}

static inline void rearm(void *ctx, u64 deadline_ns)
{
	(void)ctx;
	rearmed_ns = deadline_ns;
}

static inline void on_wake(void *ctx)
{
	seen[(struct vlapic *)ctx - apic].wakes++;
}

static inline void on_nmi(void *ctx)
{
	seen[(struct vlapic *)ctx - apic].nmis++;
}

static inline void on_init(void *ctx)
{
	seen[(struct vlapic *)ctx - apic].inits++;
}

static inline void on_startup(void *ctx, u8 vector)
{
	seen[(struct vlapic *)ctx - apic].startups++;
	seen[(struct vlapic *)ctx - apic].startup_vector = vector;
}

static inline void on_eoi(void *ctx, u8 vector)
{
	seen[(struct vlapic *)ctx - apic].eois++;
	seen[(struct vlapic *)ctx - apic].eoi_vector = vector;
}

static inline u64 read_tsc(void *ctx)
{
	(void)ctx;
	return now_ns * TSC_PER_NS;
}

static inline u64 tsc_to_ns(void *ctx, u64 ticks)
{
	(void)ctx;
	return ticks / TSC_PER_NS;
}

/* All software-enabled, xAPIC, flat logical IDs of the first eight. */
static inline int setup(void **state)
{
	unsigned i;

	(void)state;
	memset(&bus, 0, sizeof(bus));
	memset(seen, 0, sizeof(seen));
	now_ns = 1000000;
	rearmed_ns = ~0ull;
	vclock_init(&clock, host_now, rearm, NULL, 0);
	for (i = 0; i < CPUS; i++) {
		struct vlapic_hooks hooks = {
			.wake = on_wake,
			.nmi = on_nmi,
			.init = on_init,
			.startup = on_startup,
			.eoi_broadcast = on_eoi,
			.read_tsc = read_tsc,
			.tsc_to_ns = tsc_to_ns,
			.ctx = &apic[i],
		};

		vlapic_init(&apic[i], i, &bus, &clock, &hooks);
		vlapic_write(&apic[i], APIC_SVR, 0x1ff);
		if (i < 8)
			vlapic_write(&apic[i], APIC_LDR, 0x1000000u << i);
	}
	return 0;
}

static inline void advance(u64 ns)
{
	now_ns += ns;
	vclock_run(&clock);
}

static inline void to_x2apic(struct vlapic *a)
{
	assert_int_equal(vlapic_msr_write(a, MSR_APIC_BASE, a->state.base | APIC_BASE_X2APIC), 0);
}

static inline u32 x2apic_msr(u32 offset)
{
	return MSR_X2APIC_BASE + offset / 16;
}

static inline void wrmsr(struct vlapic *a, u32 offset, u64 value)
{
	assert_int_equal(vlapic_msr_write(a, x2apic_msr(offset), value), 0);
}

static inline void wrmsr_refused(struct vlapic *a, u32 offset, u64 value)
{
	assert_int_equal(vlapic_msr_write(a, x2apic_msr(offset), value), -EINVAL);
}

static inline u64 rdmsr(struct vlapic *a, u32 offset)
{
	u64 value;

	assert_int_equal(vlapic_msr_read(a, x2apic_msr(offset), &value), 0);
	return value;
}

static inline void ipi(struct vlapic *a, u32 low, u32 dest)
{
	vlapic_write(a, APIC_ICR_HIGH, dest << 24);
	vlapic_write(a, APIC_ICR_LOW, low);
}

/* The processor takes and ends what is pending: its vector. */
static inline int serve(struct vlapic *a)
{
	int vector = vlapic_pending(a);

	if (vector >= 0) {
		vlapic_accept(a, (u8)vector);
		vlapic_write(a, APIC_EOI, 0);
	}
	return vector;
}

/* Bit n: APIC n has exactly this vector pending; it is served. */
static inline u32 who_got(u8 vector)
{
	u32 mask = 0;
	unsigned i;

	for (i = 0; i < CPUS; i++)
		if (vlapic_pending(&apic[i]) == vector && serve(&apic[i]) == vector)
			mask |= 1u << i;
	for (i = 0; i < CPUS; i++)
		assert_int_equal(vlapic_pending(&apic[i]), -1);
	return mask;
}

static inline void fixed(struct vlapic *a, u8 vector)
{
	assert_int_equal(vlapic_bus_deliver(&bus, a->state.id, false, APIC_FIXED, vector, false),
			 1);
}
