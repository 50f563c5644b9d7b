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

#define FLUSHED_NEVER UINT64_MAX

/*
 * The thread may have been interrupted between a look at entry_work and a change of it, so that
 * word is not for us: translations are declared void by the version that they belong to.
 */
void svm_load(struct vcpu *v)
{
	struct svm_vcpu *s = v->vendor;
	struct cpu *cpu = this_cpu();

	if (s->cpu != cpu || s->asid_generation != cpu->svm_asid_generation)
		s->flushed_generation = FLUSHED_NEVER;
	s->cpu = cpu;
	s->host_vmcb_pa = cpu->svm_host_vmcb;
	if (svm_quirks.cr2_not_loaded)
		x86_write_cr2(s->vmcb->save.cr2);
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
