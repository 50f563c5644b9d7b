#include "vmm/kvmclock.h"

#include "error.h"
#include "kernel/machine.h"
#include "vmm/partition.h"

struct wall_clock_page {
	u32 version, sec, nsec;
};

struct system_time_page {
	u32 version, pad0;
	u64 tsc_timestamp; /* guest TSC at system_time */
	u64 system_time;   /* ns */
	u32 tsc_to_system_mul;
	s8 tsc_shift;
	u8 flags;
	u8 pad[2];
};
static_assert(sizeof(struct system_time_page) == 32, "the layout is the guest's");

#define SYSTEM_TIME_ENABLE BIT(0)
#define CLOCK_TSC_STABLE BIT(0)

int kvmclock_write_wall(struct vcpu *v, u64 value)
{
	/* The time of day when the guest's clock was 0; an even version means it is complete. */
	u64 boot = vclock_wall(&v->partition->clock) - vclock_now(&v->partition->clock);
	struct wall_clock_page page = {
		.version = 2,
		.sec = (u32)(boot / NS_PER_SEC),
		.nsec = (u32)(boot % NS_PER_SEC),
	};

	v->kvm_wall_clock = value;
	return gmem_write(&v->partition->space, value, &page, sizeof(page)) ? -EINVAL : 0;
}

/* ns = ((ticks << shift) * mul) >> 32, with the largest mul that fits 32 bits. */
static void scale_for_khz(u64 khz, u32 *mul, s8 *shift)
{
	u64 numerator = 1000000ull; /* ns per tick = 10^6 / kHz */

	*shift = 0;
	while (numerator >= khz) { /* the quotient must be below 1, so that mul fits */
		khz <<= 1;
		(*shift)++;
	}
	while (numerator * 2 < khz) {
		khz = (khz + 1) >> 1;
		(*shift)--;
	}
	*mul = (u32)((numerator << 32) / khz);
}

/* While the version is odd the page is being written. */
static int write_system_page(struct vcpu *v, gpa_t gpa, struct system_time_page *page)
{
	struct gpspace *space = &v->partition->space;

	page->version = v->kvm_version + 1;
	if (gmem_write(space, gpa, page, sizeof(*page)))
		return -EINVAL;
	v->kvm_version += 2;
	return gmem_write(space, gpa, &v->kvm_version, sizeof(v->kvm_version)) ? -EINVAL : 0;
}

/*
 * Every page of a partition tells the same pair of a TSC and a time, that of the start, whenever it
 * is written: so what two vCPUs compute at one moment is the same to the nanosecond, as
 * CLOCK_TSC_STABLE promises.
 */
int kvmclock_write_system(struct vcpu *v, u64 value)
{
	const struct partition *p = v->partition;
	struct system_time_page page = {
		.tsc_timestamp = p->start_tsc + v->tsc_offset,
		.system_time = p->start_ns,
		.flags = CLOCK_TSC_STABLE,
	};

	v->kvm_system_time = value;
	if (!(value & SYSTEM_TIME_ENABLE))
		return 0;
	scale_for_khz(machine.tsc_khz, &page.tsc_to_system_mul, &page.tsc_shift);
	return write_system_page(v, value & ~SYSTEM_TIME_ENABLE, &page);
}

int kvmclock_tsc_moved(struct vcpu *v)
{
	return kvmclock_write_system(v, v->kvm_system_time);
}
