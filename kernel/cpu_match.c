/*
 * Are all processors of a kind? A thread, and with it a guest, may run on any of them, and both
 * have looked at CPUID on one.
 */
#include "kernel/cpu.h"
#include "lib/format.h"
#include "x86/insn.h"

enum { EAX, EBX, ECX, EDX };
static const char *const register_names[] = { "EAX", "EBX", "ECX", "EDX" };

/* SDM 2A CPUID, APM 3 appendix E. What is not compared differs by nature, or is in use nowhere. */
static const struct {
	u32 leaf, subleaf;
	u8 reg;
	u32 ignored; /* these bits show how CR4 is set now */
} compared[] = {
	{ 0, 0, EBX, 0 },	/* the vendor */
	{ 1, 0, ECX, BIT(27) }, /* OSXSAVE */
	{ 1, 0, EDX, 0 },
	{ 7, 0, EBX, 0 },
	{ 7, 0, ECX, BIT(4) }, /* OSPKE */
	{ 7, 0, EDX, 0 },
	{ 0xd, 0, EAX, 0 }, /* XCR0, and the bytes that all of it takes */
	{ 0xd, 0, ECX, 0 },
	{ 0xd, 0, EDX, 0 },
	{ 0xd, 1, EAX, 0 },
	{ 0x80000001, 0, ECX, 0 },
	{ 0x80000001, 0, EDX, 0 },
	{ 0x80000007, 0, EDX, 0 }, /* invariant TSC */
	{ 0x80000008, 0, EAX, 0 }, /* address sizes */
};

static u32 boot_values[ARRAY_SIZE(compared)];

/* 0 for a leaf that does not exist: the processor would answer with another one. */
static u32 read(unsigned i)
{
	u32 leaf = compared[i].leaf;
	struct cpuid_regs r;

	if (x86_cpuid(leaf & BIT(31), 0).eax < leaf)
		return 0;
	r = x86_cpuid(leaf, compared[i].subleaf);
	return ((const u32[]){ r.eax, r.ebx, r.ecx, r.edx })[compared[i].reg] &
	       ~compared[i].ignored;
}

void cpu_note_features(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(compared); i++)
		boot_values[i] = read(i);
}

bool cpu_matches(char *why, size_t size)
{
	for (unsigned i = 0; i < ARRAY_SIZE(compared); i++) {
		u32 value = read(i);

		if (value == boot_values[i])
			continue;
		snprintf(why, size, "CPUID %#x.%u %s is %#x, the boot CPU's %#x", compared[i].leaf,
			 compared[i].subleaf, register_names[compared[i].reg], value,
			 boot_values[i]);
		return false;
	}
	return true;
}
