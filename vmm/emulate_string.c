/*
 * String instructions, repeated or not. A step moves a run of elements that lie in one page on each
 * side; registers are brought up to date after every step, so that a fault in the next one leaves
 * an instruction that can be started again (SDM 2B, REP).
 */
#include "error.h"
#include "lib/string.h"
#include "vmm/emulate_insn.h"
#include "vmm/partition.h"

#define PAGE_SIZE 4096u
#define STEP_BYTES 512u	   /* what a step moves at most */
#define EXIT_ELEMENTS 512u /* then the guest is entered again, so that interrupts can come */
#define STEP_LAST 1	   /* the condition of REPE or REPNE ended the repetition */

/* One side of a string operation: ES:RDI, or RSI with any segment. */
struct string_side {
	unsigned reg;
	enum segment_name seg;
	struct guest_span span;
};

struct string_op {
	int (*step)(struct emulation *e, unsigned *count);
	bool uses_rsi, uses_rdi;
};

static bool is_backward(struct emulation *e)
{
	return vcpu_get_reg(e->v, REG_RFLAGS) & RFLAGS_DF;
}

static u64 string_register(struct emulation *e, unsigned reg)
{
	return vcpu_get_reg(e->v, reg) & size_mask(e->insn->addr_size);
}

static void string_register_add(struct emulation *e, unsigned reg, s64 delta)
{
	u64 old = vcpu_get_reg(e->v, reg);

	vcpu_set_reg(e->v, reg, size_merge(old, old + (u64)delta, e->insn->addr_size));
}

/*
 * How many of count elements from here on lie in one page, in the segment, without a wrap. At least
 * 1.
 */
static unsigned string_run(struct emulation *e, const struct string_side *s, u64 offset,
			   unsigned access, unsigned count, gva_t gva)
{
	unsigned size = e->insn->op_size, room = PAGE_SIZE - (unsigned)(gva & (PAGE_SIZE - 1));
	gva_t same;

	count = MIN(count, MIN(room, STEP_BYTES) / size);
	if (count <= 1 || is_backward(e) || size_mask(e->insn->addr_size) - offset < count * size)
		return 1;
	return guest_linear_check(e->v, e->context.bits, s->seg, offset, count * size, access,
				  &same)
		   ? 1
		   : count;
}

/* Maps the next elements of one side and lowers *count to their number. */
static int string_map(struct emulation *e, struct string_side *s, unsigned access, unsigned *count)
{
	u64 offset = string_register(e, s->reg);
	unsigned size = e->insn->op_size;
	gva_t gva;
	unsigned vector =
	    guest_linear_check(e->v, e->context.bits, s->seg, offset, size, access, &gva);

	if (vector) {
		event_raise(e->v, vector, true, 0);
		return -EFAULT;
	}
	*count = string_run(e, s, offset, access, *count, gva);
	return guest_map(e->v, gva, *count * size, access | emulate_access_user(e), &s->span);
}

/* Moves count elements. Devices get one access for each; a run is in one page. */
static int string_transfer(struct emulation *e, const struct string_side *s, u8 *buf,
			   unsigned count, bool write)
{
	unsigned size = e->insn->op_size;
	int r = 0;

	if (count == 1)
		return guest_span_access(e->v, &s->span, buf, write);
	if (gpspace_is_ram(&e->v->partition->space, s->span.gpa[0], count * size))
		return guest_physical_access(e->v, s->span.gpa[0], buf, count * size, write);
	for (unsigned i = 0; i < count && !r; i++)
		r = guest_physical_access(e->v, s->span.gpa[0] + i * size, buf + i * size, size,
					  write);
	return r;
}

static struct string_side side_source(const struct emulation *e)
{
	return (struct string_side){ .reg = REG_RSI, .seg = e->insn->segment };
}

static struct string_side side_destination(void)
{
	return (struct string_side){ .reg = REG_RDI, .seg = SEG_ES };
}

/* When one side's run turned out shorter than the other's. */
static void string_trim(struct emulation *e, struct string_side *s, unsigned count)
{
	if (!s->span.len[1])
		s->span.len[0] = count * e->insn->op_size;
}

static int step_movs(struct emulation *e, unsigned *count)
{
	struct string_side src = side_source(e), dst = side_destination();
	u8 buf[STEP_BYTES];
	int r = string_map(e, &src, ACCESS_READ, count);

	if (!r)
		r = string_map(e, &dst, ACCESS_WRITE, count);
	if (r)
		return r;
	/* A destination just above the source repeats elements: these must go one by one. */
	if (dst.span.gpa[0] - src.span.gpa[0] < *count * e->insn->op_size)
		*count = 1;
	string_trim(e, &src, *count);
	string_trim(e, &dst, *count);
	r = string_transfer(e, &src, buf, *count, false);
	return r ? r : string_transfer(e, &dst, buf, *count, true);
}

static int step_stos(struct emulation *e, unsigned *count)
{
	struct string_side dst = side_destination();
	unsigned size = e->insn->op_size;
	u8 buf[STEP_BYTES];
	int r = string_map(e, &dst, ACCESS_WRITE, count);

	for (unsigned i = 0; i < *count && !r; i++)
		memcpy(buf + i * size, &e->v->gpr[REG_RAX], size);
	return r ? r : string_transfer(e, &dst, buf, *count, true);
}

static int step_lods(struct emulation *e, unsigned *count)
{
	struct string_side src = side_source(e);
	struct operand acc = { .kind = OPERAND_REG, .size = e->insn->op_size, .reg = REG_RAX };
	u8 buf[STEP_BYTES];
	u64 value = 0;
	int r = string_map(e, &src, ACCESS_READ, count);

	if (!r)
		r = string_transfer(e, &src, buf, *count, false);
	if (r)
		return r;
	memcpy(&value, buf + (*count - 1) * acc.size, acc.size);
	return emulate_put(e, &acc, value);
}

/* Sets the flags of a comparison; STEP_LAST when they end the repetition. */
static int string_compare(struct emulation *e, u64 a, u64 b)
{
	u64 flags = vcpu_get_reg(e->v, REG_RFLAGS);

	alu_binary(OP_CMP, a, b, e->insn->op_size, &flags);
	vcpu_set_reg(e->v, REG_RFLAGS, flags);
	return e->insn->repne == !!(flags & RFLAGS_ZF) ? STEP_LAST : 0;
}

static int step_cmps(struct emulation *e, unsigned *count)
{
	struct string_side src = side_source(e), dst = side_destination();
	u64 a = 0, b = 0;
	int r;

	*count = 1;
	r = string_map(e, &src, ACCESS_READ, count);
	if (!r)
		r = string_map(e, &dst, ACCESS_READ, count);
	if (!r)
		r = string_transfer(e, &src, (u8 *)&a, 1, false);
	if (!r)
		r = string_transfer(e, &dst, (u8 *)&b, 1, false);
	return r ? r : string_compare(e, a, b);
}

static int step_scas(struct emulation *e, unsigned *count)
{
	struct string_side dst = side_destination();
	u64 b = 0;
	int r;

	*count = 1;
	r = string_map(e, &dst, ACCESS_READ, count);
	if (!r)
		r = string_transfer(e, &dst, (u8 *)&b, 1, false);
	return r ? r : string_compare(e, e->v->gpr[REG_RAX] & size_mask(e->insn->op_size), b);
}

static void port_access(struct emulation *e, u8 *element, bool write)
{
	struct io_access a = { .addr = e->exit->u.io.port,
			       .size = e->insn->op_size,
			       .write = write };

	if (write)
		memcpy(&a.value, element, a.size);
	partition_bus_access(e->v->partition, IO_PORT, &a);
	if (!write)
		memcpy(element, &a.value, a.size);
}

/* The memory is known to take it before the device gives anything away. */
static int step_ins(struct emulation *e, unsigned *count)
{
	struct string_side dst = side_destination();
	u8 buf[STEP_BYTES];
	int r = string_map(e, &dst, ACCESS_WRITE, count);

	if (r)
		return r;
	for (unsigned i = 0; i < *count; i++)
		port_access(e, buf + i * e->insn->op_size, false);
	return string_transfer(e, &dst, buf, *count, true);
}

static int step_outs(struct emulation *e, unsigned *count)
{
	struct string_side src = side_source(e);
	u8 buf[STEP_BYTES];
	int r = string_map(e, &src, ACCESS_READ, count);

	if (!r)
		r = string_transfer(e, &src, buf, *count, false);
	for (unsigned i = 0; i < *count && !r; i++)
		port_access(e, buf + i * e->insn->op_size, true);
	return r;
}

static const struct string_op string_ops[OP_COUNT] = {
	[OP_MOVS] = { step_movs, true, true },	[OP_STOS] = { step_stos, false, true },
	[OP_LODS] = { step_lods, true, false }, [OP_CMPS] = { step_cmps, true, true },
	[OP_SCAS] = { step_scas, false, true }, [OP_INS] = { step_ins, false, true },
	[OP_OUTS] = { step_outs, true, false },
};

bool emulate_is_string(enum insn_op op)
{
	return string_ops[op].step;
}

static void string_advance(struct emulation *e, const struct string_op *op, unsigned count)
{
	s64 delta = (s64)count * e->insn->op_size;

	if (is_backward(e))
		delta = -delta;
	if (op->uses_rsi)
		string_register_add(e, REG_RSI, delta);
	if (op->uses_rdi)
		string_register_add(e, REG_RDI, delta);
	if (e->insn->rep || e->insn->repne)
		string_register_add(e, REG_RCX, -(s64)count);
}

int emulate_string(struct emulation *e)
{
	const struct string_op *op = &string_ops[e->insn->op];
	u64 left = e->insn->rep || e->insn->repne ? string_register(e, REG_RCX) : 1;
	unsigned budget = EXIT_ELEMENTS;

	while (left && budget) {
		unsigned count = MIN(left, budget);
		int r = op->step(e, &count);

		if (r < 0)
			return r;
		string_advance(e, op, count);
		left -= count;
		budget -= count;
		if (r == STEP_LAST)
			return 0;
	}
	return left ? -EAGAIN : 0;
}
