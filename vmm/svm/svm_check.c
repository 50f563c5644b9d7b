/*
 * VMRUN answers a VMCB that it does not like with VMEXIT_INVALID and not a word more. These are the
 * rules of APM 2 15.5.1, so that we can say which was broken. Called before the entry, because some
 * engines have overwritten the state when the refusal comes back.
 */
#include "kernel/cpu.h"
#include "mm/frame.h"
#include "vmm/backend.h"
#include "vmm/svm/svm.h"
#include "x86/reg.h"

#define EFER_DEFINED \
	(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | EFER_SVME | EFER_LMSLE | EFER_FFXSR | EFER_TCE)
#define EFER_LMSLE BIT(13)
#define EFER_TCE BIT(15)
#define HIGH_HALF MASK(63, 32)
#define PAT_BITS_RESERVED 0xf8f8f8f8f8f8f8f8ull
#define PAT_BIT_2 0x0404040404040404ull
#define PAT_BIT_1 0x0202020202020202ull

static u64 phys_reserved(void)
{
	return ~MASK(cpu_features.phys_bits - 1, 0);
}

static const char *check_efer(const struct vmcb_save *save)
{
	bool paging = save->cr0 & CR0_PG, long_mode = (save->efer & EFER_LME) && paging;

	if (!(save->efer & EFER_SVME))
		return "EFER.SVME is clear";
	if (save->efer & ~EFER_DEFINED)
		return "EFER has reserved bits set";
	if (long_mode && !(save->cr4 & CR4_PAE))
		return "EFER.LME and CR0.PG without CR4.PAE";
	if (long_mode && !(save->cr0 & CR0_PE))
		return "EFER.LME and CR0.PG without CR0.PE";
	if (long_mode && (save->cs.attr & VMCB_SEG_L) && (save->cs.attr & VMCB_SEG_DB))
		return "long mode with both L and D in CS";
	return NULL;
}

static const char *check_registers(const struct vmcb_save *save)
{
	if (save->cr0 & HIGH_HALF)
		return "CR0 has bits 63:32 set";
	if ((save->cr0 & CR0_NW) && !(save->cr0 & CR0_CD))
		return "CR0.NW without CR0.CD";
	if ((save->efer & EFER_LMA) && (save->cr3 & phys_reserved()))
		return "CR3 has reserved bits set";
	if (save->cr4 & HIGH_HALF)
		return "CR4 has bits 63:32 set";
	if (save->dr6 & HIGH_HALF)
		return "DR6 has bits 63:32 set";
	if (save->dr7 & HIGH_HALF)
		return "DR7 has bits 63:32 set";
	/* A type of 2 or 3 has bit 1 and not bit 2. */
	if ((save->g_pat & PAT_BITS_RESERVED) ||
	    (save->g_pat & PAT_BIT_1 & ~((save->g_pat & PAT_BIT_2) >> 1)))
		return "G_PAT holds an undefined memory type";
	return NULL;
}

static const char *check_event(u64 event)
{
	u64 type = event & VMCB_EVENT_TYPE, vector = event & VMCB_EVENT_VECTOR;

	if (!(event & VMCB_EVENT_VALID))
		return NULL;
	if (type != VMCB_EVENT_INTR && type != VMCB_EVENT_NMI && type != VMCB_EVENT_EXCEPTION &&
	    type != VMCB_EVENT_SOFT_INTR)
		return "EVENTINJ has a reserved type";
	if (type == VMCB_EVENT_EXCEPTION && (vector == VEC_NMI || vector > 31))
		return "EVENTINJ has a vector that is no exception";
	return NULL;
}

static const char *check_controls(const struct vmcb_control *c)
{
	if (!(c->intercept4 & VMCB_INTERCEPT_VMRUN))
		return "the VMRUN intercept is clear";
	if (c->guest_asid == 0)
		return "ASID 0 is the host's";
	if (c->guest_asid >= svm_features.asids)
		return "the processor has no such ASID";
	if (c->iopm_base_pa & phys_reserved())
		return "the I/O permission map lies beyond physical memory";
	if (c->msrpm_base_pa & phys_reserved())
		return "the MSR permission map lies beyond physical memory";
	if ((c->np_control & VMCB_NP_ENABLE) && (c->ncr3 & phys_reserved()))
		return "nCR3 has reserved bits set";
	return check_event(c->event_inj);
}

const char *svm_check_vmcb(const struct vmcb *vmcb, bool *ours)
{
	const char *reason = check_controls(&vmcb->control);

	*ours = reason != NULL;
	if (!reason)
		reason = check_efer(&vmcb->save);
	if (!reason)
		reason = check_registers(&vmcb->save);
	return reason;
}
