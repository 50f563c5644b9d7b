/* Which engine emulates this processor, and so which quirks are on. */
#include "vmm/svm/svm_quirks.h"

#include "kernel/cpu.h"
#include "lib/string.h"
#include "vmm/svm/svm.h"
#include "x86/insn.h"

#define CPUID_HYPERVISOR 0x40000000
#define CPUID_FAMILY_BASE(eax) ((eax) >> 8 & 0xf)
#define CPUID_FAMILY_EXTENDED(eax) ((eax) >> 20 & 0xff)
#define FAMILY_ZEN 0x17

struct svm_quirks svm_quirks;

/* QEMU says so in the hypervisor leaf, unless KVM runs it, which has a signature of its own. */
static bool engine_is_tcg(void)
{
	struct cpuid_regs r;
	char signature[12];

	if (!cpu_features.hypervisor)
		return false;
	r = x86_cpuid(CPUID_HYPERVISOR, 0);
	memcpy(signature, &r.ebx, 4);
	memcpy(signature + 4, &r.ecx, 4);
	memcpy(signature + 8, &r.edx, 4);
	return memcmp(signature, "TCGTCGTCGTCG", sizeof(signature)) == 0;
}

/*
 * Bochs has no signature. Its "ryzen" claims to be a Zen without a hypervisor above it, yet has no
 * decode assists, which every AMD processor since family 15h has.
 */
static bool engine_is_bochs(void)
{
	u32 eax = x86_cpuid(1, 0).eax;

	return !cpu_features.hypervisor && !svm_features.decode_assists &&
	       CPUID_FAMILY_BASE(eax) + CPUID_FAMILY_EXTENDED(eax) >= FAMILY_ZEN;
}

void svm_quirks_probe(void)
{
	if (engine_is_tcg()) {
		svm_quirks = (struct svm_quirks){
			.engine = "QEMU TCG",
			.no_window_in_shadow = true,
			.shadow_lost = true,
			.inject_by_virq = true,
			.xsetbv_not_intercepted = true,
		};
	} else if (engine_is_bochs()) {
		svm_quirks = (struct svm_quirks){
			.engine = "Bochs",
			.no_window_in_shadow = true,
			.triple_fault_kills = true,
		};
	}
}

/*
 * On hardware a guest can make #AC or #DB raise itself for ever in microcode, where no interrupt gets
 * through (CVE-2015-5307, CVE-2015-8104): each must exit. A machine check is the host's business.
 * Emulators have no such loop, and Bochs loses DR6 when #DB is intercepted.
 */
u32 svm_quirks_exceptions(void)
{
	if (svm_quirks.triple_fault_kills)
		return BIT(VEC_DF);
	return svm_quirks.engine ? 0 : BIT(VEC_AC) | BIT(VEC_DB) | BIT(VEC_MC);
}
