/* The host that a VM exit returns to: SDM 3C 24.5. */
#include "kernel/gdt.h"
#include "vmm/vmx/vmx.h"
#include "x86/insn.h"
#include "x86/msr.h"

/* All of it is loaded at every VM exit; RSP is written by the entry code. */
void vmx_write_host_state(struct cpu *cpu)
{
	struct {
		u16 limit;
		u64 base;
	} PACKED idtr, gdtr;

	__asm__ volatile("sidt %0" : "=m"(idtr));
	__asm__ volatile("sgdt %0" : "=m"(gdtr));
	vmcs_write(VMCS_HOST_CR0, x86_read_cr0());
	vmcs_write(VMCS_HOST_CR3, x86_read_cr3());
	vmcs_write(VMCS_HOST_CR4, x86_read_cr4());
	vmcs_write(VMCS_HOST_CS_SELECTOR, SEL_KERNEL_CODE);
	vmcs_write(VMCS_HOST_SS_SELECTOR, SEL_KERNEL_DATA);
	vmcs_write(VMCS_HOST_DS_SELECTOR, SEL_KERNEL_DATA);
	vmcs_write(VMCS_HOST_ES_SELECTOR, SEL_KERNEL_DATA);
	vmcs_write(VMCS_HOST_FS_SELECTOR, 0);
	vmcs_write(VMCS_HOST_GS_SELECTOR, 0);
	vmcs_write(VMCS_HOST_TR_SELECTOR, SEL_TSS);
	vmcs_write(VMCS_HOST_FS_BASE, 0);
	vmcs_write(VMCS_HOST_GS_BASE, (u64)cpu);
	vmcs_write(VMCS_HOST_TR_BASE, (u64)&cpu->tables.tss);
	vmcs_write(VMCS_HOST_GDTR_BASE, gdtr.base);
	vmcs_write(VMCS_HOST_IDTR_BASE, idtr.base);
	vmcs_write(VMCS_HOST_SYSENTER_CS, 0);
	vmcs_write(VMCS_HOST_SYSENTER_ESP, 0);
	vmcs_write(VMCS_HOST_SYSENTER_EIP, 0);
	vmcs_write(VMCS_HOST_PAT, x86_rdmsr(MSR_PAT));
	vmcs_write(VMCS_HOST_EFER, x86_rdmsr(MSR_EFER));
	vmcs_write(VMCS_HOST_RIP, (u64)vmx_exit_point);
}
