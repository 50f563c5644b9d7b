/*
 * MOV between a device's register and a general one, or of an immediate: what drivers do all day,
 * and the local APIC's EOI, ICR and timer with every interrupt. The long way through emulate_mmio()
 * gives the same for several times the instructions.
 */
#include "vmm/emulate.h"
#include "vmm/partition.h"

#define PAGE_OFFSET(a) ((unsigned)(a)&4095)

/* The move in one form: which way, and what is on either side. */
static const struct operand *mov_memory(const struct insn *insn)
{
	return insn->dst.kind == OPERAND_MEM ? &insn->dst : &insn->src;
}

static const struct operand *mov_other(const struct insn *insn)
{
	return insn->dst.kind == OPERAND_MEM ? &insn->src : &insn->dst;
}

/* 64-bit code and its default segments, which have no base and no limit. */
static bool is_device_mov(const struct insn *insn)
{
	const struct operand *memory = mov_memory(insn), *other = mov_other(insn);

	return insn->op == OP_MOV && memory->kind == OPERAND_MEM && memory->size >= 4 &&
	       (other->kind == OPERAND_REG || other->kind == OPERAND_IMM) && insn->segment < SEG_FS;
}

static u64 mov_mask(const struct device_mov *mov)
{
	return mov->access.size == 8 ? ~0ull : 0xffffffff;
}

/* The place in its page, for which the address size does not matter. */
static unsigned operand_offset(struct vcpu *v, const struct insn *insn, u64 rip)
{
	u64 address = (u64)insn->mem_disp;

	if (insn->mem_base_valid)
		address += vcpu_get_reg(v, insn->mem_base);
	if (insn->mem_index_valid)
		address += vcpu_get_reg(v, insn->mem_index) * insn->mem_scale;
	if (insn->mem_rip)
		address += rip + insn->length;
	return PAGE_OFFSET(address);
}

/*
 * The processor has translated and checked the access that faulted. When it is aligned, of the same
 * direction and at the same place in its page it is this instruction's, and nothing is left to
 * check.
 */
static bool is_faulting_access(struct vcpu *v, const struct vm_exit *exit, const struct insn *insn,
			       bool store)
{
	gpa_t gpa = exit->u.fault.gpa;

	return exit->u.fault.write == store && !(gpa & (mov_memory(insn)->size - 1)) &&
	       operand_offset(v, insn, exit->rip) == PAGE_OFFSET(gpa);
}

bool emulate_mov_find(struct vcpu *v, const struct vm_exit *exit, struct device_mov *mov)
{
	struct guest_context c;
	const struct insn *insn;
	u64 value;
	bool store;

	if (exit->u.fault.walk || exit->u.fault.fetch || exit->in_flight.kind != EVENT_NONE)
		return false;
	backend->get_context(v, &c);
	insn = insn_known(v, &c);
	if (!insn || !is_device_mov(insn))
		return false;
	store = insn->dst.kind == OPERAND_MEM;
	if (!is_faulting_access(v, exit, insn, store))
		return false;
	mov->other = mov_other(insn);
	mov->length = insn->length;
	mov->access = (struct io_access){ .size = mov_memory(insn)->size, .write = store };
	if (!store)
		return true;
	value =
	    mov->other->kind == OPERAND_IMM ? mov->other->imm : vcpu_get_reg(v, mov->other->reg);
	mov->access.value = value & mov_mask(mov);
	return true;
}

void emulate_mov_finish(struct vcpu *v, const struct device_mov *mov)
{
	if (!mov->access.write) /* of 4 bytes: the upper half of the register is cleared */
		vcpu_set_reg(v, mov->other->reg, mov->access.value & mov_mask(mov));
}

bool emulate_device_mov(struct vcpu *v, struct vm_exit *exit)
{
	struct device_mov mov;

	if (!emulate_mov_find(v, exit, &mov))
		return false;
	guest_device_access(v, exit->u.fault.gpa, &mov.access);
	emulate_mov_finish(v, &mov);
	exit->length = mov.length;
	return true;
}
