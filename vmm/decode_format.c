/* Instructions as text: Intel syntax as NASM takes it, sizes and addresses always explicit. */
#include "lib/format.h"
#include "vmm/decode.h"

struct text {
	char *buf;
	size_t size, len;
};

/* clang-format off */
static const char *const op_names[OP_COUNT] = {
	[OP_UNKNOWN] = "(unknown)",
	[OP_MOV] = "mov", [OP_MOVZX] = "movzx", [OP_MOVSX] = "movsx", [OP_MOVBE] = "movbe",
	[OP_ADD] = "add", [OP_OR] = "or", [OP_ADC] = "adc", [OP_SBB] = "sbb",
	[OP_AND] = "and", [OP_SUB] = "sub", [OP_XOR] = "xor", [OP_CMP] = "cmp", [OP_TEST] = "test",
	[OP_NOT] = "not", [OP_NEG] = "neg", [OP_INC] = "inc", [OP_DEC] = "dec",
	[OP_XCHG] = "xchg", [OP_XADD] = "xadd", [OP_CMPXCHG] = "cmpxchg",
	[OP_BT] = "bt", [OP_BTS] = "bts", [OP_BTR] = "btr", [OP_BTC] = "btc",
	[OP_ROL] = "rol", [OP_ROR] = "ror", [OP_RCL] = "rcl", [OP_RCR] = "rcr",
	[OP_SHL] = "shl", [OP_SHR] = "shr", [OP_SAR] = "sar",
	[OP_SETCC] = "set", [OP_CMOVCC] = "cmov", [OP_IMUL] = "imul", [OP_MUL] = "mul",
	[OP_MOVS] = "movs", [OP_STOS] = "stos", [OP_LODS] = "lods", [OP_CMPS] = "cmps",
	[OP_SCAS] = "scas", [OP_INS] = "ins", [OP_OUTS] = "outs",
	[OP_IN] = "in", [OP_OUT] = "out", [OP_CPUID] = "cpuid", [OP_HLT] = "hlt",
	[OP_RDMSR] = "rdmsr", [OP_WRMSR] = "wrmsr", [OP_RDTSC] = "rdtsc", [OP_RDTSCP] = "rdtscp",
	[OP_RDPMC] = "rdpmc", [OP_MOV_CR] = "mov", [OP_MOV_DR] = "mov", [OP_CLTS] = "clts",
	[OP_LMSW] = "lmsw", [OP_SMSW] = "smsw", [OP_INVD] = "invd", [OP_WBINVD] = "wbinvd",
	[OP_INVLPG] = "invlpg", [OP_PAUSE] = "pause", [OP_VMCALL] = "vmcall",
	[OP_VMMCALL] = "vmmcall",
	[OP_VMRUN] = "vmrun", [OP_VMLOAD] = "vmload", [OP_VMSAVE] = "vmsave", [OP_STGI] = "stgi",
	[OP_CLGI] = "clgi", [OP_SKINIT] = "skinit", [OP_INVLPGA] = "invlpga",
	[OP_MONITOR] = "monitor", [OP_MWAIT] = "mwait", [OP_XSETBV] = "xsetbv",
	[OP_INT3] = "int3", [OP_INT] = "int", [OP_INT1] = "int1", [OP_INTO] = "into",
	[OP_PUSH] = "push", [OP_POP] = "pop", [OP_NOP] = "nop",
};
/* clang-format on */

static const char *const legacy_names[8] = { "ax", "cx", "dx", "bx", "sp", "bp", "si", "di" };
static const char *const low_names[8] = { "al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil" };
static const char *const high_names[4] = { "ah", "ch", "dh", "bh" };
static const char *const segment_names[] = { "es", "cs", "ss", "ds", "fs", "gs" };

static void put(struct text *t, const char *fmt, ...) PRINTF(2, 3);
static void put(struct text *t, const char *fmt, ...)
{
	va_list args;
	int n;

	if (t->len >= t->size)
		return;
	va_start(args, fmt);
	n = vsnprintf(t->buf + t->len, t->size - t->len, fmt, args);
	va_end(args);
	t->len += n > 0 ? (size_t)n : 0;
}

static void put_reg(struct text *t, unsigned reg, unsigned size, bool high8)
{
	if (high8)
		put(t, "%s", high_names[reg & 3]);
	else if (reg >= REG_R8)
		put(t, "r%u%s", reg, size == 8 ? "" : size == 4 ? "d" : size == 2 ? "w" : "b");
	else if (size == 1)
		put(t, "%s", low_names[reg]);
	else
		put(t, "%s%s", size == 8 ? "r" : size == 4 ? "e" : "", legacy_names[reg]);
}

static const char *size_name(unsigned size)
{
	switch (size) {
	case 1: return "byte";
	case 2: return "word";
	case 4: return "dword";
	default: return "qword";
	}
}

static void put_displacement(struct text *t, const struct insn *insn, u64 rip, const char *plus)
{
	s64 disp = insn->mem_disp;

	if (insn->mem_rip)
		put(t, "rel 0x%llx", (unsigned long long)(rip + insn->length + (u64)disp));
	else if (!*plus)
		put(t, "0x%llx", (unsigned long long)disp & (~0ull >> (64 - 8 * insn->addr_size)));
	else if (disp < 0)
		put(t, "-0x%llx", -(unsigned long long)disp);
	else if (disp)
		put(t, "+0x%llx", (unsigned long long)disp);
}

static void put_memory(struct text *t, const struct insn *insn, unsigned size, u64 rip)
{
	bool is_absolute = !insn->mem_base_valid && !insn->mem_index_valid && !insn->mem_rip;
	const char *plus = "";

	put(t, "%s [", size_name(size));
	if (is_absolute && insn->addr_size == 8 && insn->mem_disp != (s32)insn->mem_disp)
		put(t, "qword ");
	if (insn->segment_override)
		put(t, "%s:", segment_names[insn->segment]);
	if (insn->mem_base_valid) {
		put_reg(t, insn->mem_base, insn->addr_size, false);
		plus = "+";
	}
	if (insn->mem_index_valid) {
		put(t, "%s", plus);
		put_reg(t, insn->mem_index, insn->addr_size, false);
		put(t, "*%u", insn->mem_scale);
		plus = "+";
	}
	put_displacement(t, insn, rip, plus);
	put(t, "]");
}

static void put_operand(struct text *t, const struct insn *insn, const struct operand *o, u64 rip)
{
	switch (o->kind) {
	case OPERAND_NONE: break;
	case OPERAND_REG: put_reg(t, o->reg, o->size, o->high8); break;
	case OPERAND_MEM: put_memory(t, insn, o->size, rip); break;
	case OPERAND_IMM:
		if (insn->op == OP_PUSH)
			put(t, "%s ", size_name(o->size));
		put(t, "0x%llx", (unsigned long long)o->imm & (~0ull >> (64 - 8 * o->size)));
		break;
	case OPERAND_SREG: put(t, "%s", segment_names[o->reg]); break;
	case OPERAND_CR:
	case OPERAND_DR: put(t, "%s%u", o->kind == OPERAND_CR ? "cr" : "dr", o->reg); break;
	}
}

static bool is_string(enum insn_op op)
{
	return op >= OP_MOVS && op <= OP_OUTS;
}

static void put_mnemonic(struct text *t, const struct insn *insn)
{
	static const char *const conditions[16] = {
		"o", "no", "b",	 "ae", "z", "nz", "be", "a",
		"s", "ns", "pe", "po", "l", "ge", "le", "g",
	};
	static const char suffix[] = { [1] = 'b', [2] = 'w', [4] = 'd', [8] = 'q' };
	bool compares = insn->op == OP_CMPS || insn->op == OP_SCAS;

	if (insn->lock)
		put(t, "lock ");
	if (!is_string(insn->op)) {
		put(t, "%s", op_names[insn->op]);
		if (insn->op == OP_MOVSX && insn->src.size == 4)
			put(t, "d");
		if (insn->op == OP_SETCC || insn->op == OP_CMOVCC)
			put(t, "%s", conditions[insn->cond]);
		return;
	}
	if (insn->rep || insn->repne)
		put(t, "%s ", !compares ? "rep" : insn->rep ? "repe" : "repne");
	if (insn->segment_override)
		put(t, "%s ", segment_names[insn->segment]);
	put(t, "%s%c", op_names[insn->op], suffix[insn->op_size]);
}

void insn_format(const struct insn *insn, u64 rip, char *buf, size_t size)
{
	struct text t = { .buf = buf, .size = size };

	if (size)
		buf[0] = 0;
	put_mnemonic(&t, insn);
	if (insn->dst.kind != OPERAND_NONE) {
		put(&t, " ");
		put_operand(&t, insn, &insn->dst, rip);
	}
	if (insn->src.kind != OPERAND_NONE) {
		put(&t, insn->dst.kind != OPERAND_NONE ? ", " : " ");
		put_operand(&t, insn, &insn->src, rip);
	}
}
