#pragma once
/* Per-CPU data, reached by GS. Everything that belongs to one processor is here. */
#include "compiler.h"
#include "kernel/gdt.h"
#include "kernel/sched.h"
#include "lib/list.h"
#include "lib/spinlock.h"
#include "types.h"

struct call;
struct thread;
struct vcpu;

struct cpu {
	struct cpu *self;	/* GS:0, so that this_cpu() is one load */
	u64 *guest_gprs;	/* the running vCPU's registers; the entry code uses it by offset */
	struct thread *current; /* run queue lock */
	unsigned preempt_count; /* >0: no switch at the end of an interrupt */
	bool need_resched;
	bool in_interrupt;
	unsigned id; /* 0 .. cpu_count-1, 0 is the boot processor */
	u32 apic_id;

	struct run_queue run_queue;
	struct thread *idle;
	struct timer_queue timers;
	struct cpu_tables tables; /* GDT, TSS, IST stacks */
	struct call *call;	  /* atomic: what VECTOR_CALL has to run (kernel/smp_call.c) */

	/* The VMM's: */
	hpa_t svm_host_vmcb; /* where VMSAVE keeps the host's FS, GS, TR, LDTR and syscall MSRs */
	struct vcpu *loaded_vcpu; /* the vCPU whose VMCS/VMCB, FPU and MSRs are in this processor */
	u32 svm_next_asid;
	u64 svm_asid_generation;

	u64 online_since_ns;
	u64 idle_ns, idle_since_ns;		/* time without a thread; since when, 0: busy */
	u64 interrupts, timer_interrupts, ipis; /* taken; the first is the sum of all */
	u64 nmis; /* written by their handler alone; they can come anywhere */
};

extern struct cpu *cpus[CPUS_MAX];
extern unsigned cpu_count; /* those online */

static inline struct cpu *this_cpu(void)
{
	struct cpu *cpu;
	__asm__ volatile("mov %%gs:0, %0" : "=r"(cpu));
	return cpu;
}

/* Sets up GS, GDT, TSS, IDT, CR0/CR4/EFER/PAT of the boot processor. */
void cpu_init_boot(void);
/*
 * The same of another one, which must have its stacks. False, with the reason, when CPUID tells of
 * another processor than the boot CPU's: then only exceptions can be handled there.
 */
MUST_CHECK bool cpu_init_other(struct cpu *cpu, char *why, size_t size);
/* IST stacks with guard pages, once kspace_init() has run. False: out of memory. */
MUST_CHECK bool cpu_alloc_stacks(struct cpu *cpu);

/* cpu_match.c: what CPUID says about the features that the kernel and guests rely on. */
void cpu_note_features(void); /* of the boot CPU, which calls it */
/* Is this CPU's the same? If not, why says where they differ. Interrupts off. */
MUST_CHECK bool cpu_matches(char *why, size_t size);

/* What CPUID said about the boot processor that the kernel itself uses. */
struct cpu_features {
	char vendor[13], brand[49];
	bool intel_like; /* VMX present */
	bool amd_like;	 /* SVM present */
	bool xsave, xsaveopt, x2apic, tsc_deadline, pages_1g, smep, smap, invariant_tsc, hypervisor;
	u64 xcr0_supported; /* CPUID 0xD.0 */
	u32 xsave_size;	    /* bytes for all of xcr0_supported */
	u8 phys_bits;
};
extern struct cpu_features cpu_features;
