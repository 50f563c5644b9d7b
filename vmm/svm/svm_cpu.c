/* The processor: whether it has what we need of SVM, and switching SVM on. APM 2 15.4. */
#include "error.h"
#include "kernel/cpu.h"
#include "kernel/irq.h"
#include "kernel/log.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/pt.h"
#include "vmm/backend.h"
#include "vmm/svm/svm.h"
#include "vmm/svm/svm_insn.h"
#include "vmm/svm/svm_quirks.h"
#include "x86/insn.h"
#include "x86/msr.h"

#define CPUID_EXTENDED 0x80000000
#define CPUID_EXTENDED_FEATURES 0x80000001
#define CPUID_EXT_EDX_RDTSCP BIT(27)
#define CPUID_SVM 0x8000000a
#define CPUID_SVM_EDX_NP BIT(0)
#define CPUID_SVM_EDX_NRIPS BIT(3)
#define CPUID_SVM_EDX_CLEAN BIT(5)
#define CPUID_SVM_EDX_FLUSH_BY_ASID BIT(6)
#define CPUID_SVM_EDX_DECODE_ASSISTS BIT(7)
#define CPUID_SVM_EDX_PAUSE_FILTER BIT(10)
#define CPUID_SVM_EDX_PAUSE_THRESHOLD BIT(12)

struct svm_features svm_features;

static struct cpuid_regs boot_leaf; /* CPUID_SVM of the boot CPU */

static void svm_read_features(struct cpuid_regs r)
{
	boot_leaf = r;
	svm_features.revision = r.eax & 0xff;
	svm_features.asids = r.ebx;
	svm_features.nrip = r.edx & CPUID_SVM_EDX_NRIPS;
	svm_features.decode_assists = r.edx & CPUID_SVM_EDX_DECODE_ASSISTS;
	svm_features.flush_by_asid = r.edx & CPUID_SVM_EDX_FLUSH_BY_ASID;
	svm_features.clean_bits = r.edx & CPUID_SVM_EDX_CLEAN;
	svm_features.pause_filter = r.edx & CPUID_SVM_EDX_PAUSE_FILTER;
	svm_features.pause_threshold = r.edx & CPUID_SVM_EDX_PAUSE_THRESHOLD;
	svm_features.rdtscp = x86_cpuid(CPUID_EXTENDED_FEATURES, 0).edx & CPUID_EXT_EDX_RDTSCP;
}

/* Every port exits: device access is the VMM's, and no port of the machine is a guest's. */
static int svm_alloc_iopm(void)
{
	svm_features.iopm_pa = frame_alloc(SVM_IOPM_ORDER, OWNER_KERNEL);
	if (svm_features.iopm_pa == HPA_NONE) {
		log_error("svm: no memory for the I/O permission map");
		return -ENOMEM;
	}
	memset(phys_to_virt(svm_features.iopm_pa), 0xff, FRAME_SIZE << SVM_IOPM_ORDER);
	return 0;
}

static bool svm_disabled_by_firmware(void)
{
	u64 vm_cr;

	return x86_rdmsr_safe(MSR_AMD_VM_CR, &vm_cr) == 0 && (vm_cr & VM_CR_SVMDIS);
}

static int svm_probe(void)
{
	struct cpuid_regs r;

	if (!cpu_features.amd_like || x86_cpuid(CPUID_EXTENDED, 0).eax < CPUID_SVM)
		return -ENODEV; /* another vendor: nothing to say */
	if (svm_disabled_by_firmware()) {
		log_error("svm: disabled by the firmware (VM_CR.SVMDIS)");
		return -ENODEV;
	}
	r = x86_cpuid(CPUID_SVM, 0);
	if (!(r.edx & CPUID_SVM_EDX_NP)) {
		log_error("svm: the processor lacks nested paging (CPUID 8000_000A EDX[0])");
		return -ENODEV;
	}
	if (r.ebx < 2) {
		log_error("svm: the processor offers no ASID for a guest");
		return -ENODEV;
	}
	svm_read_features(r);
	svm_quirks_probe();
	pt_format_npt.pages_1g = cpu_features.pages_1g;
	if (svm_alloc_iopm() != 0)
		return -ENOMEM;
	log_info("svm: revision %u, nested paging, %u ASIDs%s%s%s%s%s%s", svm_features.revision,
		 svm_features.asids, svm_features.nrip ? ", next RIP" : "",
		 svm_features.decode_assists ? ", decode assists" : "",
		 svm_features.flush_by_asid ? ", flush by ASID" : "",
		 svm_features.clean_bits ? ", clean bits" : "",
		 svm_quirks.engine ? ", with the quirks of " : "",
		 svm_quirks.engine ? svm_quirks.engine : "");
	svm_selftest_register();
	return 0;
}

/* This processor, compared with what svm_probe() found on the boot CPU. */
static int svm_check_cpu(const struct cpu *cpu)
{
	struct cpuid_regs r = x86_cpuid(CPUID_SVM, 0);

	if (svm_disabled_by_firmware()) {
		log_error("svm: CPU %u: disabled by the firmware (VM_CR.SVMDIS)", cpu->id);
		return -ENODEV;
	}
	if (r.eax == boot_leaf.eax && r.ebx == boot_leaf.ebx && r.edx == boot_leaf.edx)
		return 0;
	log_error("svm: CPU %u: CPUID 8000_000A is %#x %#x %#x, the boot CPU's %#x %#x %#x",
		  cpu->id, r.eax, r.ebx, r.edx, boot_leaf.eax, boot_leaf.ebx, boot_leaf.edx);
	return -ENODEV;
}

static int svm_cpu_enable(void)
{
	struct cpu *cpu = this_cpu();
	hpa_t host;

	if (svm_check_cpu(cpu) != 0)
		return -ENODEV;
	host = frame_alloc(SVM_HOST_ORDER, OWNER_KERNEL);
	if (host == HPA_NONE) {
		log_error("svm: CPU %u: no memory for the host save area", cpu->id);
		return -ENOMEM;
	}
	memset(phys_to_virt(host), 0, FRAME_SIZE << SVM_HOST_ORDER);
	x86_wrmsr(MSR_EFER, x86_rdmsr(MSR_EFER) | EFER_SVME);
	x86_wrmsr(MSR_AMD_VM_HSAVE_PA, host + FRAME_SIZE);
	cpu->svm_host_vmcb = host;
	/* Our FS, GS, TR, LDTR and syscall MSRs never change again: one VMSAVE will do. */
	__svm_vmsave(host);
	/* The first vCPU finds no ASID left, so it begins generation 1 with a flush of all. */
	cpu->svm_next_asid = svm_features.asids;
	cpu->svm_asid_generation = 0;
	return 0;
}

const struct vcpu_backend svm_backend = {
	.name = "svm",
	.format = &pt_format_npt,
	.probe = svm_probe,
	.cpu_enable = svm_cpu_enable,
	.partition_init = svm_partition_init,
	.partition_free = svm_partition_free,
	.vcpu_init = svm_vcpu_init,
	.vcpu_free = svm_vcpu_free,
	.load = svm_load,
	.put = svm_put,
	.run = svm_run,
	.get_reg = svm_get_reg,
	.set_reg = svm_set_reg,
	.skip = svm_skip,
	.get_context = svm_get_context,
	.get_seg = svm_get_seg,
	.set_seg = svm_set_seg,
	.can_inject = svm_can_inject,
	.inject = svm_inject,
	.want_window = svm_want_window,
	.discard_events = svm_discard_events,
	.trap_exception = svm_trap_exception,
	.single_step = svm_single_step,
	.pause_exits = svm_pause_exits,
	.set_tsc_offset = svm_set_tsc_offset,
	.flush = svm_flush,
	.dump = svm_dump,
};
