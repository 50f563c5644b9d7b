#pragma once
/* The opcode maps, as vmm/decode.c reads them: SDM 2D appendix A, APM 3 appendix A. */
#include "types.h"

/* Where an operand comes from: the manuals' letters. Of operand size but where said. */
enum opcode_arg {
	ARG_NONE,
	/* Those that need a ModRM byte come first. */
	ARG_E, /* register or memory */
	ARG_E8,
	ARG_E16,
	ARG_E32,
	ARG_MW_RV, /* 16 bits of memory, or a register of operand size */
	ARG_M,	   /* memory only */
	ARG_R,	   /* register by r/m, whatever mod says */
	ARG_G,	   /* register by reg */
	ARG_S,	   /* segment register by reg */
	ARG_C,	   /* control register by reg */
	ARG_D,	   /* debug register by reg */
	ARG_LAST_MODRM = ARG_D,
	ARG_A,	 /* accumulator */
	ARG_DX,	 /* the port number in DX */
	ARG_CL,	 /* a count in CL */
	ARG_ONE, /* the number 1 */
	ARG_Z,	 /* register by the opcode's low three bits */
	ARG_O,	 /* memory by an address of address size */
	ARG_IB,	 /* immediate byte, sign-extended */
	ARG_UB,	 /* immediate byte, zero-extended */
	ARG_IZ,	 /* immediate of operand size, but 32 bits sign-extended for 64 */
	ARG_IV,	 /* immediate of full operand size */
};

#define OPCODE_BYTE 0x01u   /* the operand size is 1 */
#define OPCODE_STACK 0x02u  /* 64 bits by default in 64-bit code */
#define OPCODE_NATIVE 0x04u /* the operand size is that of the mode, whatever prefixes say */
#define OPCODE_IO 0x08u	    /* the operand size is at most 4 */
#define OPCODE_NO64 0x10u   /* undefined in 64-bit code */
#define OPCODE_ONLY64 0x20u /* another instruction elsewhere */
#define OPCODE_NP 0x40u	    /* another instruction with 66, F2 or F3 */
#define OPCODE_STRING 0x80u /* memory by RSI and RDI */

/* clang-format off */
enum opcode_group {
	GROUP_NONE,
	GROUP_1, GROUP_1A, GROUP_2, GROUP_3B, GROUP_3V, GROUP_4, GROUP_5, GROUP_7, GROUP_8,
	GROUP_11, GROUP_15,
	GROUP_P, /* 0F 0D: prefetches */
	GROUP_COUNT,
};
/* clang-format on */

struct opcode {
	u8 op; /* enum insn_op; OP_UNKNOWN: the group says, or nothing */
	u8 dst, src;
	u8 flags;
	u8 group;
};

extern const struct opcode opcode_one[256];  /* one byte */
extern const struct opcode opcode_0f[256];   /* 0F xx */
extern const struct opcode opcode_0f38[256]; /* 0F 38 xx */
/* By ModRM.reg. Operands that an entry leaves out are those of the opcode. */
extern const struct opcode opcode_group[GROUP_COUNT][8];
/* 0F 01 with mod = 3, by the lower six bits of ModRM; OP_UNKNOWN: see GROUP_7. */
extern const u8 opcode_0f01_reg[64];
