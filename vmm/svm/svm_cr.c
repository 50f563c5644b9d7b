/*
 * Accesses to control registers. The exit code names the control register; decode assists name the
 * general one (APM 2 15.8.1), and where the processor has none, the instruction's bytes do.
 */
#include "vmm/decode.h"
#include "vmm/guestwalk.h"
#include "vmm/svm/svm.h"
#include "vmm/vcpu.h"

#define CR_NUMBERS 16u

/* Base, index and displacement of a memory operand, cut to the address size. */
static u64 operand_offset(struct vcpu *v, const struct insn *insn)
{
	u64 offset = (u64)insn->mem_disp;

	if (insn->mem_rip)
		offset += svm_get_reg(v, REG_RIP) + insn->length;
	if (insn->mem_base_valid)
		offset += svm_get_reg(v, insn->mem_base);
	if (insn->mem_index_valid)
		offset += svm_get_reg(v, insn->mem_index) * insn->mem_scale;
	if (insn->addr_size < sizeof(u64))
		offset &= BIT(insn->addr_size * 8) - 1;
	return offset;
}

/* The linear address of LMSW's or SMSW's operand. False: it raised an exception in the guest. */
static bool memory_operand(struct vcpu *v, const struct insn *insn, unsigned access,
			   struct vm_exit *exit)
{
	gva_t gva;

	if (guest_linear(v, insn->segment, operand_offset(v, insn), sizeof(u16), access, &gva) != 0)
		return false;
	exit->u.cr.value = gva;
	return true;
}

static bool decode_lmsw(struct vcpu *v, const struct insn *insn, struct vm_exit *exit)
{
	exit->u.cr.op = insn->src.kind == OPERAND_REG ? CR_LMSW : CR_LMSW_MEMORY;
	if (exit->u.cr.op == CR_LMSW_MEMORY)
		return memory_operand(v, insn, ACCESS_READ, exit);
	exit->u.cr.value = (u16)svm_get_reg(v, insn->src.reg);
	return true;
}

static bool decode_smsw(struct vcpu *v, const struct insn *insn, struct vm_exit *exit)
{
	exit->u.cr.op = insn->dst.kind == OPERAND_REG ? CR_SMSW : CR_SMSW_MEMORY;
	if (exit->u.cr.op == CR_SMSW_MEMORY)
		return memory_operand(v, insn, ACCESS_WRITE, exit);
	exit->u.cr.gpr = insn->dst.reg;
	return true;
}

/* False: not an access to a control register (any more), or its operand faulted. */
static bool decode_cr_insn(struct vcpu *v, const struct insn *insn, struct vm_exit *exit)
{
	exit->length = insn->length;
	switch (insn->op) {
	case OP_MOV_CR:
		exit->u.cr.gpr = exit->u.cr.op == CR_READ ? insn->dst.reg : insn->src.reg;
		return true;
	case OP_CLTS: exit->u.cr.op = CR_CLTS; return true;
	case OP_LMSW: return decode_lmsw(v, insn, exit);
	case OP_SMSW: return decode_smsw(v, insn, exit);
	default: return false;
	}
}

const struct insn *svm_decode_insn(struct vcpu *v)
{
	struct guest_context c;
	const struct insn *insn;

	svm_get_context(v, &c);
	return insn_fetch(v, &c, &insn) == 0 ? insn : NULL;
}

/*
 * Another vCPU may have changed the bytes since the exit. Then the guest just runs on: it executes
 * what is there now.
 */
static void decode_cr_bytes(struct vcpu *v, struct vm_exit *exit)
{
	const struct insn *insn = svm_decode_insn(v);

	if (!insn || !decode_cr_insn(v, insn, exit))
		exit->reason = VM_EXIT_HOST_INTERRUPT;
}

void svm_decode_cr(struct vcpu *v, struct svm_vcpu *s, struct vm_exit *exit)
{
	u64 code = exit->raw, info = s->vmcb->control.exit_info_1;

	if (code == SVM_EXIT_CR0_SEL_WRITE)
		code = SVM_EXIT_CR0_WRITE;
	exit->u.cr.cr = code % CR_NUMBERS;
	exit->u.cr.op = code < SVM_EXIT_CR0_WRITE ? CR_READ : CR_WRITE;
	if (svm_features.decode_assists && (info & VMCB_CR_MOV))
		exit->u.cr.gpr = info & VMCB_CR_GPR;
	else
		decode_cr_bytes(v, exit);
	if (exit->u.cr.op == CR_WRITE && exit->reason == VM_EXIT_CR) {
		exit->u.cr.value = svm_get_reg(v, exit->u.cr.gpr);
		if (guest_code_bits(v) != 64)
			exit->u.cr.value = (u32)exit->u.cr.value;
	}
}
