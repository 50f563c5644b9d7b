#pragma once
/*
 * The instruction decoder: what emulation and missing decode assists need, on bytes alone, without
 * a vCPU, so that it is tested on the build host. SDM 2A chapter 2, APM 3 chapter 1.
 */
#include "compiler.h"
#include "types.h"
#include "x86/reg.h"

/* clang-format off */
enum insn_op {
	OP_UNKNOWN,
	OP_MOV,        /* reg/mem/imm forms, moffs */
	OP_MOVZX, OP_MOVSX, OP_MOVBE,
	OP_ADD, OP_OR, OP_ADC, OP_SBB, OP_AND, OP_SUB, OP_XOR, OP_CMP, OP_TEST,
	OP_NOT, OP_NEG, OP_INC, OP_DEC, OP_XCHG, OP_XADD, OP_CMPXCHG,
	OP_BT, OP_BTS, OP_BTR, OP_BTC,
	OP_ROL, OP_ROR, OP_RCL, OP_RCR, OP_SHL, OP_SHR, OP_SAR,
	OP_SETCC, OP_CMOVCC,
	OP_IMUL, OP_MUL, /* two operands; one operand with rAX and rDX */
	OP_MOVS, OP_STOS, OP_LODS, OP_CMPS, OP_SCAS, OP_INS, OP_OUTS,
	OP_IN, OP_OUT, OP_CPUID, OP_HLT, OP_RDMSR, OP_WRMSR, OP_RDTSC, OP_RDTSCP, OP_RDPMC,
	OP_MOV_CR, OP_MOV_DR, OP_CLTS, OP_LMSW, OP_SMSW, OP_INVD, OP_WBINVD, OP_INVLPG, OP_PAUSE,
	OP_VMCALL, OP_VMMCALL, OP_VMRUN, OP_VMLOAD, OP_VMSAVE, OP_STGI, OP_CLGI, OP_SKINIT,
	OP_INVLPGA, OP_MONITOR, OP_MWAIT, OP_XSETBV, OP_INT3, OP_INT, OP_INT1, OP_INTO,
	OP_PUSH, OP_POP,
	OP_NOP,        /* also CLFLUSH and the prefetches, which may name memory */
	OP_COUNT,
};
/* clang-format on */

enum operand_kind {
	OPERAND_NONE,
	OPERAND_REG,
	OPERAND_MEM,
	OPERAND_IMM,
	OPERAND_SREG, /* reg is an enum segment_name */
	OPERAND_CR,
	OPERAND_DR,
};

#define INSN_MAX 15u /* bytes; a longer instruction gets #GP (SDM 2B 2.3.11) */

struct operand {
	enum operand_kind kind;
	u8 size;    /* bytes */
	u8 reg;	    /* REG_RAX.. (or CR/DR/segment number) */
	bool high8; /* AH, CH, DH, BH */
	u64 imm;    /* sign-extended to 64 bits, but for port numbers and INT */
};

struct insn {
	u8 length; /* 1..15, prefixes included */
	enum insn_op op;
	u8 op_size;   /* 2, 4, 8 (1 for byte forms); of string operations one element */
	u8 addr_size; /* 2, 4, 8 */
	bool lock, rep, repne;
	u8 rex;	    /* the prefix byte, or 0 */
	u8 cond;    /* SETcc and CMOVcc: as encoded, SDM 2D B.1.4.7 */
	u8 segment; /* of the memory operand: override or default */
	bool segment_override;
	struct operand dst, src;
	/* The memory operand, if any (string operations use RSI and RDI instead): */
	bool mem_base_valid, mem_index_valid, mem_rip;
	u8 mem_base, mem_index, mem_scale; /* scale 1, 2, 4, 8 */
	s64 mem_disp;
};

/*
 * Decodes one instruction for code of 16, 32 or 64 bits. 0; -EAGAIN when it needs more bytes than
 * given; -EINVAL when it is not one that the decoder knows (insn->length is then 0).
 */
MUST_CHECK int insn_decode(struct insn *insn, const u8 *bytes, unsigned len, unsigned bits);
/* The instruction in Intel syntax, for messages. */
void insn_format(const struct insn *insn, u64 rip, char *buf, size_t size);
