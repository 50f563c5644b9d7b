#include "vmm/cr.h"

#include "error.h"
#include "kernel/cpu.h"
#include "vmm/cpuid.h"
#include "vmm/partition.h"

#define CR0_DEFINED                                                                                \
	(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | \
	 CR0_PG)
/* A change of these makes old translations wrong (SDM 3A 4.10.4.1). */
#define CR0_FLUSH (CR0_PG | CR0_WP | CR0_PE)
#define CR4_FLUSH (CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCIDE | CR4_SMEP | CR4_SMAP | CR4_PKE)

static bool code_is_64bit(struct vcpu *v)
{
	struct segment cs;

	backend->get_seg(v, SEG_CS, &cs);
	return cs.attr & SEG_ATTR_L;
}

/*
 * Paging with PAE outside long mode loads four entries at CR3 and refuses reserved bits in them
 * (SDM 3A 4.4.1); VM entry would refuse them later. Where nothing answers, a bus reads as ones.
 */
#define PDPTES 4u
#define PDPTE_PRESENT BIT(0)
#define PDPTE_RESERVED (MASK(2, 1) | MASK(8, 5))

static bool pdptes_valid(struct vcpu *v, u64 cr3)
{
	u64 reserved = PDPTE_RESERVED | ~MASK(cpuid_phys_bits(v) - 1, 0), entry[PDPTES];

	if (gmem_read(&v->partition->space, cr3 & MASK(31, 5), entry, sizeof(entry)) != 0)
		return false;
	for (unsigned i = 0; i < PDPTES; i++) {
		if ((entry[i] & PDPTE_PRESENT) && (entry[i] & reserved))
			return false;
	}
	return true;
}

/*
 * Intel's processors do not enter long mode with a 286's task (SDM 2B MOV to CR); AMD's do not
 * mind.
 */
static bool task_is_16bit(struct vcpu *v)
{
	struct segment tr;

	backend->get_seg(v, SEG_TR, &tr);
	return cpu_features.intel_like && (tr.attr & SEG_ATTR_TYPE) == SEG_TYPE_BUSY_TSS16;
}

static bool long_mode_possible(struct vcpu *v, u64 cr4)
{
	return (cr4 & CR4_PAE) && !code_is_64bit(v) && !task_is_16bit(v);
}

/* Paging on with LME enters long mode, paging off leaves it: SDM 3A 9.8.5. */
static int cr0_switch_paging(struct vcpu *v, u64 value)
{
	u64 efer = vcpu_get_reg(v, REG_EFER), cr4 = vcpu_get_reg(v, REG_CR4);

	if (value & CR0_PG) {
		if (!(efer & EFER_LME))
			return (cr4 & CR4_PAE) && !pdptes_valid(v, vcpu_get_reg(v, REG_CR3))
				   ? -EINVAL
				   : 0;
		if (!long_mode_possible(v, cr4))
			return -EINVAL;
		vcpu_set_reg(v, REG_EFER, efer | EFER_LMA);
		return 0;
	}
	if ((cr4 & CR4_PCIDE) || ((efer & EFER_LMA) && code_is_64bit(v)))
		return -EINVAL;
	vcpu_set_reg(v, REG_EFER, efer & ~EFER_LMA);
	return 0;
}

int cr0_write(struct vcpu *v, u64 value)
{
	u64 old = vcpu_get_reg(v, REG_CR0);

	if (value >> 32)
		return -EINVAL;
	value = (value & CR0_DEFINED) | CR0_ET; /* the reserved ones are ignored, ET is fixed */
	if ((value & CR0_PG) && !(value & CR0_PE))
		return -EINVAL;
	if ((value & CR0_NW) && !(value & CR0_CD))
		return -EINVAL;
	if ((old ^ value) & CR0_PG) {
		int r = cr0_switch_paging(v, value);

		if (r)
			return r;
	}
	vcpu_set_reg(v, REG_CR0, value);
	if ((old ^ value) & CR0_FLUSH)
		backend->flush(v);
	return 0;
}

int cr3_write(struct vcpu *v, u64 value)
{
	u64 cr4 = vcpu_get_reg(v, REG_CR4);

	if (vcpu_get_reg(v, REG_EFER) & EFER_LMA) {
		u64 reserved = ~MASK(cpuid_phys_bits(v) - 1, 0);

		if (cr4 & CR4_PCIDE)
			reserved &= ~CR3_NOFLUSH;
		if (value & reserved)
			return -EINVAL;
	} else if ((cr4 & CR4_PAE) && (vcpu_get_reg(v, REG_CR0) & CR0_PG) &&
		   !pdptes_valid(v, value)) {
		return -EINVAL;
	}
	vcpu_set_reg(v, REG_CR3, value & ~CR3_NOFLUSH);
	if (!(cr4 & CR4_PCIDE) || !(value & CR3_NOFLUSH))
		backend->flush(v);
	return 0;
}

int cr4_write(struct vcpu *v, u64 value)
{
	u64 old = vcpu_get_reg(v, REG_CR4), efer = vcpu_get_reg(v, REG_EFER);

	if (value & ~cpuid_cr4_mask(v))
		return -EINVAL;
	if ((efer & EFER_LMA) && !(value & CR4_PAE))
		return -EINVAL;
	if ((value & ~old & CR4_PCIDE) &&
	    (!(efer & EFER_LMA) || (vcpu_get_reg(v, REG_CR3) & CR3_PCID)))
		return -EINVAL;
	vcpu_set_reg(v, REG_CR4, value);
	if ((old ^ value) & CR4_FLUSH)
		backend->flush(v);
	return 0;
}

int efer_write(struct vcpu *v, u64 value)
{
	u64 old = vcpu_get_reg(v, REG_EFER);

	if (value & ~(cpuid_efer_mask(v) | EFER_LMA))
		return -EINVAL;
	if (((old ^ value) & EFER_LME) && (vcpu_get_reg(v, REG_CR0) & CR0_PG))
		return -EINVAL;
	/* LMA is the processor's own: a write neither sets nor clears it. */
	vcpu_set_reg(v, REG_EFER, (value & ~EFER_LMA) | (old & EFER_LMA));
	if ((old ^ value) & EFER_NXE)
		backend->flush(v);
	return 0;
}
