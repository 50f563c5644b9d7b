/* What a VMCS holds before the first entry: the guest after RESET, and the host to return to. */
#include "kernel/gdt.h"
#include "vmm/cpuid.h"
#include "vmm/vmx/vmx.h"
#include "x86/insn.h"
#include "x86/msr.h"

#define PAT_RESET 0x0007040600070406ull /* SDM 3A 11.12.4 */
#define SEGMENT_LIMIT_RESET 0xffffu

/* SDM 3A 9.1.1, table 9-1. */
static void write_reset_segments(struct vcpu *v)
{
	struct segment data = { .limit = SEGMENT_LIMIT_RESET, .attr = SEG_ATTR_P | SEG_ATTR_S | 3 };
	struct segment code = { .base = 0xffff0000,
				.limit = SEGMENT_LIMIT_RESET,
				.selector = 0xf000,
				.attr = SEG_ATTR_P | SEG_ATTR_S | 11 };
	struct segment ldt = { .limit = SEGMENT_LIMIT_RESET, .attr = SEG_ATTR_P | 2 };
	struct segment tss = { .limit = SEGMENT_LIMIT_RESET, .attr = SEG_ATTR_P | 11 };
	struct segment table = { .limit = SEGMENT_LIMIT_RESET };

	for (unsigned seg = SEG_ES; seg <= SEG_GS; seg++)
		vmx_set_seg(v, seg, seg == SEG_CS ? &code : &data);
	vmx_set_seg(v, SEG_LDTR, &ldt);
	vmx_set_seg(v, SEG_TR, &tss);
	vmx_set_seg(v, SEG_GDTR, &table);
	vmx_set_seg(v, SEG_IDTR, &table);
}

/*
 * Bits of CR0 and CR4 that exit when changed: those whose effect we provide (paging and long mode,
 * caching), that VMX fixes, or that the guest's CPUID does not offer. The others are the guest's
 * own.
 */
static void write_masks(struct vcpu *v)
{
	u64 cr0_own = CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_WP | CR0_AM;

	vmcs_write(VMCS_CR0_MASK, ~cr0_own);
	vmcs_write(VMCS_CR4_MASK, ~(cpuid_cr4_mask(v) & ~vmx_caps.cr4_fixed0));
}

void vmx_write_reset_state(struct vcpu *v)
{
	write_reset_segments(v);
	write_masks(v);
	vmx_set_reg(v, REG_EFER, 0);
	vmx_set_reg(v, REG_CR4, 0);
	vmx_set_reg(v, REG_CR3, 0);
	vmx_set_reg(v, REG_CR0, CR0_CD | CR0_NW | CR0_ET);
	vmx_set_reg(v, REG_RIP, 0xfff0);
	vmx_set_reg(v, REG_RSP, 0);
	vmx_set_reg(v, REG_RFLAGS, RFLAGS_FIXED);
	vmx_set_reg(v, REG_DR7, DR7_RESET);
	vmx_set_reg(v, REG_PAT, PAT_RESET);
	vmx_set_reg(v, REG_DEBUGCTL, 0);
	vmx_set_reg(v, REG_SYSENTER_CS, 0);
	vmx_set_reg(v, REG_SYSENTER_ESP, 0);
	vmx_set_reg(v, REG_SYSENTER_EIP, 0);
	vmx_of(v)->dr6 = DR6_RESET;
	v->gpr[REG_RDX] = x86_cpuid(1, 0).eax; /* the processor's signature */
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, 0);
	vmcs_write(VMCS_GUEST_ACTIVITY_STATE, 0);
	vmcs_write(VMCS_GUEST_PENDING_DEBUG, 0);
}

/* SDM 3C 24.5: all of it is loaded at every VM exit; RSP is written by the entry code. */
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
