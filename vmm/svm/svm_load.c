/* What moves when the scheduler switches vCPUs, and not at every exit: FPU, debug registers,
 * TSC_AUX. */
#include "kernel/cpu.h"
#include "vmm/svm/svm.h"
#include "vmm/svm/svm_quirks.h"
#include "vmm/vcpu.h"
#include "vmm/vfpu.h"
#include "x86/insn.h"
#include "x86/msr.h"

#define DR_ACCESSORS(n)                                               \
	static u64 read_dr##n(void)                                   \
	{                                                             \
		u64 value;                                            \
		__asm__ volatile("mov %%dr" #n ", %0" : "=r"(value)); \
		return value;                                         \
	}                                                             \
	static void write_dr##n(u64 value)                            \
	{                                                             \
		__asm__ volatile("mov %0, %%dr" #n : : "r"(value));   \
	}
DR_ACCESSORS(0)
DR_ACCESSORS(1)
DR_ACCESSORS(2)
DR_ACCESSORS(3)

static void svm_load_debug_registers(const struct svm_vcpu *s)
{
	write_dr0(s->dr[0]);
	write_dr1(s->dr[1]);
	write_dr2(s->dr[2]);
	write_dr3(s->dr[3]);
}

static void svm_save_debug_registers(struct svm_vcpu *s)
{
	s->dr[0] = read_dr0();
	s->dr[1] = read_dr1();
	s->dr[2] = read_dr2();
	s->dr[3] = read_dr3();
}

/*
 * The guest touches a debug register for the first time: from now on they are its own. DR6 and DR7
 * are in the VMCB; DR0 to DR3 move in load and put. The kernel uses none of them.
 */
void svm_use_debug_registers(struct svm_vcpu *s)
{
	s->vmcb->control.intercept_dr_read = s->vmcb->control.intercept_dr_write = 0;
	s->dr_loaded = true;
	svm_load_debug_registers(s);
}

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
