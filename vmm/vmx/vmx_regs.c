/* Architectural state of a loaded vCPU: in the VMCS, or in the processor itself. */
#include "mm/gmem.h"
#include "vmm/partition.h"
#include "vmm/vmx/vmx.h"
#include "x86/insn.h"
#include "x86/msr.h"

/* Registers that are a VMCS field and nothing more. 0: no such field (0 is the VPID's encoding). */
static const u16 reg_field[REG_COUNT] = {
	[REG_RSP] = VMCS_GUEST_RSP,
	[REG_RIP] = VMCS_GUEST_RIP,
	[REG_RFLAGS] = VMCS_GUEST_RFLAGS,
	[REG_CR3] = VMCS_GUEST_CR3,
	[REG_DR7] = VMCS_GUEST_DR7,
	[REG_EFER] = VMCS_GUEST_EFER,
	[REG_PAT] = VMCS_GUEST_PAT,
	[REG_SYSENTER_CS] = VMCS_GUEST_SYSENTER_CS,
	[REG_SYSENTER_ESP] = VMCS_GUEST_SYSENTER_ESP,
	[REG_SYSENTER_EIP] = VMCS_GUEST_SYSENTER_EIP,
	[REG_DEBUGCTL] = VMCS_GUEST_DEBUGCTL,
};

/*
 * System-call MSRs: the kernel makes no system calls, so the guest's values stay in the processor.
 */
static const u32 reg_msr[REG_COUNT] = {
	[REG_STAR] = MSR_STAR,
	[REG_LSTAR] = MSR_LSTAR,
	[REG_CSTAR] = MSR_CSTAR,
	[REG_SFMASK] = MSR_SFMASK,
	[REG_KERNEL_GS_BASE] = MSR_KERNEL_GS_BASE,
};

/* The bits that we own read from the shadow, the others are the guest's own (SDM 3C 24.6.6). */
static u64 masked_read(size_t real, size_t mask_field, size_t shadow)
{
	u64 mask = vmcs_read(mask_field);

	return (vmcs_read(real) & ~mask) | (vmcs_read(shadow) & mask);
}

/* In the processor while the guest uses them, else in x->dr alone. */
static u64 read_breakpoint(struct vmx_vcpu *x, unsigned n)
{
	if (x->dr_in_use)
		vmx_save_breakpoints(x);
	return x->dr[n];
}

/* In one piece: put() and load() move them as well. */
static void write_breakpoint(struct vmx_vcpu *x, unsigned n, u64 value)
{
	u64 flags = x86_irq_save();

	if (x->dr_in_use)
		vmx_save_breakpoints(x);
	x->dr[n] = value;
	if (x->dr_in_use)
		vmx_load_breakpoints(x);
	x86_irq_restore(flags);
}

static u64 read_dr6(void)
{
	u64 value;

	__asm__ volatile("mov %%dr6, %0" : "=r"(value));
	return value;
}

u64 vmx_get_reg(struct vcpu *v, unsigned reg)
{
	u64 value;

	if (reg_field[reg])
		return vmcs_read(reg_field[reg]);
	if (reg_msr[reg])
		return x86_rdmsr(reg_msr[reg]);
	switch (reg) {
	case REG_CR0: return masked_read(VMCS_GUEST_CR0, VMCS_CR0_MASK, VMCS_CR0_READ_SHADOW);
	case REG_CR4: return masked_read(VMCS_GUEST_CR4, VMCS_CR4_MASK, VMCS_CR4_READ_SHADOW);
	case REG_CR2: return x86_read_cr2();
	case REG_DR0:
	case REG_DR1:
	case REG_DR2:
	case REG_DR3: return read_breakpoint(vmx_of(v), reg - REG_DR0);
	case REG_DR6: return read_dr6();
	case REG_INTR_SHADOW:
		value = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY);
		return (value & (BLOCKING_BY_STI | BLOCKING_BY_MOV_SS)) != 0;
	default: return v->gpr[reg];
	}
}

/*
 * With EPT the processor takes PAE's four top entries from the VMCS at entry; a MOV to CR3 by the
 * guest loads them itself, one that we emulate must do the same (SDM 3C 26.3.2.4).
 */
static void load_pdptes(struct vcpu *v)
{
	u64 cr0 = vmcs_read(VMCS_GUEST_CR0), pdpte[4];
	bool pae = (cr0 & CR0_PG) && (vmcs_read(VMCS_GUEST_CR4) & CR4_PAE) &&
		   !(vmcs_read(VMCS_GUEST_EFER) & EFER_LMA);

	if (!pae)
		return;
	if (gmem_read(&v->partition->space, vmcs_read(VMCS_GUEST_CR3) & MASK(31, 5), pdpte,
		      sizeof(pdpte)))
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(pdpte); i++)
		vmcs_write(VMCS_GUEST_PDPTE0 + 2 * i, pdpte[i]);
}

static void write_cr0(struct vcpu *v, u64 value)
{
	/* Unrestricted guests may clear PE and PG; caching stays on whatever the guest says. */
	u64 fixed = vmx_caps.cr0_fixed0 & ~(u64)(CR0_PE | CR0_PG);

	vmcs_write(VMCS_CR0_READ_SHADOW, value);
	vmcs_write(VMCS_GUEST_CR0, (value & ~(u64)(CR0_CD | CR0_NW)) | fixed);
	load_pdptes(v);
}

static void write_cr4(struct vcpu *v, u64 value)
{
	vmcs_write(VMCS_CR4_READ_SHADOW, value);
	vmcs_write(VMCS_GUEST_CR4, value | vmx_caps.cr4_fixed0);
	load_pdptes(v);
}

/* LMA and the entry control "IA-32e mode guest" must agree (SDM 3C 26.3.1.1). */
static void write_efer(u64 value)
{
	u64 entry = vmcs_read(VMCS_ENTRY_CONTROLS) & ~ENTRY_IA32E_GUEST;

	if (value & EFER_LMA)
		entry |= ENTRY_IA32E_GUEST;
	vmcs_write(VMCS_ENTRY_CONTROLS, entry);
	vmcs_write(VMCS_GUEST_EFER, value);
}

static void write_dr6(u64 value)
{
	__asm__ volatile("mov %0, %%dr6" : : "r"(value));
}

static void write_shadow(bool on)
{
	u64 state = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY);
	u64 other = state & ~(u64)(BLOCKING_BY_STI | BLOCKING_BY_MOV_SS);

	if (on)
		other |= BLOCKING_BY_STI;
	if (other != state)
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, other);
}

void vmx_set_reg(struct vcpu *v, unsigned reg, u64 value)
{
	switch (reg) {
	case REG_CR0: write_cr0(v, value); return;
	case REG_CR4: write_cr4(v, value); return;
	case REG_EFER: write_efer(value); return;
	case REG_CR2: x86_write_cr2(value); return;
	case REG_DR0:
	case REG_DR1:
	case REG_DR2:
	case REG_DR3: write_breakpoint(vmx_of(v), reg - REG_DR0, value); return;
	case REG_DR6: write_dr6(value); return;
	case REG_INTR_SHADOW: write_shadow(value); return;
	}
	if (reg_field[reg])
		vmcs_write(reg_field[reg], value);
	else if (reg_msr[reg])
		x86_wrmsr(reg_msr[reg], value);
	else
		v->gpr[reg] = value;
	if (reg == REG_CR3)
		load_pdptes(v);
}

bool vmx_skip(struct vcpu *v, u64 next_rip)
{
	u64 rflags = vmcs_read(VMCS_GUEST_RFLAGS);

	(void)v;
	vmcs_write(VMCS_GUEST_RIP, next_rip);
	write_shadow(false);
	if (unlikely(rflags & RFLAGS_RF))
		vmcs_write(VMCS_GUEST_RFLAGS, rflags & ~RFLAGS_RF);
	return rflags & RFLAGS_TF;
}

static u8 code_bits(u64 cs_attr, u64 efer)
{
	if ((cs_attr & SEG_ATTR_L) && (efer & EFER_LMA))
		return 64;
	return cs_attr & SEG_ATTR_DB ? 32 : 16;
}

void vmx_get_context(struct vcpu *v, struct guest_context *c)
{
	u64 ss_attr = vmcs_read(VMCS_GUEST_ES_ACCESS_RIGHTS + 2 * SEG_SS);

	(void)v;
	c->rip = vmcs_read(VMCS_GUEST_RIP);
	c->cs_base = vmcs_read(VMCS_GUEST_ES_BASE + 2 * SEG_CS);
	c->cr0 = vmcs_read(VMCS_GUEST_CR0);
	c->cr3 = vmcs_read(VMCS_GUEST_CR3);
	c->cr4 = vmcs_read(VMCS_GUEST_CR4);
	c->efer = vmcs_read(VMCS_GUEST_EFER);
	c->cpl = (ss_attr & SEG_ATTR_DPL) >> SEG_ATTR_DPL_SHIFT;
	c->bits = code_bits(vmcs_read(VMCS_GUEST_ES_ACCESS_RIGHTS + 2 * SEG_CS), c->efer);
}

void vmx_get_seg(struct vcpu *v, enum segment_name seg, struct segment *s)
{
	(void)v;
	s->base = vmcs_read(VMCS_GUEST_ES_BASE + 2 * seg);
	s->limit = (u32)vmcs_read(VMCS_GUEST_ES_LIMIT + 2 * seg);
	if (seg >= SEG_GDTR) {
		s->attr = 0;
		s->selector = 0;
		return;
	}
	s->attr = (u32)vmcs_read(VMCS_GUEST_ES_ACCESS_RIGHTS + 2 * seg);
	s->selector = (u16)vmcs_read(VMCS_GUEST_ES_SELECTOR + 2 * seg);
}

void vmx_set_seg(struct vcpu *v, enum segment_name seg, const struct segment *s)
{
	(void)v;
	vmcs_write(VMCS_GUEST_ES_BASE + 2 * seg, s->base);
	vmcs_write(VMCS_GUEST_ES_LIMIT + 2 * seg, s->limit);
	if (seg >= SEG_GDTR)
		return;
	vmcs_write(VMCS_GUEST_ES_ACCESS_RIGHTS + 2 * seg, s->attr);
	vmcs_write(VMCS_GUEST_ES_SELECTOR + 2 * seg, s->selector);
}
