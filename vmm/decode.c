/*
 * The instruction decoder: prefixes, opcode, ModRM, SIB, displacement, immediates (SDM 2A chapter
 * 2). The instructions themselves are in decode_tables.c.
 */
#include "vmm/decode.h"

#include "error.h"
#include "vmm/decode_tables.h"

#define REX_W 0x08
#define REX_R 0x04
#define REX_X 0x02
#define REX_B 0x01

#define MODRM_MOD(b) ((b) >> 6)
#define MODRM_REG(b) ((b) >> 3 & 7)
#define MODRM_RM(b) ((b)&7)
#define MOD_REGISTER 3
#define RM_SIB 4    /* 32 and 64-bit addressing: a SIB byte follows */
#define RM_DISP32 5 /* with mod 0: no base register, or RIP */
#define RM_DISP16 6 /* 16-bit addressing, mod 0 */
#define SIB_NO_INDEX 4

#define OPCODE_ESCAPE 0x0f
#define OPCODE_NOP 0x90
#define OPCODE_ESCAPE_38 0x38

struct decoder {
	struct insn *insn;
	const u8 *bytes;
	unsigned at, len, bits;
	bool truncated; /* more bytes could make it whole */
	bool opsize;	/* prefix 66 */
	bool addrsize;	/* prefix 67 */
	u8 opcode, modrm;
	int error; /* the first; everything after it reads zeros */
};

static void fail(struct decoder *d, int error)
{
	if (!d->error)
		d->error = error;
}

/* The next n bytes, little-endian. */
static u64 take(struct decoder *d, unsigned n)
{
	u64 value = 0;

	if (d->at + n > d->len) {
		fail(d, d->truncated ? -EAGAIN : -EINVAL);
		d->at = d->len;
		return 0;
	}
	for (unsigned i = 0; i < n; i++)
		value |= (u64)d->bytes[d->at + i] << (8 * i);
	d->at += n;
	return value;
}

static s64 take_signed(struct decoder *d, unsigned n)
{
	unsigned shift = 64 - 8 * n;

	return (s64)(take(d, n) << shift) >> shift;
}

/* ES, CS, SS and DS have no meaning in 64-bit code: their prefixes are read over. */
static void segment_prefix(struct decoder *d, enum segment_name seg)
{
	if (d->bits == 64 && seg < SEG_FS)
		return;
	d->insn->segment = seg;
	d->insn->segment_override = true;
}

static void rep_prefix(struct decoder *d, bool repne)
{
	d->insn->rep = !repne; /* of F2 and F3 the last one counts */
	d->insn->repne = repne;
}

static bool legacy_prefix(struct decoder *d, u8 byte)
{
	switch (byte) {
	case 0x26: segment_prefix(d, SEG_ES); return true;
	case 0x2e: segment_prefix(d, SEG_CS); return true;
	case 0x36: segment_prefix(d, SEG_SS); return true;
	case 0x3e: segment_prefix(d, SEG_DS); return true;
	case 0x64: segment_prefix(d, SEG_FS); return true;
	case 0x65: segment_prefix(d, SEG_GS); return true;
	case 0x66: d->opsize = true; return true;
	case 0x67: d->addrsize = true; return true;
	case 0xf0: d->insn->lock = true; return true;
	case 0xf2: rep_prefix(d, true); return true;
	case 0xf3: rep_prefix(d, false); return true;
	default: return false;
	}
}

/* Reads the prefixes and the first opcode byte. REX counts only right before the opcode. */
static void decode_prefixes(struct decoder *d)
{
	for (;;) {
		u8 byte = take(d, 1);

		if (d->error)
			return;
		if (d->bits == 64 && (byte & 0xf0) == 0x40) {
			d->insn->rex = byte;
		} else if (legacy_prefix(d, byte)) {
			d->insn->rex = 0;
		} else {
			d->opcode = byte;
			return;
		}
	}
}

static const struct opcode *decode_opcode(struct decoder *d)
{
	const struct opcode *o = &opcode_one[d->opcode];

	if (d->opcode == OPCODE_ESCAPE) {
		d->opcode = take(d, 1);
		o = &opcode_0f[d->opcode];
		if (d->opcode == OPCODE_ESCAPE_38) {
			d->opcode = take(d, 1);
			o = &opcode_0f38[d->opcode];
			if (d->insn->repne)
				fail(d, -EINVAL); /* CRC32 */
		}
	}
	if (!o->op && !o->group)
		fail(d, -EINVAL);
	return o;
}

static u8 operand_size(const struct decoder *d, unsigned flags)
{
	u8 size = d->bits == 16 ? 2 : 4;

	if (flags & OPCODE_BYTE)
		return 1;
	if (flags & OPCODE_NATIVE)
		return d->bits == 64 ? 8 : 4;
	if (d->opsize)
		size = 6 - size;
	if (d->insn->rex & REX_W)
		size = 8;
	if (flags & OPCODE_STACK && d->bits == 64 && size == 4)
		size = 8;
	if (flags & OPCODE_IO && size == 8)
		size = 4;
	return size;
}

static u8 address_size(const struct decoder *d)
{
	if (d->bits == 64)
		return d->addrsize ? 4 : 8;
	return (d->bits == 32) == d->addrsize ? 2 : 4;
}

static void default_segment(struct insn *insn)
{
	bool stack =
	    insn->mem_base_valid && (insn->mem_base == REG_RSP || insn->mem_base == REG_RBP);

	if (!insn->segment_override)
		insn->segment = stack ? SEG_SS : SEG_DS;
}

static void set_base(struct insn *insn, u8 reg)
{
	insn->mem_base = reg;
	insn->mem_base_valid = true;
}

static void set_index(struct insn *insn, u8 reg, u8 scale)
{
	insn->mem_index = reg;
	insn->mem_index_valid = true;
	insn->mem_scale = scale;
}

/* SDM 2A table 2-1. */
static void decode_memory16(struct decoder *d, unsigned mod, unsigned rm)
{
	static const u8 base[8] = { REG_RBX, REG_RBX, REG_RBP, REG_RBP,
				    REG_RSI, REG_RDI, REG_RBP, REG_RBX };
	struct insn *insn = d->insn;

	if (mod == 0 && rm == RM_DISP16) {
		insn->mem_disp = take_signed(d, 2);
		return;
	}
	set_base(insn, base[rm]);
	if (rm < 4)
		set_index(insn, rm & 1 ? REG_RDI : REG_RSI, 1);
	if (mod)
		insn->mem_disp = take_signed(d, mod);
}

/* Returns the number of the base register, RM_DISP32 with mod 0 meaning none. */
static u8 decode_sib(struct decoder *d)
{
	u8 sib = take(d, 1);
	u8 index = MODRM_REG(sib) | (d->insn->rex & REX_X ? 8 : 0);

	if (index != SIB_NO_INDEX)
		set_index(d->insn, index, 1 << MODRM_MOD(sib));
	return MODRM_RM(sib);
}

/* SDM 2A tables 2-2 and 2-3, 2.2.1.6 for RIP-relative addressing. */
static void decode_memory32(struct decoder *d, unsigned mod, unsigned rm)
{
	struct insn *insn = d->insn;
	u8 base = rm == RM_SIB ? decode_sib(d) : rm;

	if (mod == 0 && base == RM_DISP32) {
		insn->mem_rip = d->bits == 64 && rm == RM_DISP32;
		insn->mem_disp = take_signed(d, 4);
		return;
	}
	set_base(insn, base | (insn->rex & REX_B ? 8 : 0));
	if (mod)
		insn->mem_disp = take_signed(d, mod == 1 ? 1 : 4);
}

static void decode_modrm(struct decoder *d)
{
	unsigned mod = MODRM_MOD(d->modrm), rm = MODRM_RM(d->modrm);

	if (mod == MOD_REGISTER)
		return;
	if (d->insn->addr_size == 2)
		decode_memory16(d, mod, rm);
	else
		decode_memory32(d, mod, rm);
	default_segment(d->insn);
}

static struct operand operand_reg(const struct decoder *d, u8 reg, u8 size)
{
	struct operand op = { .kind = OPERAND_REG, .size = size, .reg = reg };

	/* Without REX the byte registers 4 to 7 are AH, CH, DH and BH. */
	if (size == 1 && !d->insn->rex && reg >= 4) {
		op.high8 = true;
		op.reg = reg - 4;
	}
	return op;
}

static struct operand operand_rm(const struct decoder *d, u8 size)
{
	if (MODRM_MOD(d->modrm) == MOD_REGISTER)
		return operand_reg(d, MODRM_RM(d->modrm) | (d->insn->rex & REX_B ? 8 : 0), size);
	return (struct operand){ .kind = OPERAND_MEM, .size = size };
}

static struct operand operand_imm(u8 size, u64 imm)
{
	return (struct operand){ .kind = OPERAND_IMM, .size = size, .imm = imm };
}

static struct operand operand_moffs(struct decoder *d, u8 size)
{
	d->insn->mem_disp = (s64)take(d, d->insn->addr_size);
	default_segment(d->insn);
	return (struct operand){ .kind = OPERAND_MEM, .size = size };
}

/* A segment, control or debug register by ModRM.reg. */
static struct operand operand_special(struct decoder *d, enum opcode_arg arg, u8 size)
{
	u8 reg = MODRM_REG(d->modrm);

	if (arg == ARG_S) {
		if (reg > SEG_GS)
			fail(d, -EINVAL);
		return (struct operand){ .kind = OPERAND_SREG, .size = 2, .reg = reg };
	}
	/* LOCK in place of REX.R reaches CR8 outside 64-bit code: APM 3, MOV CRn. */
	if (d->insn->rex & REX_R || (arg == ARG_C && d->insn->lock))
		reg |= 8;
	return (struct operand){ .kind = arg == ARG_C ? OPERAND_CR : OPERAND_DR,
				 .size = size,
				 .reg = reg };
}

static struct operand decode_modrm_operand(struct decoder *d, enum opcode_arg arg, u8 size)
{
	bool is_reg = MODRM_MOD(d->modrm) == MOD_REGISTER;

	switch (arg) {
	case ARG_E8: return operand_rm(d, 1);
	case ARG_E16: return operand_rm(d, 2);
	case ARG_E32: return operand_rm(d, MIN(size, 4));
	case ARG_MW_RV: return operand_rm(d, is_reg ? size : 2);
	case ARG_M:
		if (is_reg)
			fail(d, -EINVAL);
		return operand_rm(d, size);
	case ARG_R:
		return operand_reg(d, MODRM_RM(d->modrm) | (d->insn->rex & REX_B ? 8 : 0), size);
	case ARG_G:
		return operand_reg(d, MODRM_REG(d->modrm) | (d->insn->rex & REX_R ? 8 : 0), size);
	case ARG_S:
	case ARG_C:
	case ARG_D: return operand_special(d, arg, size);
	default: return operand_rm(d, size);
	}
}

static struct operand decode_operand(struct decoder *d, enum opcode_arg arg)
{
	u8 size = d->insn->op_size;

	switch (arg) {
	case ARG_NONE: return (struct operand){ .kind = OPERAND_NONE };
	case ARG_A: return operand_reg(d, REG_RAX, size);
	case ARG_DX: return operand_reg(d, REG_RDX, 2);
	case ARG_CL: return operand_reg(d, REG_RCX, 1);
	case ARG_ONE: return operand_imm(1, 1);
	case ARG_Z: return operand_reg(d, (d->opcode & 7) | (d->insn->rex & REX_B ? 8 : 0), size);
	case ARG_O: return operand_moffs(d, size);
	case ARG_IB: return operand_imm(size, take_signed(d, 1));
	case ARG_UB: return operand_imm(1, take(d, 1));
	case ARG_IZ: return operand_imm(size, take_signed(d, MIN(size, 4)));
	case ARG_IV: return operand_imm(size, take_signed(d, size));
	default: return decode_modrm_operand(d, arg, size);
	}
}

static bool opcode_has_modrm(const struct opcode *o)
{
	return o->group || (o->dst && o->dst <= ARG_LAST_MODRM) ||
	       (o->src && o->src <= ARG_LAST_MODRM);
}

/* The opcode with what its group says by ModRM.reg. */
static struct opcode resolve_group(struct decoder *d, const struct opcode *o)
{
	const struct opcode *g = &opcode_group[o->group][MODRM_REG(d->modrm)];
	struct opcode r = *o;

	if (!o->group)
		return r;
	if (o->group == GROUP_7 && MODRM_MOD(d->modrm) == MOD_REGISTER) {
		r.op = opcode_0f01_reg[d->modrm & 0x3f];
		if (r.op)
			return r;
	}
	if (!g->op)
		fail(d, -EINVAL);
	r.op = g->op;
	r.flags |= g->flags;
	r.dst = g->dst ? g->dst : o->dst;
	r.src = g->src ? g->src : o->src;
	return r;
}

static void check_mode(struct decoder *d, unsigned flags)
{
	if (flags & (d->bits == 64 ? OPCODE_NO64 : OPCODE_ONLY64))
		fail(d, -EINVAL);
	if (flags & OPCODE_NP && (d->opsize || d->insn->rep || d->insn->repne))
		fail(d, -EINVAL);
}

static void decode_body(struct decoder *d, const struct opcode *found)
{
	struct insn *insn = d->insn;
	struct opcode o;

	insn->addr_size = address_size(d);
	if (opcode_has_modrm(found))
		d->modrm = take(d, 1);
	if (d->error)
		return;
	o = resolve_group(d, found);
	check_mode(d, o.flags);
	if (d->error)
		return;
	insn->op = o.op;
	insn->op_size = operand_size(d, o.flags);
	if (o.op == OP_SETCC || o.op == OP_CMOVCC)
		insn->cond = d->opcode & 0xf;
	if (o.flags & OPCODE_STRING)
		default_segment(insn);
	else if (opcode_has_modrm(&o) && o.dst != ARG_R && o.src != ARG_R)
		decode_modrm(d);
	insn->dst = decode_operand(d, o.dst);
	insn->src = decode_operand(d, o.src);
}

/* 90 would be XCHG rAX, rAX; but it is NOP, and PAUSE with F3. With REX.B it is XCHG with r8. */
static void decode_nop(struct decoder *d)
{
	struct insn *insn = d->insn;

	if (insn->op != OP_XCHG || d->opcode != OPCODE_NOP || insn->rex & REX_B)
		return;
	insn->op = insn->rep ? OP_PAUSE : OP_NOP;
	insn->dst.kind = insn->src.kind = OPERAND_NONE;
}

int insn_decode(struct insn *insn, const u8 *bytes, unsigned len, unsigned bits)
{
	struct decoder d = {
		.insn = insn,
		.bytes = bytes,
		.len = MIN(len, INSN_MAX),
		.bits = bits,
		.truncated = len < INSN_MAX,
	};
	const struct opcode *o;

	*insn = (struct insn){ 0 };
	decode_prefixes(&d);
	if (!d.error) {
		o = decode_opcode(&d);
		if (!d.error)
			decode_body(&d, o);
	}
	if (d.error)
		return d.error;
	decode_nop(&d);
	insn->length = d.at;
	return 0;
}
