/* The opcode maps of the decoder. What is not listed is not known. */
#include "vmm/decode_tables.h"

#include "vmm/decode.h"

/* clang-format off */
/* The six classic forms of an arithmetic instruction. */
#define ALU(base, op)                                  \
	[(base) + 0] = { op, ARG_E, ARG_G, OPCODE_BYTE, 0 }, \
	[(base) + 1] = { op, ARG_E, ARG_G, 0, 0 },           \
	[(base) + 2] = { op, ARG_G, ARG_E, OPCODE_BYTE, 0 }, \
	[(base) + 3] = { op, ARG_G, ARG_E, 0, 0 },           \
	[(base) + 4] = { op, ARG_A, ARG_IB, OPCODE_BYTE, 0 }, \
	[(base) + 5] = { op, ARG_A, ARG_IZ, 0, 0 }

/* A byte form and, in the next opcode, the form of operand size. */
#define PAIR(base, op, dst, src)                     \
	[(base) + 0] = { op, dst, src, OPCODE_BYTE, 0 }, \
	[(base) + 1] = { op, dst, src, 0, 0 }

#define STRING(base, op)                                                     \
	[(base) + 0] = { op, ARG_NONE, ARG_NONE, OPCODE_BYTE | OPCODE_STRING, 0 }, \
	[(base) + 1] = { op, ARG_NONE, ARG_NONE, OPCODE_STRING, 0 }

#define STRING_IO(base, op)                                                            \
	[(base) + 0] = { op, ARG_NONE, ARG_NONE, OPCODE_BYTE | OPCODE_STRING, 0 },            \
	[(base) + 1] = { op, ARG_NONE, ARG_NONE, OPCODE_IO | OPCODE_STRING, 0 }

#define EIGHT(base, op, dst, src, flags)       \
	[(base) + 0] = { op, dst, src, flags, 0 }, \
	[(base) + 1] = { op, dst, src, flags, 0 }, \
	[(base) + 2] = { op, dst, src, flags, 0 }, \
	[(base) + 3] = { op, dst, src, flags, 0 }, \
	[(base) + 4] = { op, dst, src, flags, 0 }, \
	[(base) + 5] = { op, dst, src, flags, 0 }, \
	[(base) + 6] = { op, dst, src, flags, 0 }, \
	[(base) + 7] = { op, dst, src, flags, 0 }

const struct opcode opcode_one[256] = {
	ALU(0x00, OP_ADD),
	ALU(0x08, OP_OR),
	ALU(0x10, OP_ADC),
	ALU(0x18, OP_SBB),
	ALU(0x20, OP_AND),
	ALU(0x28, OP_SUB),
	ALU(0x30, OP_XOR),
	ALU(0x38, OP_CMP),
	/* In 64-bit code 40..4F are REX prefixes, taken before the opcode is looked up. */
	EIGHT(0x40, OP_INC, ARG_Z, ARG_NONE, 0),
	EIGHT(0x48, OP_DEC, ARG_Z, ARG_NONE, 0),
	EIGHT(0x50, OP_PUSH, ARG_NONE, ARG_Z, OPCODE_STACK),
	EIGHT(0x58, OP_POP, ARG_Z, ARG_NONE, OPCODE_STACK),
	[0x63] = { OP_MOVSX, ARG_G, ARG_E32, OPCODE_ONLY64, 0 },
	[0x68] = { OP_PUSH, ARG_NONE, ARG_IZ, OPCODE_STACK, 0 },
	[0x6a] = { OP_PUSH, ARG_NONE, ARG_IB, OPCODE_STACK, 0 },
	STRING_IO(0x6c, OP_INS),
	STRING_IO(0x6e, OP_OUTS),
	[0x80] = { OP_UNKNOWN, ARG_E, ARG_IB, OPCODE_BYTE, GROUP_1 },
	[0x81] = { OP_UNKNOWN, ARG_E, ARG_IZ, 0, GROUP_1 },
	[0x82] = { OP_UNKNOWN, ARG_E, ARG_IB, OPCODE_BYTE | OPCODE_NO64, GROUP_1 },
	[0x83] = { OP_UNKNOWN, ARG_E, ARG_IB, 0, GROUP_1 },
	PAIR(0x84, OP_TEST, ARG_E, ARG_G),
	PAIR(0x86, OP_XCHG, ARG_E, ARG_G),
	PAIR(0x88, OP_MOV, ARG_E, ARG_G),
	PAIR(0x8a, OP_MOV, ARG_G, ARG_E),
	[0x8c] = { OP_MOV, ARG_MW_RV, ARG_S, 0, 0 },
	[0x8e] = { OP_MOV, ARG_S, ARG_E16, 0, 0 },
	[0x8f] = { OP_UNKNOWN, ARG_E, ARG_NONE, OPCODE_STACK, GROUP_1A },
	EIGHT(0x90, OP_XCHG, ARG_Z, ARG_A, 0), /* 90 itself is NOP or PAUSE: decode.c */
	PAIR(0xa0, OP_MOV, ARG_A, ARG_O),
	PAIR(0xa2, OP_MOV, ARG_O, ARG_A),
	STRING(0xa4, OP_MOVS),
	STRING(0xa6, OP_CMPS),
	[0xa8] = { OP_TEST, ARG_A, ARG_IB, OPCODE_BYTE, 0 },
	[0xa9] = { OP_TEST, ARG_A, ARG_IZ, 0, 0 },
	STRING(0xaa, OP_STOS),
	STRING(0xac, OP_LODS),
	STRING(0xae, OP_SCAS),
	EIGHT(0xb0, OP_MOV, ARG_Z, ARG_IB, OPCODE_BYTE),
	EIGHT(0xb8, OP_MOV, ARG_Z, ARG_IV, 0),
	[0xc0] = { OP_UNKNOWN, ARG_E, ARG_UB, OPCODE_BYTE, GROUP_2 },
	[0xc1] = { OP_UNKNOWN, ARG_E, ARG_UB, 0, GROUP_2 },
	[0xc6] = { OP_UNKNOWN, ARG_E, ARG_IB, OPCODE_BYTE, GROUP_11 },
	[0xc7] = { OP_UNKNOWN, ARG_E, ARG_IZ, 0, GROUP_11 },
	[0xcc] = { OP_INT3, 0, 0, 0, 0 },
	[0xcd] = { OP_INT, ARG_NONE, ARG_UB, 0, 0 },
	[0xce] = { OP_INTO, 0, 0, OPCODE_NO64, 0 },
	[0xd0] = { OP_UNKNOWN, ARG_E, ARG_ONE, OPCODE_BYTE, GROUP_2 },
	[0xd1] = { OP_UNKNOWN, ARG_E, ARG_ONE, 0, GROUP_2 },
	[0xd2] = { OP_UNKNOWN, ARG_E, ARG_CL, OPCODE_BYTE, GROUP_2 },
	[0xd3] = { OP_UNKNOWN, ARG_E, ARG_CL, 0, GROUP_2 },
	[0xe4] = { OP_IN, ARG_A, ARG_UB, OPCODE_BYTE, 0 },
	[0xe5] = { OP_IN, ARG_A, ARG_UB, OPCODE_IO, 0 },
	[0xe6] = { OP_OUT, ARG_UB, ARG_A, OPCODE_BYTE, 0 },
	[0xe7] = { OP_OUT, ARG_UB, ARG_A, OPCODE_IO, 0 },
	[0xec] = { OP_IN, ARG_A, ARG_DX, OPCODE_BYTE, 0 },
	[0xed] = { OP_IN, ARG_A, ARG_DX, OPCODE_IO, 0 },
	[0xee] = { OP_OUT, ARG_DX, ARG_A, OPCODE_BYTE, 0 },
	[0xef] = { OP_OUT, ARG_DX, ARG_A, OPCODE_IO, 0 },
	[0xf1] = { OP_INT1, 0, 0, 0, 0 },
	[0xf4] = { OP_HLT, 0, 0, 0, 0 },
	[0xf6] = { OP_UNKNOWN, ARG_E, ARG_NONE, OPCODE_BYTE, GROUP_3B },
	[0xf7] = { OP_UNKNOWN, ARG_E, ARG_NONE, 0, GROUP_3V },
	[0xfe] = { OP_UNKNOWN, ARG_E, ARG_NONE, OPCODE_BYTE, GROUP_4 },
	[0xff] = { OP_UNKNOWN, ARG_NONE, ARG_NONE, 0, GROUP_5 },
};

const struct opcode opcode_0f[256] = {
	[0x01] = { OP_UNKNOWN, 0, 0, 0, GROUP_7 },
	[0x06] = { OP_CLTS, 0, 0, 0, 0 },
	[0x08] = { OP_INVD, 0, 0, 0, 0 },
	[0x09] = { OP_WBINVD, 0, 0, 0, 0 },
	[0x0d] = { OP_UNKNOWN, 0, 0, 0, GROUP_P },
	EIGHT(0x18, OP_NOP, ARG_E, ARG_NONE, 0),
	[0x20] = { OP_MOV_CR, ARG_R, ARG_C, OPCODE_NATIVE, 0 },
	[0x21] = { OP_MOV_DR, ARG_R, ARG_D, OPCODE_NATIVE, 0 },
	[0x22] = { OP_MOV_CR, ARG_C, ARG_R, OPCODE_NATIVE, 0 },
	[0x23] = { OP_MOV_DR, ARG_D, ARG_R, OPCODE_NATIVE, 0 },
	[0x30] = { OP_WRMSR, 0, 0, 0, 0 },
	[0x31] = { OP_RDTSC, 0, 0, 0, 0 },
	[0x32] = { OP_RDMSR, 0, 0, 0, 0 },
	[0x33] = { OP_RDPMC, 0, 0, 0, 0 },
	EIGHT(0x40, OP_CMOVCC, ARG_G, ARG_E, 0),
	EIGHT(0x48, OP_CMOVCC, ARG_G, ARG_E, 0),
	EIGHT(0x90, OP_SETCC, ARG_E, ARG_NONE, OPCODE_BYTE),
	EIGHT(0x98, OP_SETCC, ARG_E, ARG_NONE, OPCODE_BYTE),
	[0xa2] = { OP_CPUID, 0, 0, 0, 0 },
	[0xa3] = { OP_BT, ARG_E, ARG_G, 0, 0 },
	[0xab] = { OP_BTS, ARG_E, ARG_G, 0, 0 },
	[0xae] = { OP_UNKNOWN, 0, 0, 0, GROUP_15 },
	[0xaf] = { OP_IMUL, ARG_G, ARG_E, 0, 0 },
	PAIR(0xb0, OP_CMPXCHG, ARG_E, ARG_G),
	[0xb3] = { OP_BTR, ARG_E, ARG_G, 0, 0 },
	[0xb6] = { OP_MOVZX, ARG_G, ARG_E8, 0, 0 },
	[0xb7] = { OP_MOVZX, ARG_G, ARG_E16, 0, 0 },
	[0xba] = { OP_UNKNOWN, ARG_E, ARG_UB, 0, GROUP_8 },
	[0xbb] = { OP_BTC, ARG_E, ARG_G, 0, 0 },
	[0xbe] = { OP_MOVSX, ARG_G, ARG_E8, 0, 0 },
	[0xbf] = { OP_MOVSX, ARG_G, ARG_E16, 0, 0 },
	PAIR(0xc0, OP_XADD, ARG_E, ARG_G),
	[0xc3] = { OP_MOV, ARG_M, ARG_G, OPCODE_NP, 0 }, /* MOVNTI */
};

const struct opcode opcode_0f38[256] = {
	/* With F2 these are CRC32: decode.c. */
	[0xf0] = { OP_MOVBE, ARG_G, ARG_M, 0, 0 },
	[0xf1] = { OP_MOVBE, ARG_M, ARG_G, 0, 0 },
};

#define OP_ONLY(op) { op, 0, 0, 0, 0 }

const struct opcode opcode_group[GROUP_COUNT][8] = {
	[GROUP_1] = {
		OP_ONLY(OP_ADD), OP_ONLY(OP_OR), OP_ONLY(OP_ADC), OP_ONLY(OP_SBB),
		OP_ONLY(OP_AND), OP_ONLY(OP_SUB), OP_ONLY(OP_XOR), OP_ONLY(OP_CMP),
	},
	[GROUP_1A] = { OP_ONLY(OP_POP) },
	[GROUP_2] = {
		OP_ONLY(OP_ROL), OP_ONLY(OP_ROR), OP_ONLY(OP_RCL), OP_ONLY(OP_RCR),
		OP_ONLY(OP_SHL), OP_ONLY(OP_SHR), OP_ONLY(OP_SHL), OP_ONLY(OP_SAR),
	},
	[GROUP_3B] = {
		{ OP_TEST, 0, ARG_IB, 0, 0 }, { OP_TEST, 0, ARG_IB, 0, 0 },
		OP_ONLY(OP_NOT), OP_ONLY(OP_NEG), OP_ONLY(OP_MUL),
	},
	[GROUP_3V] = {
		{ OP_TEST, 0, ARG_IZ, 0, 0 }, { OP_TEST, 0, ARG_IZ, 0, 0 },
		OP_ONLY(OP_NOT), OP_ONLY(OP_NEG), OP_ONLY(OP_MUL),
	},
	[GROUP_4] = { OP_ONLY(OP_INC), OP_ONLY(OP_DEC) },
	[GROUP_5] = {
		[0] = { OP_INC, ARG_E, 0, 0, 0 },
		[1] = { OP_DEC, ARG_E, 0, 0, 0 },
		[6] = { OP_PUSH, 0, ARG_E, OPCODE_STACK, 0 },
	},
	[GROUP_7] = {
		[4] = { OP_SMSW, ARG_MW_RV, 0, 0, 0 },
		[6] = { OP_LMSW, 0, ARG_E16, 0, 0 },
		[7] = { OP_INVLPG, ARG_M, 0, OPCODE_BYTE, 0 },
	},
	[GROUP_8] = {
		[4] = OP_ONLY(OP_BT), [5] = OP_ONLY(OP_BTS), [6] = OP_ONLY(OP_BTR),
		[7] = OP_ONLY(OP_BTC),
	},
	[GROUP_11] = { OP_ONLY(OP_MOV) },
	[GROUP_15] = { [7] = { OP_NOP, ARG_M, 0, OPCODE_BYTE, 0 } }, /* CLFLUSH, CLFLUSHOPT */
	[GROUP_P] = { { OP_NOP, ARG_M, 0, 0, 0 }, { OP_NOP, ARG_M, 0, 0, 0 } },
};

const u8 opcode_0f01_reg[64] = {
	[0x01] = OP_VMCALL,
	[0x08] = OP_MONITOR,
	[0x09] = OP_MWAIT,
	[0x11] = OP_XSETBV,
	[0x18] = OP_VMRUN,
	[0x19] = OP_VMMCALL,
	[0x1a] = OP_VMLOAD,
	[0x1b] = OP_VMSAVE,
	[0x1c] = OP_STGI,
	[0x1d] = OP_CLGI,
	[0x1e] = OP_SKINIT,
	[0x1f] = OP_INVLPGA,
	[0x39] = OP_RDTSCP,
	[0x3a] = OP_MONITOR, /* MONITORX */
	[0x3b] = OP_MWAIT,   /* MWAITX */
};
/* clang-format on */
