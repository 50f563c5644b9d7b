/* Arithmetic with the flags that the processor would set: SDM 1 3.4.3.1, appendix A. */
#include "vmm/emulate_insn.h"

#define ALU_FLAGS (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

static u64 flag_if(bool condition, u64 flag)
{
	return condition ? flag : 0;
}

/* SF, ZF and PF (of the low byte, even number of ones) follow from the result alone. */
static u64 result_flags(u64 r, unsigned size)
{
	return flag_if(!(r & size_mask(size)), RFLAGS_ZF) |
	       flag_if(r & size_sign(size), RFLAGS_SF) |
	       flag_if(!__builtin_parity(r & 0xff), RFLAGS_PF);
}

/* carries: bit n is the carry out of, or the borrow into, bit n. */
static u64 carry_flags(u64 carries, u64 overflow, unsigned size)
{
	return flag_if(carries & size_sign(size), RFLAGS_CF) | flag_if(carries & 8, RFLAGS_AF) |
	       flag_if(overflow & size_sign(size), RFLAGS_OF);
}

static u64 alu_add(u64 a, u64 b, u64 carry, unsigned size, u64 *flags)
{
	u64 r = a + b + carry;

	*flags =
	    result_flags(r, size) | carry_flags((a & b) | ((a | b) & ~r), (a ^ r) & (b ^ r), size);
	return r & size_mask(size);
}

static u64 alu_sub(u64 a, u64 b, u64 borrow, unsigned size, u64 *flags)
{
	u64 r = a - b - borrow;

	*flags =
	    result_flags(r, size) | carry_flags((~a & b) | ((~a | b) & r), (a ^ b) & (a ^ r), size);
	return r & size_mask(size);
}

/* AF is undefined after these; processors clear it. */
static u64 alu_logic(u64 r, unsigned size, u64 *flags)
{
	*flags = result_flags(r, size);
	return r & size_mask(size);
}

u64 alu_binary(enum insn_op op, u64 a, u64 b, unsigned size, u64 *rflags)
{
	u64 carry = *rflags & RFLAGS_CF, flags, r;

	switch (op) {
	case OP_ADD:
	case OP_XADD: r = alu_add(a, b, 0, size, &flags); break;
	case OP_ADC: r = alu_add(a, b, carry, size, &flags); break;
	case OP_SBB: r = alu_sub(a, b, carry, size, &flags); break;
	case OP_AND:
	case OP_TEST: r = alu_logic(a & b, size, &flags); break;
	case OP_OR: r = alu_logic(a | b, size, &flags); break;
	case OP_XOR: r = alu_logic(a ^ b, size, &flags); break;
	default: /* SUB, CMP, CMPXCHG, CMPS, SCAS */ r = alu_sub(a, b, 0, size, &flags); break;
	}
	*rflags = (*rflags & ~ALU_FLAGS) | flags;
	return r;
}

u64 alu_unary(enum insn_op op, u64 a, unsigned size, u64 *rflags)
{
	u64 carry = *rflags & RFLAGS_CF, flags, r;

	switch (op) {
	case OP_INC: /* these two leave CF as it is */
		r = alu_add(a, 1, 0, size, &flags);
		flags = (flags & ~RFLAGS_CF) | carry;
		break;
	case OP_DEC:
		r = alu_sub(a, 1, 0, size, &flags);
		flags = (flags & ~RFLAGS_CF) | carry;
		break;
	case OP_NEG: r = alu_sub(0, a, 0, size, &flags); break;
	default: /* NOT sets no flags */ return ~a & size_mask(size);
	}
	*rflags = (*rflags & ~ALU_FLAGS) | flags;
	return r;
}

/* One bit further; *carry is CF before and after. */
static u64 shift_step(enum insn_op op, u64 a, unsigned size, bool *carry)
{
	bool left = op == OP_ROL || op == OP_RCL || op == OP_SHL;
	bool out = a & (left ? size_sign(size) : 1), in = false;

	if (op == OP_ROL || op == OP_ROR)
		in = out;
	else if (op == OP_RCL || op == OP_RCR)
		in = *carry;
	else if (op == OP_SAR)
		in = a & size_sign(size);
	*carry = out;
	if (left)
		return (a << 1 | in) & size_mask(size);
	return a >> 1 | (in ? size_sign(size) : 0);
}

u64 alu_shift(enum insn_op op, u64 a, unsigned count, unsigned size, u64 *rflags)
{
	bool carry = *rflags & RFLAGS_CF;
	u64 before = a, flags;

	count &= size == 8 ? 63 : 31;
	if (!count)
		return a;
	while (count--) {
		before = a;
		a = shift_step(op, a, size, &carry);
	}
	/* OF (defined for a count of 1): the sign has changed. Rotations set nothing else. */
	flags = flag_if(carry, RFLAGS_CF) | flag_if((a ^ before) & size_sign(size), RFLAGS_OF);
	if (op >= OP_SHL)
		*rflags = (*rflags & ~ALU_FLAGS) | flags | result_flags(a, size);
	else
		*rflags = (*rflags & ~(RFLAGS_CF | RFLAGS_OF)) | flags;
	return a;
}

static void set_overflow(u64 *rflags, bool overflow)
{
	*rflags &= ~(RFLAGS_CF | RFLAGS_OF);
	*rflags |= flag_if(overflow, RFLAGS_CF | RFLAGS_OF);
}

static s64 sign_extend(u64 a, unsigned size)
{
	unsigned shift = 64 - 8 * size;

	return (s64)(a << shift) >> shift;
}

u64 alu_imul(u64 a, u64 b, unsigned size, u64 *rflags)
{
	__int128 product = (__int128)sign_extend(a, size) * sign_extend(b, size);

	set_overflow(rflags, product != sign_extend((u64)product, size));
	return (u64)product & size_mask(size);
}

u64 alu_mul(u64 a, u64 b, unsigned size, u64 *high, u64 *rflags)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	*high = (u64)(product >> (8 * size)) & size_mask(size);
	set_overflow(rflags, *high);
	return (u64)product & size_mask(size);
}

/* SDM 2D table B-10: pairs of a condition and its opposite. */
bool alu_condition(unsigned cond, u64 rflags)
{
	bool cf = rflags & RFLAGS_CF, zf = rflags & RFLAGS_ZF, sf = rflags & RFLAGS_SF;
	bool of = rflags & RFLAGS_OF, pf = rflags & RFLAGS_PF;
	const bool holds[8] = { of, cf, zf, cf || zf, sf, pf, sf != of, zf || sf != of };

	return holds[cond >> 1 & 7] != (cond & 1);
}
