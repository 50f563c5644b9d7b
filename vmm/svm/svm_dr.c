/*
 * Debug registers. DR6 and DR7 are in the VMCB; DR0 to DR3 stay in the processor and move in load
 * and put, once the guest has touched any of them. The kernel uses none.
 *
 * With the quirk breakpoints_survive_exit the host would run into the guest's breakpoints. There
 * whatever can set one exits and is carried out here, and breakpoints that the host could hit are
 * kept from the processor. A watched access whose instruction then exits leaves a #DB pending,
 * which comes behind VMRUN: the same as the quirk trap_follows_exit, and answered in the same way.
 */
#include "vmm/decode.h"
#include "vmm/svm/svm.h"
#include "vmm/svm/svm_quirks.h"
#include "vmm/vcpu.h"
#include "x86/insn.h"

#define BREAKPOINTS 4u
#define DR7_ENABLE(n) (3ull << (n)*2)
#define DR7_ENABLES 0xffull
#define DR7_TYPE(dr7, n) ((dr7) >> (16 + (n)*4) & 3)
#define DR7_TYPE_PORT 2
#define DR7_ZERO (MASK(12, 11) | MASK(15, 14))
#define DR7_UPPER MASK(63, 32)
#define LOW_HALF_BITS 47 /* the kernel has nothing in the lower half of the addresses */
/* What exits with the quirk. DR5 is another name of DR7, or #UD. */
#define DR_READS (BIT(5) | BIT(7))
#define DR_WRITES (BIT(0) | BIT(1) | BIT(2) | BIT(3) | BIT(5) | BIT(7))

#define DR_ACCESSORS(n)                                               \
	static u64 read_dr##n(void)                                   \
	{                                                             \
		u64 value;                                            \
		__asm__ volatile("mov %%dr" #n ", %0" : "=r"(value)); \
		return value;                                         \
	}                                                             \
	static void write_dr##n(u64 value)                            \
	{                                                             \
		__asm__ volatile("mov %0, %%dr" #n : : "r"(value));   \
	}
DR_ACCESSORS(0)
DR_ACCESSORS(1)
DR_ACCESSORS(2)
DR_ACCESSORS(3)

static void write_dr7(u64 value)
{
	__asm__ volatile("mov %0, %%dr7" : : "r"(value) : "memory");
}

void svm_load_debug_registers(const struct svm_vcpu *s)
{
	if (svm_quirks.breakpoints_survive_exit)
		write_dr7(DR7_RESET);
	write_dr0(s->dr[0]);
	write_dr1(s->dr[1]);
	write_dr2(s->dr[2]);
	write_dr3(s->dr[3]);
	/* VMRUN will load DR7 without a look at what is switched on: it must be so already. */
	if (svm_quirks.breakpoints_survive_exit)
		write_dr7(s->vmcb->save.dr7);
}

void svm_save_debug_registers(struct svm_vcpu *s)
{
	if (svm_quirks.breakpoints_survive_exit) {
		write_dr7(DR7_RESET);
		return; /* s->dr is what the guest wrote, and not yet in the processor perhaps */
	}
	s->dr[0] = read_dr0();
	s->dr[1] = read_dr1();
	s->dr[2] = read_dr2();
	s->dr[3] = read_dr3();
}

/* The bits of DR7 that the processor must not get (quirk). */
static u64 dr7_unsafe(const struct svm_vcpu *s, u64 dr7)
{
	u64 bits = DR7_GD;

	for (unsigned n = 0; n < BREAKPOINTS; n++) {
		if (s->dr[n] >> LOW_HALF_BITS || DR7_TYPE(dr7, n) == DR7_TYPE_PORT)
			bits |= DR7_ENABLE(n);
	}
	return bits;
}

void svm_set_dr7(struct svm_vcpu *s, u64 value)
{
	s->vmcb->save.dr7 = value;
	if (!svm_quirks.breakpoints_survive_exit)
		return;
	s->dr7_hidden = value & dr7_unsafe(s, value);
	s->vmcb->save.dr7 = value & ~s->dr7_hidden;
	s->trap_follows = s->vmcb->save.dr7 & DR7_ENABLES;
	s->entry_work |= SVM_ENTRY_DR;
}

u64 svm_get_dr7(const struct svm_vcpu *s)
{
	return s->vmcb->save.dr7 | s->dr7_hidden;
}

void svm_use_debug_registers(struct svm_vcpu *s)
{
	bool quirk = svm_quirks.breakpoints_survive_exit;

	s->vmcb->control.intercept_dr_read = quirk ? DR_READS : 0;
	s->vmcb->control.intercept_dr_write = quirk ? DR_WRITES : 0;
	s->dr_loaded = true;
	svm_load_debug_registers(s);
}

/* DR0 to DR3 are in the processor, and not in s->dr alone. */
static bool breakpoints_in_processor(const struct svm_vcpu *s)
{
	return s->dr_loaded && !svm_quirks.breakpoints_survive_exit;
}

u64 svm_get_breakpoint(struct svm_vcpu *s, unsigned n)
{
	if (breakpoints_in_processor(s))
		svm_save_debug_registers(s);
	return s->dr[n];
}

void svm_set_breakpoint(struct svm_vcpu *s, unsigned n, u64 value)
{
	u64 flags = x86_irq_save(); /* in one piece: put() and load() move them as well */

	if (breakpoints_in_processor(s))
		svm_save_debug_registers(s);
	s->dr[n] = value;
	if (breakpoints_in_processor(s))
		svm_load_debug_registers(s);
	x86_irq_restore(flags);
	if (s->dr_loaded && !breakpoints_in_processor(s))
		svm_set_dr7(s, svm_get_dr7(s)); /* it may be safe now, or no more */
}

static void svm_read_dr(struct vcpu *v, const struct insn *insn)
{
	svm_set_reg(v, insn->dst.reg, svm_get_dr7(v->vendor));
}

/* False: the value is one that raises #GP. */
static bool svm_write_dr(struct vcpu *v, const struct insn *insn)
{
	struct svm_vcpu *s = v->vendor;
	u64 value = svm_get_reg(v, insn->src.reg);
	unsigned dr = insn->dst.reg;

	if (insn->src.size < sizeof(value))
		value = (u32)value;
	if (dr < BREAKPOINTS) {
		svm_set_breakpoint(s, dr, value);
		return true;
	}
	if (value & DR7_UPPER)
		return false;
	svm_set_dr7(s, (value & ~DR7_ZERO) | DR7_RESET);
	return true;
}

/* Carries out what exits with the quirk. APM 2 13.1.1 */
static enum vm_exit_reason svm_move_dr(struct vcpu *v, const struct insn *insn)
{
	struct svm_vcpu *s = v->vendor;
	bool write = insn->dst.kind == OPERAND_DR;
	unsigned dr = write ? insn->dst.reg : insn->src.reg;

	if (insn->op != OP_MOV_DR || !(BIT(dr) & (write ? DR_WRITES : DR_READS)))
		/* other bytes than those that exited: they will run */
		return VM_EXIT_HOST_INTERRUPT;
	if (dr == 5 && (s->vmcb->save.cr4 & CR4_DE))
		return VM_EXIT_UNDEFINED;
	if (!write) {
		svm_read_dr(v, insn);
	} else if (!svm_write_dr(v, insn)) {
		event_raise_gp(v, 0);
		return VM_EXIT_HOST_INTERRUPT;
	}
	return VM_EXIT_DR_DONE;
}

/* The first time the guest touches a debug register; with the quirk, also later. */
void svm_decode_dr(struct vcpu *v, struct svm_vcpu *s, struct vm_exit *exit)
{
	const struct insn *insn;

	if (!s->dr_loaded) {
		svm_use_debug_registers(s);
		return;
	}
	insn = svm_decode_insn(v);
	exit->reason = insn ? svm_move_dr(v, insn) : VM_EXIT_HOST_INTERRUPT;
	exit->length = insn ? insn->length : 0;
}
