/*
 * The registers of a vCPU that does not run: the VMCB holds them all, after VMSAVE at every exit.
 */
#include "vmm/svm/svm.h"
#include "vmm/svm/svm_quirks.h"
#include "vmm/vcpu.h"

/* CD would slow the whole processor down and NW needs CD: kept here, not given to the processor. */
#define CR0_HIDDEN (CR0_CD | CR0_NW)

/*
 * Where each register lies in the VMCB, and what a write of it makes necessary before the next
 * entry. Offset 0: it needs more than a copy.
 */
#define AT(field) offsetof(struct vmcb, save.field)
static const struct {
	u16 offset;
	u16 work;
} regs[REG_COUNT] = {
	[REG_RSP] = { AT(rsp), 0 },
	[REG_RIP] = { AT(rip), 0 },
	[REG_RFLAGS] = { AT(rflags), 0 },
	[REG_CR0] = { 0, SVM_ENTRY_CHECK | SVM_ENTRY_ASID },
	[REG_CR2] = { AT(cr2), SVM_ENTRY_CR2 },
	[REG_CR3] = { AT(cr3), SVM_ENTRY_CHECK | SVM_ENTRY_ASID },
	[REG_CR4] = { AT(cr4), SVM_ENTRY_CHECK | SVM_ENTRY_ASID },
	[REG_DR6] = { AT(dr6), SVM_ENTRY_CHECK },
	[REG_DR7] = { 0, SVM_ENTRY_CHECK },
	[REG_EFER] = { 0, SVM_ENTRY_CHECK | SVM_ENTRY_ASID },
	[REG_PAT] = { AT(g_pat), SVM_ENTRY_CHECK },
	[REG_STAR] = { AT(star), 0 },
	[REG_LSTAR] = { AT(lstar), 0 },
	[REG_CSTAR] = { AT(cstar), 0 },
	[REG_SFMASK] = { AT(sfmask), 0 },
	[REG_KERNEL_GS_BASE] = { AT(kernel_gs_base), 0 },
	[REG_SYSENTER_CS] = { AT(sysenter_cs), 0 },
	[REG_SYSENTER_ESP] = { AT(sysenter_esp), 0 },
	[REG_SYSENTER_EIP] = { AT(sysenter_eip), 0 },
	[REG_DEBUGCTL] = { AT(dbgctl), 0 },
};

static u64 *svm_reg(struct svm_vcpu *s, unsigned reg)
{
	return (u64 *)((u8 *)s->vmcb + regs[reg].offset);
}

static u64 svm_get_special(struct vcpu *v, unsigned reg)
{
	struct svm_vcpu *s = v->vendor;

	switch (reg) {
	case REG_CR0: return s->vmcb->save.cr0 | s->cr0_hidden;
	case REG_DR0:
	case REG_DR1:
	case REG_DR2:
	case REG_DR3: return svm_get_breakpoint(s, reg - REG_DR0);
	case REG_DR7: return svm_get_dr7(s);
	case REG_EFER: return s->vmcb->save.efer & ~EFER_SVME;
	case REG_INTR_SHADOW: return s->vmcb->control.int_state & VMCB_INTERRUPT_SHADOW;
	default: return reg < REG_GPRS ? v->gpr[reg] : 0;
	}
}

u64 svm_get_reg(struct vcpu *v, unsigned reg)
{
	if (likely(reg < REG_COUNT && regs[reg].offset))
		return *svm_reg(v->vendor, reg);
	return svm_get_special(v, reg);
}

/*
 * While the guest's CR0 differs from the real one, reads show it the difference, and every write is
 * seen: the selective intercept would miss one that only clears what is hidden.
 */
static void svm_set_cr0(struct svm_vcpu *s, u64 value)
{
	struct vmcb_control *c = &s->vmcb->control;

	s->cr0_hidden = value & CR0_HIDDEN;
	s->vmcb->save.cr0 = (value & ~CR0_HIDDEN) | CR0_ET;
	c->intercept_cr_read &= (u16)~VMCB_CR0;
	c->intercept_cr_write &= (u16)~VMCB_CR0;
	if (s->cr0_hidden)
		c->intercept_cr_read |= VMCB_CR0;
	if (s->cr0_hidden || svm_quirks.cr0_select_low_half)
		c->intercept_cr_write |= VMCB_CR0;
}

static void svm_set_shadow(struct svm_vcpu *s, bool on)
{
	if (on)
		s->vmcb->control.int_state |= VMCB_INTERRUPT_SHADOW;
	else
		s->vmcb->control.int_state &= ~VMCB_INTERRUPT_SHADOW;
}

static void svm_set_special(struct vcpu *v, unsigned reg, u64 value)
{
	struct svm_vcpu *s = v->vendor;

	switch (reg) {
	case REG_CR0: svm_set_cr0(s, value); break;
	case REG_DR0:
	case REG_DR1:
	case REG_DR2:
	case REG_DR3: svm_set_breakpoint(s, reg - REG_DR0, value); break;
	case REG_DR7: svm_set_dr7(s, value); break;
	case REG_EFER: s->vmcb->save.efer = value | EFER_SVME; break;
	case REG_INTR_SHADOW: svm_set_shadow(s, value); break;
	default: v->gpr[reg] = value;
	}
}

void svm_set_reg(struct vcpu *v, unsigned reg, u64 value)
{
	struct svm_vcpu *s = v->vendor;

	if (reg >= REG_COUNT)
		return;
	s->entry_work |= regs[reg].work;
	if (likely(regs[reg].offset))
		*svm_reg(s, reg) = value;
	else
		svm_set_special(v, reg, value);
}

static u8 svm_code_bits(const struct vmcb_save *save)
{
	if (svm_code_is_64(save))
		return 64;
	return save->cs.attr & VMCB_SEG_DB ? 32 : 16;
}

void svm_get_context(struct vcpu *v, struct guest_context *c)
{
	const struct vmcb_save *save = &((struct svm_vcpu *)v->vendor)->vmcb->save;

	c->rip = save->rip;
	c->cs_base = save->cs.base;
	c->cr0 = save->cr0;
	c->cr3 = save->cr3;
	c->cr4 = save->cr4;
	c->efer = save->efer & ~EFER_SVME;
	c->cpl = save->cpl;
	c->bits = svm_code_bits(save);
}

static const u16 segment_offset[SEG_COUNT] = {
	[SEG_ES] = AT(es),     [SEG_CS] = AT(cs),     [SEG_SS] = AT(ss),     [SEG_DS] = AT(ds),
	[SEG_FS] = AT(fs),     [SEG_GS] = AT(gs),     [SEG_LDTR] = AT(ldtr), [SEG_TR] = AT(tr),
	[SEG_GDTR] = AT(gdtr), [SEG_IDTR] = AT(idtr),
};

static struct vmcb_segment *svm_segment(struct svm_vcpu *s, enum segment_name seg)
{
	return (struct vmcb_segment *)((u8 *)s->vmcb + segment_offset[seg]);
}

/* The VMCS keeps AVL, L, D/B and G four bits higher: a descriptor's limit bits lie between. */
#define ATTR_LOW 0x00ffu
#define ATTR_HIGH 0x0f00u
#define ATTR_SHIFT 4

static u32 attr_from_vmcb(u16 attr)
{
	return (attr & ATTR_LOW) | (u32)(attr & ATTR_HIGH) << ATTR_SHIFT;
}

static u16 attr_to_vmcb(u32 attr)
{
	if (attr & SEG_ATTR_UNUSABLE)
		return 0; /* a null selector: not present, APM 2 4.5.1 */
	return (u16)((attr & ATTR_LOW) | (attr >> ATTR_SHIFT & ATTR_HIGH));
}

static bool seg_may_be_null(enum segment_name seg)
{
	return seg != SEG_CS && seg != SEG_TR && seg != SEG_GDTR && seg != SEG_IDTR;
}

void svm_get_seg(struct vcpu *v, enum segment_name seg, struct segment *out)
{
	struct svm_vcpu *s = v->vendor;
	const struct vmcb_segment *in = svm_segment(s, seg);

	out->selector = in->selector;
	out->base = in->base;
	out->limit = in->limit;
	out->attr = attr_from_vmcb(in->attr);
	if (seg == SEG_SS) /* the CPL has a field of its own; elsewhere it is SS.DPL */
		out->attr = (out->attr & ~SEG_ATTR_DPL) | (u32)s->vmcb->save.cpl
							      << SEG_ATTR_DPL_SHIFT;
	if (seg_may_be_null(seg) && !(in->attr & VMCB_SEG_P))
		out->attr |= SEG_ATTR_UNUSABLE;
}

void svm_set_seg(struct vcpu *v, enum segment_name seg, const struct segment *in)
{
	struct svm_vcpu *s = v->vendor;
	struct vmcb_segment *out = svm_segment(s, seg);

	out->selector = in->selector;
	out->base = in->base;
	out->limit = in->limit;
	out->attr = attr_to_vmcb(in->attr);
	if (seg == SEG_SS)
		s->vmcb->save.cpl = (in->attr & SEG_ATTR_DPL) >> SEG_ATTR_DPL_SHIFT;
	if (seg == SEG_CS)
		s->entry_work |= SVM_ENTRY_CHECK;
}

bool svm_skip(struct vcpu *v, u64 next_rip)
{
	struct vmcb *vmcb = ((struct svm_vcpu *)v->vendor)->vmcb;

	vmcb->save.rip = next_rip;
	vmcb->save.rflags &= ~RFLAGS_RF;
	vmcb->control.int_state &= ~VMCB_INTERRUPT_SHADOW;
	return vmcb->save.rflags & RFLAGS_TF;
}
