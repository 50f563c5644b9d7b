/*
 * Fixed and lowest-priority interrupts between processors: every form of destination, to receivers
 * in every posture (SDM 3A 11.6.1, 11.6.2).
 */
#include "tests.h"

#define DFR_FLAT 0xffffffff
#define DFR_CLUSTER 0x0fffffff
#define TO_ALL 0xff
#define TO_ALL_X2APIC 0xffffffff

/* Each of the three sets this processor's logical ID. */
void set_flat(void *arg)
{
	u32 n = cpu_index();

	(void)arg;
	lapic_write(LAPIC_DFR, DFR_FLAT);
	lapic_write(LAPIC_LDR, n < 8 ? 1u << (24 + n) : 0);
}

/* Two processors in each cluster, so that four are two clusters. */
static void set_cluster(void *arg)
{
	u32 n = cpu_index();

	(void)arg;
	lapic_write(LAPIC_DFR, DFR_CLUSTER);
	lapic_write(LAPIC_LDR, (n / 2) << 28 | 1u << (24 + n % 2));
}

static void set_none(void *arg)
{
	(void)arg;
	lapic_write(LAPIC_DFR, DFR_FLAT);
	lapic_write(LAPIC_LDR, 0);
}

/* Those in `mask` get it, and nobody else. */
static bool send(u32 dest, u32 low, u32 mask)
{
	got_clear();
	lapic_ipi(dest, low);
	return wait_got(mask, (u8)low, 1) && got_is(mask, (u8)low, 1);
}

/* And afterwards nobody has got more than that. */
static bool last_was(u32 mask, u8 vector)
{
	settle();
	return got_is(mask, vector, 1);
}

static void check_physical(const char *how)
{
	u32 wrong = 0;

	for (u32 n = 0; n < cpu_count; n++)
		wrong += !send(cpus[n].apic_id, VECTOR_MID, 1u << n);
	wrong += !last_was(1u << (cpu_count - 1), VECTOR_MID);
	check_eq(wrong, 0, "physical, to each: %s", how);
	wrong = !send(lapic_x2apic ? TO_ALL_X2APIC : TO_ALL, VECTOR_MID, all_cpus());
	wrong += !last_was(all_cpus(), VECTOR_MID);
	check_eq(wrong, 0, "physical, broadcast: the others are %s", how);
	got_clear();
	lapic_ipi(cpu_count < CPUS_MAX ? cpus[cpu_count - 1].apic_id + 1 : 0x80, VECTOR_MID);
	check(last_was(0, VECTOR_MID), "physical, to nobody");
}

static void check_shorthands(const char *how)
{
	u32 others = all_cpus() & ~1u;
	bool ok;

	ok = send(0, ICR_SELF | VECTOR_MID, 1) && last_was(1, VECTOR_MID);
	check(ok, "shorthand self: the others are %s", how);
	ok = send(0, ICR_ALL | VECTOR_MID, all_cpus()) && last_was(all_cpus(), VECTOR_MID);
	check(ok, "shorthand all: the others are %s", how);
	ok = send(0, ICR_OTHERS | VECTOR_MID, others) && last_was(others, VECTOR_MID);
	check(ok, "shorthand all but self: the others are %s", how);
}

/* Every set of them up to four processors; of more each alone, rows of neighbours, and all. */
static bool worth_trying(u32 mask)
{
	return cpu_count <= 4 || mask == all_cpus() || !(mask & (mask - 1)) ||
	       !(mask & (mask + (mask & -mask)));
}

static void check_flat(const char *how)
{
	u32 all = all_cpus() & 0xff, wrong = 0;

	for (u32 mask = 1; mask <= all; mask++)
		if (worth_trying(mask))
			wrong += !send(mask, ICR_LOGICAL | VECTOR_MID, mask);
	wrong += !last_was(all, VECTOR_MID);
	check_eq(wrong, 0, "logical, flat: the others are %s", how);
}

static void check_cluster(const char *how)
{
	u32 wrong = 0;

	for (u32 c = 0; c < (cpu_count + 1) / 2; c++)
		for (u32 members = 1; members <= 3; members++) {
			u32 mask = members << (2 * c) & all_cpus();

			wrong += !send(c << 4 | members, ICR_LOGICAL | VECTOR_MID, mask);
		}
	settle();
	check_eq(wrong, 0, "logical, clusters: the others are %s", how);
	if (on_bare_tcg()) {
		check_skip("QEMU does not know it", "logical, clusters, broadcast");
		return;
	}
	wrong = !send(TO_ALL, ICR_LOGICAL | VECTOR_MID, all_cpus());
	wrong += !last_was(all_cpus(), VECTOR_MID);
	check_eq(wrong, 0, "logical, clusters, broadcast: the others are %s", how);
}

/* One of those named takes it. */
static bool send_lowest(u32 dest, u32 low, u32 mask)
{
	u32 outside = 0;
	bool ok;

	got_clear();
	lapic_ipi(dest, ICR_LOWEST | low);
	irq_on();
	ok = WAIT_FOR(got_sum((u8)low) >= 1, WAIT_MS);
	irq_off();
	settle();
	for (u32 n = 0; n < cpu_count; n++)
		if (!(mask >> n & 1))
			outside += got[n][(u8)low];
	return ok && got_sum((u8)low) == 1 && outside == 0;
}

static void check_lowest(const char *how)
{
	u32 all = all_cpus() & 0xff, wrong = 0;

	for (u32 mask = 1; mask <= all; mask++)
		if (worth_trying(mask))
			wrong += !send_lowest(mask, ICR_LOGICAL | VECTOR_MID, mask);
	check_eq(wrong, 0, "lowest priority, flat: one takes it; the others are %s", how);
}

/* x2APIC: the IDs of one cluster of 16 are the bits of one word (SDM 3A 11.12.10.2). */
static void check_logical_x2apic(const char *how)
{
	u32 all = all_cpus(), wrong = 0;

	for (u32 mask = 1; mask <= all; mask++)
		if (worth_trying(mask))
			wrong += !send(mask, ICR_LOGICAL | VECTOR_MID, mask);
	wrong += !last_was(all, VECTOR_MID);
	check_eq(wrong, 0, "logical, x2APIC: the others are %s", how);
	for (u32 mask = wrong = 0; mask < cpu_count; mask++)
		wrong += !send_lowest(1u << mask, ICR_LOGICAL | VECTOR_MID, 1u << mask);
	wrong += !send_lowest(all, ICR_LOGICAL | VECTOR_MID, all);
	check_eq(wrong, 0, "lowest priority, x2APIC: one takes it; the others are %s", how);
	got_clear();
	lapic_ipi(1u << 16 | 1, ICR_LOGICAL | VECTOR_MID);
	check(last_was(0, VECTOR_MID), "logical, x2APIC: another cluster is not ours");
}

void ipi_check_x2apic(bool logical)
{
	for (enum posture p = SPINNING; p <= HALTED; p++) {
		others_take(p);
		check_physical(posture_name[p]);
		check_shorthands(posture_name[p]);
		if (logical)
			check_logical_x2apic(posture_name[p]);
		check(others_resume(), "all go on");
	}
}

static void in_posture(enum posture p, cpu_function *set_id, void (*test)(const char *))
{
	bool ok = cpus_run(set_id, NULL, WAIT_MS);

	others_take(p);
	test(posture_name[p]);
	check(others_resume() && ok, "all go on");
}

/* A processor with interrupts off keeps them in IRR, each vector once. */
static void check_deaf(void)
{
	u32 others = all_cpus() & ~1u, ready;

	others_take(SPINNING_DEAF);
	got_clear();
	for (u32 i = 0; i < 2; i++) {
		lapic_ipi(0, ICR_OTHERS | VECTOR_LOW);
		lapic_ipi(0, ICR_OTHERS | VECTOR_HIGH);
	}
	settle();
	ready = got_sum(VECTOR_LOW) + got_sum(VECTOR_HIGH);
	check_eq(ready, 0, "with interrupts off nothing is taken");
	check(others_resume(), "all go on");
	check(wait_got(others, VECTOR_LOW, 1) && wait_got(others, VECTOR_HIGH, 1),
	      "with interrupts on again both vectors come");
	settle();
	check(got_is(others, VECTOR_LOW, 1) && got_is(others, VECTOR_HIGH, 1), "once each");
}

/* Software-disabled, an APIC takes no fixed interrupt (SDM 3A 11.4.7.2). */
static void disable(void *posture)
{
	lapic_write(LAPIC_SVR, LAPIC_SPURIOUS);
	lapic_write(LAPIC_TPR, 0);
	take_posture(posture);
	lapic_enable();
}

static void check_disabled(void)
{
	if (cpu_count < 2)
		return;
	got_clear();
	one_takes(1, disable, SPINNING);
	lapic_ipi(cpus[1].apic_id, VECTOR_MID);
	settle();
	check_eq_or_lax(got_sum(VECTOR_MID), 0,
			"a software-disabled APIC takes no fixed interrupt");
	check(others_resume(), "but NMIs");
	settle();
	check_eq_or_lax(got_sum(VECTOR_MID), 0, "and the fixed one is lost");
}

void smp_test_ipi(void)
{
	trap_set_handler(VECTOR_LOW, on_interrupt);
	trap_set_handler(VECTOR_MID, on_interrupt);
	trap_set_handler(VECTOR_HIGH, on_interrupt);
	for (enum posture p = SPINNING; p <= HALTED; p++) {
		in_posture(p, set_none, check_physical);
		in_posture(p, set_none, check_shorthands);
		in_posture(p, set_flat, check_flat);
		in_posture(p, set_flat, check_lowest);
		in_posture(p, set_cluster, check_cluster);
	}
	check_deaf();
	check_disabled();
}
