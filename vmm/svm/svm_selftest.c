/*
 * The wrappers and the entry path at work on guests of a few bytes, in real mode. What VMRUN must
 * refuse, it refuses here, and the reason is named.
 */
#include "drivers/apic.h"
#include "error.h"
#include "kernel/cpu.h"
#include "kernel/irq.h"
#include "kernel/selftest.h"
#include "lib/string.h"
#include "vmm/svm/svm.h"
#include "vmm/svm/svm_insn.h"
#include "vmm/svm/svm_quirks.h"
#include "vmm/testvcpu.h"
#include "vmm/vcpu.h"
#include "x86/insn.h"

#define TEST_STACK 0x800u
#define TEST_ASID 1u

/* The wrappers alone, as a reader of the manual would call them. The exit code's low half. */
static u32 test_vmrun(struct vcpu *v)
{
	struct svm_vcpu *s = v->vendor;
	u64 flags = vcpu_inspect_begin(v);

	s->vmcb->control.tlb_control = VMCB_TLB_FLUSH_ALL;
	__svm_clgi();
	__svm_vmload(s->vmcb_pa);
	__svm_vmrun(s->vmcb_pa);
	__svm_vmsave(s->vmcb_pa);
	__svm_vmload(s->host_vmcb_pa);
	__svm_stgi();
	s->vmcb->control.tlb_control = VMCB_TLB_NOTHING;
	vcpu_inspect_end(v, flags);
	return (u32)s->vmcb->control.exit_code;
}

/* The kernel's own path. */
static int test_run(struct vcpu *v)
{
	u64 flags;
	int r;

	do { /* an interrupt that ended it is let in between, or it would for ever */
		flags = vcpu_inspect_begin(v);
		r = svm_run(v, &v->exit);
		vcpu_inspect_end(v, flags);
	} while (r == 0 && v->exit.raw == SVM_EXIT_INTR);
	return r;
}

/* A VMCB as it is made, about to run the code, under an ASID that no vCPU will meet. */
static void test_fresh_vmcb(struct vcpu *v)
{
	struct svm_vcpu *s = v->vendor;
	struct vmcb *b = s->vmcb;

	svm_vmcb_init(b, b->control.msrpm_base_pa, b->control.ncr3);
	vcpu_reset_registers(v, VCPU_POWER_UP);
	svm_set_reg(v, REG_CR0, CR0_ET); /* nothing hidden, no intercept for that */
	b->control.guest_asid = TEST_ASID;
	b->save.cs.selector = 0;
	b->save.cs.base = 0;
	b->save.rip = TEST_CODE;
	b->save.rsp = TEST_STACK;
	s->entry_work = SVM_ENTRY_ASID | SVM_ENTRY_CHECK;
}

static int with_guest(struct selftest *t, const u8 *code, size_t size,
		      int (*check)(struct selftest *t, struct vcpu *v, struct vmcb *b))
{
	struct vcpu *v = testvcpu_create(code, size);
	struct svm_vcpu *s;
	int r;

	SELFTEST_EXPECT(t, v != NULL);
	s = v->vendor;
	test_fresh_vmcb(v);
	r = check(t, v, s->vmcb);
	/* Whatever the TLB holds of the test's ASID is flushed before a vCPU can get it. */
	this_cpu()->svm_next_asid = svm_features.asids;
	testvcpu_destroy(v);
	return r;
}

static const u8 code_cpuid[] = { 0x43, 0x0f, 0xa2, 0xf4 }; /* inc bx; cpuid; hlt */
static const u8 code_hlt[] = { 0x90, 0xf4 };		   /* nop; hlt */
static const u8 code_int3[] = { 0xcc };

static int check_vmrun(struct selftest *t, struct vcpu *v, struct vmcb *b)
{
	u64 *gpr = v->gpr;

	for (unsigned i = 0; i < REG_GPRS; i++)
		gpr[i] = 0x1111 * (i + 1);
	SELFTEST_EXPECT(t, test_vmrun(v) == SVM_EXIT_CPUID);
	SELFTEST_EXPECT(t, b->save.rip == TEST_CODE + 1);
	SELFTEST_EXPECT(t, gpr[REG_RBX] == 0x1111 * (REG_RBX + 1) + 1); /* what the guest did */
	for (unsigned i = 0; i < REG_GPRS; i++)
		SELFTEST_EXPECT(t, i == REG_RBX || gpr[i] == 0x1111 * (i + 1));
	b->save.rip = TEST_CODE + 3;
	SELFTEST_EXPECT(t, test_vmrun(v) == SVM_EXIT_HLT);
	return SELFTEST_OK;
}

static int test_good_entry(struct selftest *t)
{
	return with_guest(t, code_cpuid, sizeof(code_cpuid), check_vmrun);
}

static int check_vmload(struct selftest *t, struct vcpu *v, struct vmcb *b)
{
	struct vmcb_save *save = &b->save;
	struct svm_vcpu *s = v->vendor;
	hpa_t host = this_cpu()->svm_host_vmcb; /* read while GS is ours */
	u64 flags = x86_irq_save();

	save->fs.base = 0x12345000;
	save->kernel_gs_base = 0x6789a000;
	save->lstar = 0xbcdef000;
	__svm_clgi();
	__svm_vmload(s->vmcb_pa);
	save->fs.base = save->kernel_gs_base = save->lstar = 0;
	__svm_vmsave(s->vmcb_pa);
	__svm_vmload(host);
	__svm_stgi();
	x86_irq_restore(flags);
	SELFTEST_EXPECT(t, save->fs.base == 0x12345000);
	SELFTEST_EXPECT(t, save->kernel_gs_base == 0x6789a000);
	SELFTEST_EXPECT(t, save->lstar == 0xbcdef000);
	SELFTEST_EXPECT(t, this_cpu()->self == this_cpu());
	return SELFTEST_OK;
}

static int test_vmload_vmsave(struct selftest *t)
{
	return with_guest(t, code_hlt, sizeof(code_hlt), check_vmload);
}

/* An interrupt that comes while GIF is clear waits for STGI, with IF set all the time. */
static int test_gif(struct selftest *t)
{
	struct cpu *cpu = this_cpu();
	u64 flags = x86_irq_save(), before, held, after;

	before = READ_ONCE(cpu->interrupts);
	__svm_clgi();
	x86_sti();
	lapic_self_ipi(VECTOR_RESCHED);
	for (unsigned i = 0; i < 1000; i++)
		x86_pause();
	held = READ_ONCE(cpu->interrupts);
	__svm_stgi();
	for (unsigned i = 0; i < 1000; i++)
		x86_pause();
	after = READ_ONCE(cpu->interrupts);
	x86_irq_restore(flags);
	SELFTEST_EXPECT(t, held == before);
	SELFTEST_EXPECT(t, after > before);
	return SELFTEST_OK;
}

static int test_invlpga(struct selftest *t)
{
	(void)t;
	__svm_invlpga((void *)TEST_CODE, 1); /* no result to look at: it must not fault */
	return SELFTEST_OK;
}

/* Each spoils a good VMCB in one way. */
static void spoil_asid(struct vmcb *b)
{
	b->control.guest_asid = 0;
}
static void spoil_vmrun(struct vmcb *b)
{
	b->control.intercept4 &= ~VMCB_INTERCEPT_VMRUN;
}
static void spoil_svme(struct vmcb *b)
{
	b->save.efer &= ~EFER_SVME;
}
static void spoil_cr0_nw(struct vmcb *b)
{
	b->save.cr0 |= CR0_NW;
}
static void spoil_cr0_high(struct vmcb *b)
{
	b->save.cr0 |= BIT(32);
}
static void spoil_dr6(struct vmcb *b)
{
	b->save.dr6 |= BIT(32);
}
static void spoil_dr7(struct vmcb *b)
{
	b->save.dr7 |= BIT(32);
}
static void spoil_event(struct vmcb *b)
{
	b->control.event_inj = VMCB_EVENT_VALID | VMCB_EVENT_TYPE;
}

static const struct {
	void (*spoil)(struct vmcb *b);
	const char *reason;
	bool ours;
} invalid_vmcbs[] = {
	{ spoil_asid, "ASID 0 is the host's", true },
	{ spoil_vmrun, "the VMRUN intercept is clear", true },
	{ spoil_event, "EVENTINJ has a reserved type", true },
	{ spoil_svme, "EFER.SVME is clear", false },
	{ spoil_cr0_nw, "CR0.NW without CR0.CD", false },
	{ spoil_cr0_high, "CR0 has bits 63:32 set", false },
	{ spoil_dr6, "DR6 has bits 63:32 set", false },
	{ spoil_dr7, "DR7 has bits 63:32 set", false },
};

static int check_invalid(struct selftest *t, struct vcpu *v, struct vmcb *b)
{
	const char *reason;
	bool ours;

	for (unsigned i = 0; i < ARRAY_SIZE(invalid_vmcbs); i++) {
		test_fresh_vmcb(v);
		SELFTEST_EXPECT(t, svm_check_vmcb(b, &ours) == NULL);
		invalid_vmcbs[i].spoil(b);
		reason = svm_check_vmcb(b, &ours);
		SELFTEST_EXPECT(t, reason && strcmp(reason, invalid_vmcbs[i].reason) == 0);
		SELFTEST_EXPECT(t, ours == invalid_vmcbs[i].ours);
		if (test_vmrun(v) != SVM_EXIT_INVALID) {
			selftest_reason(t, "VMRUN accepted a VMCB where %s", reason);
			return SELFTEST_FAILED;
		}
	}
	return SELFTEST_OK;
}

static int test_invalid_vmcb(struct selftest *t)
{
	return with_guest(t, code_hlt, sizeof(code_hlt), check_invalid);
}

/* The kernel's path reports a bad guest state as such, and a bad control as an error. */
static int check_refused(struct selftest *t, struct vcpu *v, struct vmcb *b)
{
	b->save.cr0 |= CR0_NW;
	SELFTEST_EXPECT(t, test_run(v) == 0);
	SELFTEST_EXPECT(t, v->exit.reason == VM_EXIT_INVALID_STATE);
	test_fresh_vmcb(v);
	b->control.intercept4 = 0;
	SELFTEST_EXPECT(t, test_run(v) == -EIO);
	return SELFTEST_OK;
}

static int test_refused(struct selftest *t)
{
	return with_guest(t, code_hlt, sizeof(code_hlt), check_refused);
}

static int check_run(struct selftest *t, struct vcpu *v, struct vmcb *b)
{
	struct vm_exit *exit = &v->exit;

	SELFTEST_EXPECT(t, test_run(v) == 0);
	SELFTEST_EXPECT(t, exit->reason == VM_EXIT_CPUID);
	SELFTEST_EXPECT(t, exit->rip == TEST_CODE + 1);
	SELFTEST_EXPECT(t, exit->length == (svm_features.nrip ? 2 : 0));
	b->save.rip += 2;
	SELFTEST_EXPECT(t, test_run(v) == 0);
	SELFTEST_EXPECT(t, exit->reason == VM_EXIT_HLT);
	return SELFTEST_OK;
}

static int test_exit_decoded(struct selftest *t)
{
	return with_guest(t, code_cpuid, sizeof(code_cpuid), check_run);
}

/*
 * INT3 with an empty IDT: #GP, #DF, and nobody to take it. On an engine that would reset the
 * machine, the #DF is seen first, and the fault that its delivery raises.
 */
static int check_triple(struct selftest *t, struct vcpu *v, struct vmcb *b)
{
	struct vm_exit *exit = &v->exit;
	const struct event df = { .kind = EVENT_EXCEPTION, .vector = VEC_DF, .has_error = true };

	b->save.idtr.limit = 0;
	SELFTEST_EXPECT(t, test_run(v) == 0);
	if (svm_quirks.triple_fault_kills) {
		SELFTEST_EXPECT(t, exit->reason == VM_EXIT_EXCEPTION);
		SELFTEST_EXPECT(t, exit->u.exception.vector == VEC_DF);
		svm_inject(v, &df);
		SELFTEST_EXPECT(t, test_run(v) == 0);
	}
	SELFTEST_EXPECT(t, exit->reason == VM_EXIT_TRIPLE_FAULT);
	return SELFTEST_OK;
}

static int test_triple_fault(struct selftest *t)
{
	return with_guest(t, code_int3, sizeof(code_int3), check_triple);
}

/* Shows the quirk no_window_in_shadow, or its absence: where does a window open after STI? */
static int check_shadow(struct selftest *t, struct vcpu *v, struct vmcb *b)
{
	bool right;

	b->save.rflags |= RFLAGS_IF;
	b->control.int_state = VMCB_INTERRUPT_SHADOW;
	b->control.int_ctl |= VMCB_V_IRQ | VMCB_V_IGN_TPR;
	b->control.intercept3 |= VMCB_INTERCEPT_VINTR;
	right = test_vmrun(v) == SVM_EXIT_VINTR && b->save.rip == TEST_CODE + 1;
	SELFTEST_EXPECT(t, right == !svm_quirks.no_window_in_shadow);
	return SELFTEST_OK;
}

static int test_shadow_quirk(struct selftest *t)
{
	return with_guest(t, code_hlt, sizeof(code_hlt), check_shadow);
}

/* And how the back end answers on every engine: the NOP runs, then the window is open. */
static int check_window(struct selftest *t, struct vcpu *v, struct vmcb *b)
{
	struct vm_exit *exit = &v->exit;

	b->save.rflags |= RFLAGS_IF;
	b->control.int_state = VMCB_INTERRUPT_SHADOW;
	SELFTEST_EXPECT(t, !svm_can_inject(v, EVENT_INTR));
	svm_want_window(v, EVENT_INTR, true);
	do {
		SELFTEST_EXPECT(t, test_run(v) == 0);
	} while (exit->reason == VM_EXIT_HOST_INTERRUPT && !svm_can_inject(v, EVENT_INTR));
	SELFTEST_EXPECT(t, svm_can_inject(v, EVENT_INTR));
	SELFTEST_EXPECT(t, b->save.rip == TEST_CODE + 1);
	SELFTEST_EXPECT(t, !(b->save.rflags & RFLAGS_TF));
	return SELFTEST_OK;
}

static int test_window(struct selftest *t)
{
	return with_guest(t, code_hlt, sizeof(code_hlt), check_window);
}

static const struct selftest_case svm_selftests[] = {
	{ "svm: a good VMRUN exits with its reason, registers moved", test_good_entry },
	{ "svm: VMLOAD and VMSAVE move what VMRUN does not", test_vmload_vmsave },
	{ "svm: CLGI holds interrupts until STGI", test_gif },
	{ "svm: INVLPGA", test_invlpga },
	{ "svm: an invalid VMCB gives VMEXIT_INVALID, by name", test_invalid_vmcb },
	{ "svm: a refused entry is reported", test_refused },
	{ "svm: exits are decoded", test_exit_decoded },
	{ "svm: a triple fault of the guest is an exit", test_triple_fault },
	{ "svm: the shadow quirk is what the probe says", test_shadow_quirk },
	{ "svm: a window opens behind the shadow", test_window },
};

void svm_selftest_register(void)
{
	selftest_add(svm_selftests, ARRAY_SIZE(svm_selftests));
}
