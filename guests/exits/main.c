/*
 * exits: everything a guest does that makes its processor leave to the virtual machine monitor,
 * on Intel as on AMD. A correct monitor is invisible, so most checks are those of the manuals and
 * also hold on a bare machine; the rest asks whether it is in a partition first.
 * `only=NAME` runs one group.
 */
#include "exits.h"

static const struct {
	const char *name;
	void (*run)(void);
} groups[] = {
	{ "cpuid", exits_cpuid },
	{ "io", exits_io },
	{ "string", exits_string_io },
	{ "msr", exits_msr },
	{ "cr", exits_cr },
	{ "xcr", exits_xcr },
	{ "traps", exits_traps },
	{ "debug", exits_debug },
	{ "memory", exits_memory },
	{ "hypercall", exits_hypercall },
	{ "halt", exits_halt },
	{ "misc", exits_misc },
};

void guest_main(u32 mb_magic, u32 mb_info)
{
	char only[16];
	bool all = !cmdline_get("only", only, sizeof(only));

	(void)mb_magic;
	(void)mb_info;
	print("exits: %s, %s\n", in_partition() ? "in a partition" : "not in a partition",
	      vendor_is_amd() ? "AMD" : "Intel");
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
	window_init();
	for (u32 i = 0; i < ARRAY_SIZE(groups); i++) {
		if (!all && !str_equal(only, groups[i].name))
			continue;
		print("group: %s\n", groups[i].name);
		groups[i].run();
	}
}
