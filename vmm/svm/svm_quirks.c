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

/* An interrupt gate of long mode, APM 2 4.8.4. */
#define GATE_PRESENT_INTERRUPT 0x8e00ull
#define GATE_WORDS 2

struct svm_quirks svm_quirks;

static u64 quirk_gates[(VEC_DB + 1) * GATE_WORDS];
struct idt_pointer svm_quirk_idt, svm_host_idt;

void svm_ignore_trap(void); /* svm_quirk_trap.asm */

/* Two vectors; only #DB has a gate. Nothing else can come while GIF is clear. */
static void svm_build_quirk_idt(void)
{
	u64 handler = (u64)svm_ignore_trap;
	u64 *gate = &quirk_gates[VEC_DB * GATE_WORDS];

	gate[0] = (handler & 0xffff) | (u64)SEL_KERNEL_CODE << 16 | GATE_PRESENT_INTERRUPT << 32 |
		  (handler >> 16 & 0xffff) << 48;
	gate[1] = handler >> 32;
	svm_quirk_idt.limit = sizeof(quirk_gates) - 1;
	svm_quirk_idt.base = (u64)quirk_gates;
	__asm__ volatile("sidt %0" : "=m"(svm_host_idt));
}

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
			.cr0_select_low_half = true,
			.breakpoints_survive_exit = true,
		};
		svm_build_quirk_idt();
	} else if (engine_is_bochs()) {
		svm_quirks = (struct svm_quirks){
			.engine = "Bochs",
			.no_window_in_shadow = true,
			.triple_fault_kills = true,
			.trap_follows_exit = true,
			.soft_int_info_stale = true,
			.nmi_masks_host = true,
			.cr2_not_loaded = true,
		};
		svm_build_quirk_idt();
	}
}

/*
 * On hardware a guest can make #AC or #DB raise itself for ever in microcode, where no interrupt
 * gets through (CVE-2015-5307, CVE-2015-8104): each must exit. A machine check is the host's
 * business. Emulators have no such loop, and Bochs loses DR6 when #DB is intercepted.
 */
u32 svm_quirks_exceptions(void)
{
	if (svm_quirks.triple_fault_kills)
		return BIT(VEC_DF);
	return svm_quirks.engine ? 0 : BIT(VEC_AC) | BIT(VEC_DB) | BIT(VEC_MC);
}
