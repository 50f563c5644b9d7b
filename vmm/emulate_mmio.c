/*
 * Instructions with a memory operand, as an access to a device needs them. A LOCK prefix has no
 * effect: a device sees a read and a write of which neither is torn, and RAM is reached here only
 * by the other half of an operand.
 */
#include "error.h"
#include "vmm/emulate.h"
#include "vmm/emulate_insn.h"
#include "vmm/partition.h"

struct instruction {
	int (*fn)(struct emulation *e);
	bool writes; /* the destination; else it is only read */
};

static int do_mov(struct emulation *e)
{
	u64 value;
	int r = emulate_get(e, &e->insn->src, &value);

	return r ? r : emulate_put(e, &e->insn->dst, value);
}

static int do_movsx(struct emulation *e)
{
	unsigned shift = 64 - 8 * e->insn->src.size;
	u64 value;
	int r = emulate_get(e, &e->insn->src, &value);

	return r ? r : emulate_put(e, &e->insn->dst, (u64)((s64)(value << shift) >> shift));
}

static int do_movbe(struct emulation *e)
{
	u64 value;
	int r = emulate_get(e, &e->insn->src, &value);

	value = __builtin_bswap64(value) >> (64 - 8 * e->insn->op_size);
	return r ? r : emulate_put(e, &e->insn->dst, value);
}

static int get_both(struct emulation *e, u64 *dst, u64 *src)
{
	int r = emulate_get(e, &e->insn->dst, dst);

	return r ? r : emulate_get(e, &e->insn->src, src);
}

static u64 get_flags(struct emulation *e)
{
	return vcpu_get_reg(e->v, REG_RFLAGS);
}

static void set_flags(struct emulation *e, u64 rflags)
{
	vcpu_set_reg(e->v, REG_RFLAGS, rflags);
}

static int do_binary(struct emulation *e)
{
	bool keeps = e->insn->op == OP_CMP || e->insn->op == OP_TEST;
	u64 flags = get_flags(e), a, b;
	int r = get_both(e, &a, &b);

	if (r)
		return r;
	a = alu_binary(e->insn->op, a, b, e->insn->dst.size, &flags);
	if (!keeps)
		r = emulate_put(e, &e->insn->dst, a);
	if (!r)
		set_flags(e, flags);
	return r;
}

static int do_unary(struct emulation *e)
{
	u64 flags = get_flags(e), a;
	int r = emulate_get(e, &e->insn->dst, &a);

	if (!r)
		r = emulate_put(e, &e->insn->dst,
				alu_unary(e->insn->op, a, e->insn->dst.size, &flags));
	if (!r)
		set_flags(e, flags);
	return r;
}

static int do_shift(struct emulation *e)
{
	u64 flags = get_flags(e), a, count;
	int r = get_both(e, &a, &count);

	if (r)
		return r;
	a = alu_shift(e->insn->op, a, (unsigned)count, e->insn->dst.size, &flags);
	r = emulate_put(e, &e->insn->dst, a);
	if (!r)
		set_flags(e, flags);
	return r;
}

static int do_setcc(struct emulation *e)
{
	return emulate_put(e, &e->insn->dst, alu_condition(e->insn->cond, get_flags(e)));
}

/* Memory is read, and the upper half of a 32-bit register cleared, whatever the condition. */
static int do_cmovcc(struct emulation *e)
{
	u64 old, value;
	int r = get_both(e, &old, &value);

	if (!r && alu_condition(e->insn->cond, get_flags(e)))
		old = value;
	return r ? r : emulate_put(e, &e->insn->dst, old);
}

static int do_imul(struct emulation *e)
{
	u64 flags = get_flags(e), a, b;
	int r = get_both(e, &a, &b);

	if (!r)
		r = emulate_put(e, &e->insn->dst, alu_imul(a, b, e->insn->op_size, &flags));
	if (!r)
		set_flags(e, flags);
	return r;
}

/* AX = AL * operand, or rDX:rAX = rAX * operand. */
static int do_mul(struct emulation *e)
{
	struct operand low = { .kind = OPERAND_REG, .size = e->insn->op_size, .reg = REG_RAX };
	struct operand high = low;
	u64 flags = get_flags(e), a, b, upper;
	int r = emulate_get(e, &e->insn->dst, &b);

	high.reg = low.size == 1 ? REG_RAX : REG_RDX;
	high.high8 = low.size == 1;
	if (!r)
		r = emulate_get(e, &low, &a);
	if (!r)
		r = emulate_put(e, &low, alu_mul(a, b, low.size, &upper, &flags));
	if (!r)
		r = emulate_put(e, &high, upper);
	if (!r)
		set_flags(e, flags);
	return r;
}

static int do_xchg(struct emulation *e)
{
	u64 a, b;
	int r = get_both(e, &a, &b);

	if (!r)
		r = emulate_put(e, &e->insn->dst, b);
	return r ? r : emulate_put(e, &e->insn->src, a);
}

static int do_xadd(struct emulation *e)
{
	u64 flags = get_flags(e), a, b, sum;
	int r = get_both(e, &a, &b);

	if (r)
		return r;
	sum = alu_binary(OP_ADD, a, b, e->insn->dst.size, &flags);
	/* With both operands the same register the sum stays. */
	if (e->insn->dst.kind == OPERAND_MEM)
		r = emulate_put(e, &e->insn->dst, sum);
	if (!r)
		r = emulate_put(e, &e->insn->src, a);
	if (!r && e->insn->dst.kind == OPERAND_REG)
		r = emulate_put(e, &e->insn->dst, sum);
	if (!r)
		set_flags(e, flags);
	return r;
}

/* The destination gets a write cycle even when the comparison fails: SDM 2A, CMPXCHG. */
static int do_cmpxchg(struct emulation *e)
{
	struct operand acc = { .kind = OPERAND_REG, .size = e->insn->dst.size, .reg = REG_RAX };
	u64 flags = get_flags(e), old, new, expected;
	int r = get_both(e, &old, &new);

	if (!r)
		r = emulate_get(e, &acc, &expected);
	if (r)
		return r;
	alu_binary(OP_CMP, expected, old, acc.size, &flags);
	r = emulate_put(e, &e->insn->dst, flags & RFLAGS_ZF ? new : old);
	if (!r && !(flags & RFLAGS_ZF))
		r = emulate_put(e, &acc, old);
	if (!r)
		set_flags(e, flags);
	return r;
}

static int do_bit(struct emulation *e)
{
	u64 flags = get_flags(e), value, bit;
	int r = get_both(e, &value, &bit);

	if (r)
		return r;
	bit = 1ull << (bit & (8 * e->insn->dst.size - 1));
	flags = value & bit ? flags | RFLAGS_CF : flags & ~RFLAGS_CF;
	if (e->insn->op == OP_BTS)
		value |= bit;
	else if (e->insn->op == OP_BTR)
		value &= ~bit;
	else
		value ^= bit;
	if (e->insn->op != OP_BT)
		r = emulate_put(e, &e->insn->dst, value);
	if (!r)
		set_flags(e, flags);
	return r;
}

static unsigned stack_size(struct emulation *e)
{
	struct segment ss;

	if (e->context.bits == 64)
		return 8;
	backend->get_seg(e->v, SEG_SS, &ss);
	return ss.attr & SEG_ATTR_DB ? 4 : 2;
}

static void set_stack_pointer(struct emulation *e, u64 rsp)
{
	u64 old = vcpu_get_reg(e->v, REG_RSP);

	vcpu_set_reg(e->v, REG_RSP, size_merge(old, rsp, stack_size(e)));
}

static int do_push(struct emulation *e)
{
	u64 rsp = vcpu_get_reg(e->v, REG_RSP) - e->insn->op_size, value;
	struct guest_span stack;
	int r = emulate_get(e, &e->insn->src, &value);

	if (!r)
		r = emulate_map(e, SEG_SS, rsp & size_mask(stack_size(e)), e->insn->op_size,
				ACCESS_WRITE, &stack);
	if (!r)
		r = guest_span_access(e->v, &stack, &value, true);
	if (!r)
		set_stack_pointer(e, rsp);
	return r;
}

static int do_pop(struct emulation *e)
{
	u64 rsp = vcpu_get_reg(e->v, REG_RSP), value = 0;
	struct guest_span stack;
	int r = emulate_map(e, SEG_SS, rsp & size_mask(stack_size(e)), e->insn->op_size,
			    ACCESS_READ, &stack);

	if (!r)
		r = guest_span_access(e->v, &stack, &value, false);
	if (r)
		return r;
	/* RSP first: POP RSP keeps what was popped. A memory operand is mapped already. */
	set_stack_pointer(e, rsp + e->insn->op_size);
	return emulate_put(e, &e->insn->dst, value);
}

static int do_nop(struct emulation *e)
{
	(void)e;
	return 0;
}

static const struct instruction instructions[OP_COUNT] = {
	[OP_MOV] = { do_mov, true },	   [OP_MOVZX] = { do_mov, true },
	[OP_MOVSX] = { do_movsx, true },   [OP_MOVBE] = { do_movbe, true },
	[OP_ADD] = { do_binary, true },	   [OP_OR] = { do_binary, true },
	[OP_ADC] = { do_binary, true },	   [OP_SBB] = { do_binary, true },
	[OP_AND] = { do_binary, true },	   [OP_SUB] = { do_binary, true },
	[OP_XOR] = { do_binary, true },	   [OP_CMP] = { do_binary, false },
	[OP_TEST] = { do_binary, false },  [OP_NOT] = { do_unary, true },
	[OP_NEG] = { do_unary, true },	   [OP_INC] = { do_unary, true },
	[OP_DEC] = { do_unary, true },	   [OP_XCHG] = { do_xchg, true },
	[OP_XADD] = { do_xadd, true },	   [OP_CMPXCHG] = { do_cmpxchg, true },
	[OP_BT] = { do_bit, false },	   [OP_BTS] = { do_bit, true },
	[OP_BTR] = { do_bit, true },	   [OP_BTC] = { do_bit, true },
	[OP_ROL] = { do_shift, true },	   [OP_ROR] = { do_shift, true },
	[OP_RCL] = { do_shift, true },	   [OP_RCR] = { do_shift, true },
	[OP_SHL] = { do_shift, true },	   [OP_SHR] = { do_shift, true },
	[OP_SAR] = { do_shift, true },	   [OP_SETCC] = { do_setcc, true },
	[OP_CMOVCC] = { do_cmovcc, true }, [OP_IMUL] = { do_imul, true },
	[OP_MUL] = { do_mul, false },	   [OP_PUSH] = { do_push, false },
	[OP_POP] = { do_pop, true },	   [OP_NOP] = { do_nop, false },
};

int emulate_instruction(struct emulation *e)
{
	const struct insn *insn = e->insn;
	const struct instruction *i = &instructions[insn->op];
	int r = 0;

	if (emulate_is_string(insn->op))
		return emulate_string(e);
	if (!i->fn)
		return -EINVAL;
	if (insn->dst.kind == OPERAND_MEM || insn->src.kind == OPERAND_MEM)
		r = emulate_map_operand(e, i->writes && insn->dst.kind == OPERAND_MEM);
	return r ? r : i->fn(e);
}

/*
 * Code outside RAM. If the guest's tables do not lead there any more it is an ordinary page fault;
 * else the bus answers with ones, and FF FF is an undefined instruction. The address is counted as
 * stray.
 */
static enum exit_action fetch_outside_ram(struct emulation *e)
{
	struct iobus *bus = &e->v->partition->bus;

	if (emulate_probe_code(e, guest_rip_linear(&e->context)) == -EFAULT)
		return EXIT_RESUME;
	bus->stray_memory++;
	bus->last_stray_memory = e->exit->u.fault.gpa;
	event_raise_ud(e->v);
	return EXIT_RESUME;
}

enum exit_action emulate_mmio(struct vcpu *v, struct vm_exit *exit)
{
	struct emulation e = { .v = v, .exit = exit };
	int r;

	backend->get_context(v, &e.context);
	if (exit->u.fault.fetch)
		return fetch_outside_ram(&e);
	if (exit->in_flight.kind != EVENT_NONE) {
		partition_error(v, "an event's delivery touched memory outside RAM at %#lx",
				exit->u.fault.gpa);
		return EXIT_STOP;
	}
	r = emulate_decode(&e);
	if (!r)
		r = emulate_instruction(&e);
	return emulate_result(&e, r);
}
