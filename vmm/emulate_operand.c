/* Operands of an emulated instruction: registers, and memory in RAM or devices. */
#include "error.h"
#include "vmm/emulate_insn.h"
#include "vmm/partition.h"

#define PAGE_SIZE 4096u
#define PAGE_OFFSET(a) ((unsigned)(a) & (PAGE_SIZE - 1))

unsigned emulate_access_user(struct emulation *e)
{
	return e->context.cpl == 3 ? ACCESS_USER : 0;
}

static bool is_bit_test(enum insn_op op)
{
	return op >= OP_BT && op <= OP_BTC;
}

/* BT and its relatives take any bit offset from a register: it reaches operands far away. */
static s64 bit_test_displacement(struct emulation *e)
{
	const struct operand *src = &e->insn->src;
	unsigned shift = 64 - 8 * src->size;
	s64 bit = (s64)(vcpu_get_reg(e->v, src->reg) << shift) >> shift;

	return (bit >> 3) & ~(s64)(src->size - 1);
}

static u64 effective_address(struct emulation *e)
{
	const struct insn *insn = e->insn;
	u64 address = (u64)insn->mem_disp;

	if (insn->mem_rip)
		address += e->exit->rip + insn->length;
	if (insn->mem_base_valid)
		address += vcpu_get_reg(e->v, insn->mem_base);
	if (insn->mem_index_valid)
		address += vcpu_get_reg(e->v, insn->mem_index) * insn->mem_scale;
	if (is_bit_test(insn->op) && insn->src.kind == OPERAND_REG)
		address += (u64)bit_test_displacement(e);
	if (insn->op == OP_POP && insn->mem_base_valid && insn->mem_base == REG_RSP)
		address += insn->op_size; /* RSP counts as already moved: SDM 2B, POP */
	return address & size_mask(insn->addr_size);
}

static int raise_segment(struct emulation *e, unsigned vector)
{
	event_raise(e->v, vector, true, 0);
	return -EFAULT;
}

int emulate_map(struct emulation *e, enum segment_name seg, u64 offset, unsigned size,
		unsigned access, struct guest_span *span)
{
	gva_t gva;
	unsigned vector =
	    guest_linear_check(e->v, e->context.bits, seg, offset, size, access, &gva);

	if (vector)
		return raise_segment(e, vector);
	return guest_map(e->v, gva, size, access | emulate_access_user(e), span);
}

/*
 * The processor has translated and checked the access that faulted. If it can only have been this
 * one (same direction, same place in the page) its answer saves a walk. An address that the guest
 * changed since then in the instruction's bytes gives it nothing: the access is the one that was
 * checked.
 */
static bool fault_was_operand(const struct emulation *e, gva_t gva, unsigned size, bool write)
{
	const struct vm_exit *exit = e->exit;

	return exit->reason == VM_EXIT_FAULT && !exit->u.fault.walk && !exit->u.fault.fetch &&
	       exit->u.fault.write == write && PAGE_OFFSET(gva) == PAGE_OFFSET(exit->u.fault.gpa) &&
	       PAGE_OFFSET(gva) + size <= PAGE_SIZE;
}

int emulate_map_operand(struct emulation *e, bool write)
{
	const struct insn *insn = e->insn;
	unsigned size = insn->dst.kind == OPERAND_MEM ? insn->dst.size : insn->src.size;
	unsigned access = write ? ACCESS_WRITE : ACCESS_READ;
	u64 offset = effective_address(e);
	unsigned vector;
	gva_t gva;

	vector =
	    guest_linear_check(e->v, e->context.bits, insn->segment, offset, size, access, &gva);
	if (unlikely(vector))
		return raise_segment(e, vector);
	if (likely(fault_was_operand(e, gva, size, write))) {
		e->mem = (struct guest_span){ .gpa = { e->exit->u.fault.gpa }, .len = { size } };
		return 0;
	}
	return guest_map(e->v, gva, size, access | emulate_access_user(e), &e->mem);
}

static u64 get_register(struct emulation *e, const struct operand *o)
{
	u64 value = vcpu_get_reg(e->v, o->reg);

	return (o->high8 ? value >> 8 : value) & size_mask(o->size);
}

static void put_register(struct emulation *e, const struct operand *o, u64 value)
{
	u64 old = vcpu_get_reg(e->v, o->reg);

	if (o->high8)
		value = (old & ~0xff00ull) | (value & 0xff) << 8;
	else
		value = size_merge(old, value, o->size);
	vcpu_set_reg(e->v, o->reg, value);
}

static u64 get_selector(struct emulation *e, const struct operand *o)
{
	struct segment s;

	backend->get_seg(e->v, o->reg, &s);
	return s.selector;
}

int emulate_get(struct emulation *e, const struct operand *o, u64 *value)
{
	*value = 0;
	switch (o->kind) {
	case OPERAND_REG: *value = get_register(e, o); return 0;
	case OPERAND_IMM: *value = o->imm & size_mask(o->size); return 0;
	case OPERAND_MEM: return guest_span_access(e->v, &e->mem, value, false);
	case OPERAND_SREG: *value = get_selector(e, o); return 0;
	default: return -EINVAL;
	}
}

int emulate_put(struct emulation *e, const struct operand *o, u64 value)
{
	switch (o->kind) {
	case OPERAND_REG: put_register(e, o, value); return 0;
	case OPERAND_MEM: return guest_span_access(e->v, &e->mem, &value, true);
	default: /* loading a segment register from a device: nobody does */ return -EINVAL;
	}
}
