#pragma once
/*
 * Numbers of registers and segments, in the order of the instruction encoding (SDM 2A 2.1.5), which
 * is also the order of VMX exit qualifications (SDM 3C 27.2.1), and architectural bits of CRs and
 * RFLAGS.
 */
#include "compiler.h"
#include "types.h"

/* One line for each group, as in the manual. */
// clang-format off
enum {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
	REG_GPRS, /* how many general registers there are */
	REG_RIP = REG_GPRS,
	REG_RFLAGS,
	REG_CR0, REG_CR2, REG_CR3, REG_CR4,
	REG_DR0, REG_DR1, REG_DR2, REG_DR3, REG_DR6, REG_DR7,
	REG_EFER, REG_PAT,
	REG_STAR, REG_LSTAR, REG_CSTAR, REG_SFMASK, REG_KERNEL_GS_BASE,
	REG_SYSENTER_CS, REG_SYSENTER_ESP, REG_SYSENTER_EIP,
	REG_DEBUGCTL,
	REG_INTR_SHADOW, /* 1 while STI or MOV SS holds interrupts off for one instruction */
	REG_COUNT,
};

enum segment_name {
	SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, /* the order of sreg encodings */
	SEG_LDTR, SEG_TR, SEG_GDTR, SEG_IDTR,
	SEG_COUNT,
};
// clang-format on

/* A segment register with its hidden part. */
struct segment {
	u64 base;
	u32 limit; /* in bytes, the granularity bit already applied */
	u32 attr;  /* the access-rights format of the VMCS, SDM 3C 24.4.1 */
	u16 selector;
};

#define SEG_ATTR_TYPE 0x000f
#define SEG_TYPE_BUSY_TSS16 3 /* of a system segment, SDM 3A table 3-2 */
#define SEG_ATTR_S 0x0010     /* code or data, not a system segment */
#define SEG_ATTR_DPL_SHIFT 5
#define SEG_ATTR_DPL 0x0060
#define SEG_ATTR_P 0x0080
#define SEG_ATTR_AVL 0x1000
#define SEG_ATTR_L 0x2000
#define SEG_ATTR_DB 0x4000
#define SEG_ATTR_G 0x8000
#define SEG_ATTR_UNUSABLE 0x10000

#define DR6_B0_B3 0xfull
#define DR6_BD BIT(13)
#define DR6_BS BIT(14)
#define DR6_RESET 0xffff0ff0ull
#define DR7_RESET 0x400ull
#define DR7_GD BIT(13)

#define CR0_PE BIT(0)
#define CR0_MP BIT(1)
#define CR0_EM BIT(2)
#define CR0_TS BIT(3)
#define CR0_ET BIT(4)
#define CR0_NE BIT(5)
#define CR0_WP BIT(16)
#define CR0_AM BIT(18)
#define CR0_NW BIT(29)
#define CR0_CD BIT(30)
#define CR0_PG BIT(31)

#define CR3_PCID MASK(11, 0)
#define CR3_NOFLUSH BIT(63)

#define CR4_VME BIT(0)
#define CR4_PVI BIT(1)
#define CR4_TSD BIT(2)
#define CR4_DE BIT(3)
#define CR4_PSE BIT(4)
#define CR4_PAE BIT(5)
#define CR4_MCE BIT(6)
#define CR4_PGE BIT(7)
#define CR4_PCE BIT(8)
#define CR4_OSFXSR BIT(9)
#define CR4_OSXMMEXCPT BIT(10)
#define CR4_UMIP BIT(11)
#define CR4_LA57 BIT(12)
#define CR4_VMXE BIT(13)
#define CR4_SMXE BIT(14)
#define CR4_FSGSBASE BIT(16)
#define CR4_PCIDE BIT(17)
#define CR4_OSXSAVE BIT(18)
#define CR4_SMEP BIT(20)
#define CR4_SMAP BIT(21)
#define CR4_PKE BIT(22)

#define RFLAGS_CF BIT(0)
#define RFLAGS_FIXED BIT(1)
#define RFLAGS_PF BIT(2)
#define RFLAGS_AF BIT(4)
#define RFLAGS_ZF BIT(6)
#define RFLAGS_SF BIT(7)
#define RFLAGS_TF BIT(8)
#define RFLAGS_IF BIT(9)
#define RFLAGS_DF BIT(10)
#define RFLAGS_OF BIT(11)
#define RFLAGS_IOPL MASK(13, 12)
#define RFLAGS_NT BIT(14)
#define RFLAGS_RF BIT(16)
#define RFLAGS_VM BIT(17)
#define RFLAGS_AC BIT(18)
#define RFLAGS_ID BIT(21)

#define EFER_SCE BIT(0)
#define EFER_LME BIT(8)
#define EFER_LMA BIT(10)
#define EFER_NXE BIT(11)
#define EFER_SVME BIT(12)
#define EFER_FFXSR BIT(14)

#define XCR0_X87 BIT(0)
#define XCR0_SSE BIT(1)
#define XCR0_AVX BIT(2)

// clang-format off
/* Exception vectors, SDM 3A 6.3.1. */
enum {
	VEC_DE = 0, VEC_DB = 1, VEC_NMI = 2, VEC_BP = 3, VEC_OF = 4, VEC_BR = 5, VEC_UD = 6,
	VEC_NM = 7, VEC_DF = 8, VEC_TS = 10, VEC_NP = 11, VEC_SS = 12, VEC_GP = 13,
	VEC_PF = 14, VEC_MF = 16,
	VEC_AC = 17, VEC_MC = 18, VEC_XM = 19, VEC_VE = 20, VEC_CP = 21, VEC_SX = 30,
};
// clang-format on

/* Page-fault error code, SDM 3A 4.7. */
#define PF_P BIT(0)
#define PF_W BIT(1)
#define PF_U BIT(2)
#define PF_RSVD BIT(3)
#define PF_I BIT(4)
