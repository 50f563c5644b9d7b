/* What a partition and a vCPU have of SVM: permission maps, and VMCBs. */
#include "error.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "vmm/partition.h"
#include "vmm/svm/svm.h"
#include "vmm/svm/svm_quirks.h"
#include "x86/msr.h"

/* The MSR permission map: three ranges of 8192 MSRs, two bits each. APM 2 15.11. */
#define MSRPM_RANGE 0x2000u
#define MSRPM_BYTES_PER_RANGE 0x800u
#define MSRPM_AMD_LOW 0xc0000000u
#define MSRPM_AMD_HIGH 0xc0010000u

/*
 * A loop: so many PAUSEs, each at most so many cycles behind the one before (where the processor
 * looks at that; otherwise they are counted from the entry on). Waiting for a lock takes tens of
 * them.
 */
#define PAUSE_COUNT 512
#define PAUSE_THRESHOLD 128

/*
 * Not intercepted, for lack of need: task switches (the processor does them whole, also under
 * nested paging), IRET and PAUSE (on demand), RDTSC (the VMCB holds an offset), INVLPG, CR3 (nested
 * paging).
 */
#define INTERCEPT3                                                                                 \
	(VMCB_INTERCEPT_INTR | VMCB_INTERCEPT_NMI | VMCB_INTERCEPT_SMI | VMCB_INTERCEPT_INIT |     \
	 VMCB_INTERCEPT_CR0_SEL_WRITE | VMCB_INTERCEPT_RDPMC | VMCB_INTERCEPT_CPUID |              \
	 VMCB_INTERCEPT_INVD | VMCB_INTERCEPT_HLT | VMCB_INTERCEPT_INVLPGA | VMCB_INTERCEPT_IOIO | \
	 VMCB_INTERCEPT_MSR | VMCB_INTERCEPT_SHUTDOWN)
#define INTERCEPT4                                                                \
	(VMCB_INTERCEPT_VMRUN | VMCB_INTERCEPT_VMMCALL | VMCB_INTERCEPT_VMLOAD |  \
	 VMCB_INTERCEPT_VMSAVE | VMCB_INTERCEPT_STGI | VMCB_INTERCEPT_CLGI |      \
	 VMCB_INTERCEPT_SKINIT | VMCB_INTERCEPT_WBINVD | VMCB_INTERCEPT_MONITOR | \
	 VMCB_INTERCEPT_MWAIT | VMCB_INTERCEPT_XSETBV | VMCB_INTERCEPT_RDPRU)

/* MSRs that VMLOAD and VMSAVE move, so that the guest may have the real ones. */
static const u32 guest_owned_msrs[] = {
	MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_STAR,		MSR_LSTAR,
	MSR_CSTAR,   MSR_SFMASK,  MSR_SYSENTER_CS,    MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
};

static void msrpm_set(struct svm_partition *sp, u32 msr, enum msr_trap trap)
{
	u32 byte, shift = (msr & 3) * 2;

	if (msr < MSRPM_RANGE)
		byte = 0;
	else if (msr >= MSRPM_AMD_LOW && msr < MSRPM_AMD_LOW + MSRPM_RANGE)
		byte = MSRPM_BYTES_PER_RANGE;
	else if (msr >= MSRPM_AMD_HIGH && msr < MSRPM_AMD_HIGH + MSRPM_RANGE)
		byte = 2 * MSRPM_BYTES_PER_RANGE;
	else
		return; /* outside the map: always exits */
	byte += (msr & (MSRPM_RANGE - 1)) / 4;
	sp->msrpm[byte] = (u8)((sp->msrpm[byte] & ~(3u << shift)) | (u32)trap << shift);
}

int svm_partition_init(struct partition *p)
{
	struct svm_partition *sp = heap_alloc(sizeof(*sp));

	if (!sp)
		return -ENOMEM;
	sp->msrpm_pa = frame_alloc(SVM_MSRPM_ORDER, p->space.owner);
	if (sp->msrpm_pa == HPA_NONE) {
		heap_free(sp);
		return -ENOMEM;
	}
	sp->msrpm = phys_to_virt(sp->msrpm_pa);
	memset(sp->msrpm, 0xff, SVM_MSRPM_SIZE);
	for (unsigned i = 0; i < ARRAY_SIZE(guest_owned_msrs); i++)
		msrpm_set(sp, guest_owned_msrs[i], MSR_TRAP_NONE);
	if (svm_features.rdtscp) /* svm_load() and svm_put() move it */
		msrpm_set(sp, MSR_TSC_AUX, MSR_TRAP_NONE);
	p->vendor = sp;
	return 0;
}

void svm_partition_free(struct partition *p)
{
	struct svm_partition *sp = p->vendor;

	if (!sp)
		return;
	frame_free(sp->msrpm_pa, SVM_MSRPM_ORDER);
	heap_free(sp);
	p->vendor = NULL;
}

void svm_vmcb_init(struct vmcb *vmcb, hpa_t msrpm_pa, hpa_t ncr3)
{
	struct vmcb_control *c = &vmcb->control;

	memset(vmcb, 0, sizeof(*vmcb));
	c->intercept_cr_read = VMCB_CR8; /* TPR lives in the emulated local APIC */
	c->intercept_cr_write = VMCB_CR4 | VMCB_CR8;
	c->intercept_dr_read = c->intercept_dr_write = VMCB_DR_ALL;
	c->intercept_exceptions = svm_quirks_exceptions();
	c->intercept3 = INTERCEPT3;
	c->intercept4 = INTERCEPT4;
	c->iopm_base_pa = svm_features.iopm_pa;
	c->msrpm_base_pa = msrpm_pa;
	c->int_ctl = VMCB_V_INTR_MASKING;
	c->np_control = VMCB_NP_ENABLE;
	c->ncr3 = ncr3;
}

int svm_vcpu_init(struct vcpu *v)
{
	struct svm_vcpu *s = heap_alloc(sizeof(*s));
	struct svm_partition *sp = v->partition->vendor;

	if (!s)
		return -ENOMEM;
	s->vmcb_pa = frame_alloc(FRAME_ORDER_4K, v->partition->space.owner);
	if (s->vmcb_pa == HPA_NONE) {
		heap_free(s);
		return -ENOMEM;
	}
	s->vmcb = phys_to_virt(s->vmcb_pa);
	svm_vmcb_init(s->vmcb, sp->msrpm_pa, v->partition->space.pt.root);
	s->table_generation = &v->partition->space.pt.generation;
	s->entry_work = SVM_ENTRY_ASID | SVM_ENTRY_CHECK;
	s->trap_follows = svm_quirks.trap_follows_exit;
	v->vendor = s;
	return 0;
}

void svm_vcpu_free(struct vcpu *v)
{
	struct svm_vcpu *s = v->vendor;

	frame_free(s->vmcb_pa, FRAME_ORDER_4K);
	heap_free(s);
	v->vendor = NULL;
}

void svm_trap_exception(struct vcpu *v, u32 mask)
{
	struct svm_vcpu *s = v->vendor;

	s->exceptions = mask;
	s->vmcb->control.intercept_exceptions = mask | svm_quirks_exceptions();
}

int svm_pause_exits(struct vcpu *v, enum pause_exits which)
{
	struct vmcb_control *c = &((struct svm_vcpu *)v->vendor)->vmcb->control;

	if (which == PAUSE_EXITS_LOOPS && !svm_features.pause_filter)
		return -ENOTSUP;
	c->pause_filter_count = which == PAUSE_EXITS_LOOPS ? PAUSE_COUNT : 0;
	if (svm_features.pause_threshold)
		c->pause_filter_threshold = which == PAUSE_EXITS_LOOPS ? PAUSE_THRESHOLD : 0;
	if (which == PAUSE_EXITS_NONE)
		c->intercept3 &= ~VMCB_INTERCEPT_PAUSE;
	else
		c->intercept3 |= VMCB_INTERCEPT_PAUSE;
	return 0;
}

void svm_set_tsc_offset(struct vcpu *v, u64 offset)
{
	struct svm_vcpu *s = v->vendor;

	s->vmcb->control.tsc_offset = offset;
}
