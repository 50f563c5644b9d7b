/*
 * smp: several processors. How they come up, interrupts between them in every mode and form, INIT
 * and SIPI, the state an INIT leaves, timers, the I/O APIC's destinations, time that is in step,
 * locks, page tables and code that change under the others' feet. Also runs on one processor.
 *	only=A,B	these groups alone
 *	cpus=N		there have to be N processors
 *	rounds=N	N times as many rounds of the long ones
 */
#include "tests.h"

static const struct {
	const char *name;
	void (*run)(void);
} groups[] = {
	{ "tables", smp_test_tables }, { "ipi", smp_test_ipi },
	{ "nmi", smp_test_nmi },       { "priority", smp_test_priority },
	{ "error", smp_test_error },   { "init", smp_test_init },
	{ "state", smp_test_state },   { "timer", smp_test_timer },
	{ "ioapic", smp_test_ioapic }, { "race", smp_test_race },
	{ "clock", smp_test_clock },   { "lock", smp_test_lock },
	{ "memory", smp_test_memory }, { "x2apic", smp_test_x2apic },
};

u32 rounds(u32 standard)
{
	return standard * (u32)cmdline_number("rounds", 1);
}

/* "a,b,c" has this name. */
static bool chosen(const char *list, const char *name)
{
	size_t n = strlen(name);

	for (; *list; list++) {
		if (memcmp(list, name, n) == 0 && (list[n] == ',' || !list[n]))
			return true;
		while (*list && *list != ',')
			list++;
		if (!*list)
			break;
	}
	return false;
}

static void on_spurious(struct trap_frame *frame)
{
	(void)frame; /* no EOI: nothing is in service */
}

void guest_main(u32 mb_magic, u32 mb_info)
{
	char only[128];
	bool all = !cmdline_get("only", only, sizeof(only));

	(void)mb_magic;
	(void)mb_info;
	print("smp: %s\n", in_partition() ? "in a partition" : "not in a partition");
	trap_set_handler(LAPIC_SPURIOUS, on_spurious);
	ioapic_mask_all();
	pit_stop(); /* firmware leaves it ticking: an edge that no check has asked for */
	print("smp: %u processors, %llu TSC ticks per millisecond\n", smp_init(), tsc_per_ms());
	print("group: start\n");
	smp_test_start(); /* all others need what it starts */
	for (u32 i = 0; i < ARRAY_SIZE(groups); i++) {
		if (!all && !chosen(only, groups[i].name))
			continue;
		print("group: %s\n", groups[i].name);
		groups[i].run();
	}
}
