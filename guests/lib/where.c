/*
 * Where this guest runs. Software finds a hypervisor by CPUID.1:ECX[31] and its name by leaf
 * 0x40000000. Checks that hold only in a partition ask here, so that the same guest is also a
 * test of a bare machine, which is the oracle for everything architectural.
 */
#include "lib.h"

static bool hypervisor_is(const char name[12])
{
	struct cpuid id = cpuid(1, 0);
	u32 words[3];

	if (!(id.ecx & CPUID1_ECX_HYPERVISOR))
		return false;
	id = cpuid(0x40000000, 0);
	words[0] = id.ebx;
	words[1] = id.ecx;
	words[2] = id.edx;
	return memcmp(words, name, sizeof(words)) == 0;
}

bool in_partition(void)
{
	return hypervisor_is("PartitaVMM\0");
}

/* QEMU's emulator itself. It does not check all that a processor checks. */
bool on_bare_tcg(void)
{
	return hypervisor_is("TCGTCGTCGTCG");
}

bool vendor_is_amd(void)
{
	struct cpuid id = cpuid(0, 0);

	/* "AuthenticAMD" or "HygonGenuine" */
	return id.ebx == 0x68747541 || id.ebx == 0x6f677948;
}
