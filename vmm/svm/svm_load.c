/*
 * What moves when the scheduler switches vCPUs, and not at every exit: FPU, debug registers,
 * TSC_AUX.
 */
#include "kernel/cpu.h"
#include "vmm/svm/svm.h"
#include "vmm/svm/svm_quirks.h"
#include "vmm/vcpu.h"
#include "vmm/vfpu.h"
#include "x86/insn.h"
#include "x86/msr.h"

void svm_load(struct vcpu *v)
{
	struct svm_vcpu *s = v->vendor;
	struct cpu *cpu = this_cpu();

	if (s->cpu != cpu || s->asid_generation != cpu->svm_asid_generation)
		s->entry_work |= SVM_ENTRY_ASID;
	s->cpu = cpu;
	s->host_vmcb_pa = cpu->svm_host_vmcb;
	if (svm_quirks.cr2_not_loaded)
		s->entry_work |= SVM_ENTRY_CR2;
	vfpu_load(v);
	if (s->dr_loaded)
		svm_load_debug_registers(s);
	if (svm_features.rdtscp)
		x86_wrmsr(MSR_TSC_AUX, v->tsc_aux);
}

void svm_put(struct vcpu *v)
{
	struct svm_vcpu *s = v->vendor;

	if (svm_features.rdtscp)
		v->tsc_aux = x86_rdmsr(MSR_TSC_AUX);
	if (s->dr_loaded)
		svm_save_debug_registers(s);
	vfpu_put(v);
}
