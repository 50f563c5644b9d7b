#pragma once
/* Segments and the task state segment. Boot code, VMCS host state and traps use the selectors. */
#include "compiler.h"
#include "types.h"

#define SEL_KERNEL_CODE 0x08
#define SEL_KERNEL_DATA 0x10
#define SEL_TSS 0x18 /* two slots */

#define IST_DF 1
#define IST_NMI 2
#define IST_MC 3
#define IST_COUNT 3

struct tss {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7]; /* ist[n-1] for IST number n */
	u64 reserved2;
	u16 reserved3, iomap_base;
} PACKED;

struct cpu_tables {
	u64 gdt[5];
	struct tss tss;
};

/* Builds both and loads them into this processor; FS and GS bases become 0. SDM 3A 3.4.5, 7.7. */
void gdt_load(struct cpu_tables *tables);
