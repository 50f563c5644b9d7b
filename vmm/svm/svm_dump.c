/* The VMCB and exit codes by the names that the manual gives them. */
#include "vmm/svm/svm.h"
#include "vmm/vcpu.h"

static const char *const exit_names[SVM_EXIT_DENSE] = {
	[SVM_EXIT_CR0_READ] = "CR0_READ",
	[SVM_EXIT_CR4_READ] = "CR4_READ",
	[SVM_EXIT_CR8_READ] = "CR8_READ",
	[SVM_EXIT_CR0_WRITE] = "CR0_WRITE",
	[SVM_EXIT_CR0_WRITE + 4] = "CR4_WRITE",
	[SVM_EXIT_CR0_WRITE + 8] = "CR8_WRITE",
	[SVM_EXIT_DR0_READ... SVM_EXIT_DR15_READ] = "DR_READ",
	[SVM_EXIT_DR0_WRITE... SVM_EXIT_DR15_WRITE] = "DR_WRITE",
	[SVM_EXIT_EXCP0... SVM_EXIT_EXCP31] = "EXCP",
	[SVM_EXIT_INTR] = "INTR",
	[SVM_EXIT_NMI] = "NMI",
	[SVM_EXIT_SMI] = "SMI",
	[SVM_EXIT_INIT] = "INIT",
	[SVM_EXIT_VINTR] = "VINTR",
	[SVM_EXIT_CR0_SEL_WRITE] = "CR0_SEL_WRITE",
	[SVM_EXIT_IDTR_READ] = "IDTR_READ",
	[SVM_EXIT_GDTR_READ] = "GDTR_READ",
	[SVM_EXIT_LDTR_READ] = "LDTR_READ",
	[SVM_EXIT_TR_READ] = "TR_READ",
	[SVM_EXIT_IDTR_WRITE] = "IDTR_WRITE",
	[SVM_EXIT_GDTR_WRITE] = "GDTR_WRITE",
	[SVM_EXIT_LDTR_WRITE] = "LDTR_WRITE",
	[SVM_EXIT_TR_WRITE] = "TR_WRITE",
	[SVM_EXIT_RDTSC] = "RDTSC",
	[SVM_EXIT_RDPMC] = "RDPMC",
	[SVM_EXIT_PUSHF] = "PUSHF",
	[SVM_EXIT_POPF] = "POPF",
	[SVM_EXIT_CPUID] = "CPUID",
	[SVM_EXIT_RSM] = "RSM",
	[SVM_EXIT_IRET] = "IRET",
	[SVM_EXIT_SWINT] = "SWINT",
	[SVM_EXIT_INVD] = "INVD",
	[SVM_EXIT_PAUSE] = "PAUSE",
	[SVM_EXIT_HLT] = "HLT",
	[SVM_EXIT_INVLPG] = "INVLPG",
	[SVM_EXIT_INVLPGA] = "INVLPGA",
	[SVM_EXIT_IOIO] = "IOIO",
	[SVM_EXIT_MSR] = "MSR",
	[SVM_EXIT_TASK_SWITCH] = "TASK_SWITCH",
	[SVM_EXIT_FERR_FREEZE] = "FERR_FREEZE",
	[SVM_EXIT_SHUTDOWN] = "SHUTDOWN",
	[SVM_EXIT_VMRUN] = "VMRUN",
	[SVM_EXIT_VMMCALL] = "VMMCALL",
	[SVM_EXIT_VMLOAD] = "VMLOAD",
	[SVM_EXIT_VMSAVE] = "VMSAVE",
	[SVM_EXIT_STGI] = "STGI",
	[SVM_EXIT_CLGI] = "CLGI",
	[SVM_EXIT_SKINIT] = "SKINIT",
	[SVM_EXIT_RDTSCP] = "RDTSCP",
	[SVM_EXIT_ICEBP] = "ICEBP",
	[SVM_EXIT_WBINVD] = "WBINVD",
	[SVM_EXIT_MONITOR] = "MONITOR",
	[SVM_EXIT_MWAIT] = "MWAIT",
	[SVM_EXIT_MWAIT_ARMED] = "MWAIT_CONDITIONAL",
	[SVM_EXIT_XSETBV] = "XSETBV",
	[SVM_EXIT_RDPRU] = "RDPRU",
};

const char *svm_exit_name(u64 code)
{
	if ((u32)code == SVM_EXIT_INVALID)
		return "VMEXIT_INVALID";
	if (code == SVM_EXIT_NPF)
		return "NPF";
	return code < SVM_EXIT_DENSE && exit_names[code] ? exit_names[code] : "?";
}

typedef void print_fn(const char *fmt, ...) PRINTF(1, 2);

static void dump_segment(print_fn *print, const char *name, const struct vmcb_segment *seg)
{
	print("  %-5s %04x base %016lx limit %08x attr %03x", name, seg->selector, seg->base,
	      seg->limit, seg->attr);
}

static void dump_control(print_fn *print, const struct vmcb_control *c)
{
	print("  intercepts: CR %04x/%04x DR %04x/%04x exceptions %08x vectors %08x %08x %08x",
	      c->intercept_cr_read, c->intercept_cr_write, c->intercept_dr_read,
	      c->intercept_dr_write, c->intercept_exceptions, c->intercept3, c->intercept4,
	      c->intercept5);
	print("  IOPM %lx MSRPM %lx nCR3 %lx NP %lx ASID %u TLB_CONTROL %u", c->iopm_base_pa,
	      c->msrpm_base_pa, c->ncr3, c->np_control, c->guest_asid, c->tlb_control);
	print("  TSC_OFFSET %lx INT_CTL %lx INT_STATE %lx EVENTINJ %lx", c->tsc_offset, c->int_ctl,
	      c->int_state, c->event_inj);
	print("  EXITCODE %lx (%s) EXITINFO1 %lx EXITINFO2 %lx EXITINTINFO %lx nRIP %lx",
	      c->exit_code, svm_exit_name(c->exit_code), c->exit_info_1, c->exit_info_2,
	      c->exit_int_info, c->nrip);
}

static void dump_save(print_fn *print, const struct vmcb_save *save)
{
	dump_segment(print, "ES", &save->es);
	dump_segment(print, "CS", &save->cs);
	dump_segment(print, "SS", &save->ss);
	dump_segment(print, "DS", &save->ds);
	dump_segment(print, "FS", &save->fs);
	dump_segment(print, "GS", &save->gs);
	dump_segment(print, "GDTR", &save->gdtr);
	dump_segment(print, "LDTR", &save->ldtr);
	dump_segment(print, "IDTR", &save->idtr);
	dump_segment(print, "TR", &save->tr);
	print("  CPL %u RIP %lx RSP %lx RAX %lx RFLAGS %lx", save->cpl, save->rip, save->rsp,
	      save->rax, save->rflags);
	print("  CR0 %lx CR2 %lx CR3 %lx CR4 %lx EFER %lx DR6 %lx DR7 %lx G_PAT %lx", save->cr0,
	      save->cr2, save->cr3, save->cr4, save->efer, save->dr6, save->dr7, save->g_pat);
	print("  STAR %lx LSTAR %lx CSTAR %lx SFMASK %lx KERNEL_GS_BASE %lx", save->star,
	      save->lstar, save->cstar, save->sfmask, save->kernel_gs_base);
	print("  SYSENTER CS %lx ESP %lx EIP %lx", save->sysenter_cs, save->sysenter_esp,
	      save->sysenter_eip);
}

void svm_dump(struct vcpu *v, void (*print)(const char *fmt, ...) PRINTF(1, 2))
{
	struct svm_vcpu *s = v->vendor;
	bool ours;
	const char *broken = svm_check_vmcb(s->vmcb, &ours);

	print("VMCB at %lx:", s->vmcb_pa);
	dump_control(print, &s->vmcb->control);
	dump_save(print, &s->vmcb->save);
	if (s->cr0_hidden)
		print("  the guest sees CR0 with %lx as well", s->cr0_hidden);
	if (s->suspect || broken)
		print("  VMRUN refuses it: %s", s->suspect ? s->suspect : broken);
}
