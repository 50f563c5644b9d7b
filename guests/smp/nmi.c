/* NMIs between processors: to one, to all others, to whoever is deaf to interrupts. */
#include "tests.h"

#define COUNT 20

static volatile u32 depth[CPUS_MAX], too_deep;
static volatile bool hold;

/* The next NMI waits for the IRET of this one (SDM 3A 6.7.1). */
static void on_nmi(struct trap_frame *frame)
{
	u32 n = cpu_index();

	if (depth[n]++)
		too_deep++;
	on_interrupt(frame);
	while (hold)
		cpu_pause();
	depth[n]--;
}

static void check_posture(enum posture p)
{
	u32 others = all_cpus() & ~1u, wrong = 0;

	others_take(p);
	trap_set_handler(VEC_NMI, on_nmi);
	settle();
	for (u32 n = 1; n < cpu_count; n++) {
		got_clear();
		lapic_ipi(cpus[n].apic_id, ICR_NMI);
		wrong += !wait_got(1u << n, VEC_NMI, 1) || !got_is(1u << n, VEC_NMI, 1);
	}
	check_eq(wrong, 0, "NMI, to each, %s", posture_name[p]);
	for (u32 i = 0; i < COUNT; i++) {
		got_clear();
		lapic_ipi(0, ICR_OTHERS | ICR_NMI);
		wrong += !wait_got(others, VEC_NMI, 1);
	}
	settle();
	wrong += !got_is(others, VEC_NMI, 1);
	check_eq(wrong, 0, "NMI, to all others %u times, %s", COUNT, posture_name[p]);
	check(others_resume(), "all go on");
}

/* While one is handled one more is kept, however many come. */
static void check_blocking(void)
{
	u32 count;

	if (cpu_count < 2)
		return;
	others_take(SPINNING_DEAF);
	trap_set_handler(VEC_NMI, on_nmi);
	settle();
	got_clear();
	too_deep = 0;
	hold = true;
	lapic_ipi(cpus[1].apic_id, ICR_NMI);
	check(wait_got(2, VEC_NMI, 1), "NMI: its handler begins");
	for (u32 i = 0; i < 3; i++)
		lapic_ipi(cpus[1].apic_id, ICR_NMI);
	settle();
	check_eq(got[1][VEC_NMI], 1, "NMI: none more while it runs");
	hold = false;
	WAIT_FOR(got[1][VEC_NMI] >= 2, WAIT_MS);
	settle();
	count = got[1][VEC_NMI];
	check(count == 2 || count == 3, "NMI: of three that came meanwhile one or two are kept");
	check_eq(too_deep, 0, "NMI: one after the other");
	check(others_resume(), "all go on");
}

void smp_test_nmi(void)
{
	for (enum posture p = SPINNING; p < POSTURES; p++)
		check_posture(p);
	check_blocking();
	trap_set_handler(VEC_NMI, on_interrupt);
}
