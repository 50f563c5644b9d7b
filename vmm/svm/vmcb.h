#pragma once
/*
 * The virtual machine control block as the processor reads it: APM 2 appendix B (layout) and C
 * (exit codes), in the manual's order so that one can check it beside the page.
 */
#include "compiler.h"
#include "types.h"

/* Intercepts of control and debug registers: bit n is register n. */
#define VMCB_CR0 BIT(0)
#define VMCB_CR4 BIT(4)
#define VMCB_CR8 BIT(8)
#define VMCB_DR_ALL 0xffffu

/* Offset 00Ch, "vector 3". */
#define VMCB_INTERCEPT_INTR BIT(0)
#define VMCB_INTERCEPT_NMI BIT(1)
#define VMCB_INTERCEPT_SMI BIT(2)
#define VMCB_INTERCEPT_INIT BIT(3)
#define VMCB_INTERCEPT_VINTR BIT(4)
#define VMCB_INTERCEPT_CR0_SEL_WRITE BIT(5) /* writes of CR0 that change more than TS and MP */
#define VMCB_INTERCEPT_IDTR_READ BIT(6)
#define VMCB_INTERCEPT_GDTR_READ BIT(7)
#define VMCB_INTERCEPT_LDTR_READ BIT(8)
#define VMCB_INTERCEPT_TR_READ BIT(9)
#define VMCB_INTERCEPT_IDTR_WRITE BIT(10)
#define VMCB_INTERCEPT_GDTR_WRITE BIT(11)
#define VMCB_INTERCEPT_LDTR_WRITE BIT(12)
#define VMCB_INTERCEPT_TR_WRITE BIT(13)
#define VMCB_INTERCEPT_RDTSC BIT(14)
#define VMCB_INTERCEPT_RDPMC BIT(15)
#define VMCB_INTERCEPT_PUSHF BIT(16)
#define VMCB_INTERCEPT_POPF BIT(17)
#define VMCB_INTERCEPT_CPUID BIT(18)
#define VMCB_INTERCEPT_RSM BIT(19)
#define VMCB_INTERCEPT_IRET BIT(20)
#define VMCB_INTERCEPT_SWINT BIT(21)
#define VMCB_INTERCEPT_INVD BIT(22)
#define VMCB_INTERCEPT_PAUSE BIT(23)
#define VMCB_INTERCEPT_HLT BIT(24)
#define VMCB_INTERCEPT_INVLPG BIT(25)
#define VMCB_INTERCEPT_INVLPGA BIT(26)
#define VMCB_INTERCEPT_IOIO BIT(27) /* as the I/O permission map says */
#define VMCB_INTERCEPT_MSR BIT(28)  /* as the MSR permission map says */
#define VMCB_INTERCEPT_TASK_SWITCH BIT(29)
#define VMCB_INTERCEPT_FERR_FREEZE BIT(30)
#define VMCB_INTERCEPT_SHUTDOWN BIT(31)

/* Offset 010h, "vector 4". */
#define VMCB_INTERCEPT_VMRUN BIT(0)
#define VMCB_INTERCEPT_VMMCALL BIT(1)
#define VMCB_INTERCEPT_VMLOAD BIT(2)
#define VMCB_INTERCEPT_VMSAVE BIT(3)
#define VMCB_INTERCEPT_STGI BIT(4)
#define VMCB_INTERCEPT_CLGI BIT(5)
#define VMCB_INTERCEPT_SKINIT BIT(6)
#define VMCB_INTERCEPT_RDTSCP BIT(7)
#define VMCB_INTERCEPT_ICEBP BIT(8)
#define VMCB_INTERCEPT_WBINVD BIT(9)
#define VMCB_INTERCEPT_MONITOR BIT(10)
#define VMCB_INTERCEPT_MWAIT BIT(11)
#define VMCB_INTERCEPT_MWAIT_ARMED BIT(12)
#define VMCB_INTERCEPT_XSETBV BIT(13)
#define VMCB_INTERCEPT_RDPRU BIT(14)

/* Offset 05Ch. */
#define VMCB_TLB_NOTHING 0u
#define VMCB_TLB_FLUSH_ALL 1u /* every ASID, the host's too */

/* Offset 060h: the virtual interrupt. */
#define VMCB_V_TPR MASK(7, 0)
#define VMCB_V_IRQ BIT(8)
#define VMCB_V_INTR_PRIO(n) ((u64)(n) << 16)
#define VMCB_V_IGN_TPR BIT(20)
#define VMCB_V_INTR_MASKING BIT(24) /* the host's IF masks physical interrupts */
#define VMCB_V_INTR_VECTOR(n) ((u64)(n) << 32)
#define VMCB_V_INTR_VECTOR_MASK MASK(39, 32)

#define VMCB_INTERRUPT_SHADOW BIT(0) /* offset 068h */

/* EVENTINJ and EXITINTINFO, APM 2 15.20 and 15.7.2. */
#define VMCB_EVENT_VECTOR MASK(7, 0)
#define VMCB_EVENT_TYPE MASK(10, 8)
#define VMCB_EVENT_INTR 0x000u
#define VMCB_EVENT_NMI 0x200u
#define VMCB_EVENT_EXCEPTION 0x300u
#define VMCB_EVENT_SOFT_INTR 0x400u
#define VMCB_EVENT_ERROR BIT(11)
#define VMCB_EVENT_VALID BIT(31)

#define VMCB_NP_ENABLE BIT(0) /* offset 090h */

/* EXITINFO1 of an IOIO exit, APM 2 15.10.2. */
#define VMCB_IO_IN BIT(0)
#define VMCB_IO_STRING BIT(2)
#define VMCB_IO_REP BIT(3)
#define VMCB_IO_SIZE_SHIFT 4 /* bits 4, 5, 6: 1, 2, 4 bytes */
#define VMCB_IO_SIZE 7u
#define VMCB_IO_ADDR_SHIFT 7 /* bits 7, 8, 9: 16, 32, 64 bits */
#define VMCB_IO_ADDR 7u
#define VMCB_IO_SEGMENT_SHIFT 10
#define VMCB_IO_SEGMENT 7u
#define VMCB_IO_PORT_SHIFT 16

/*
 * EXITINFO1 of a nested page fault: a page-fault error code, and whose access it was. APM 2
 * 15.25.6.
 */
#define VMCB_NPF_FINAL BIT(32) /* the guest's own access */
#define VMCB_NPF_WALK BIT(33)  /* the walk of the guest's page tables */

/* EXITINFO1 of a MOV to or from CR, with decode assists. APM 2 15.8.1. */
#define VMCB_CR_MOV BIT(63)
#define VMCB_CR_GPR 0xfu

#define VMCB_MSR_WRITE 1u /* EXITINFO1 of an MSR exit */

/*
 * Segment attributes: the bytes of a descriptor that hold type, S, DPL, P and AVL, L, D/B, G,
 * joined.
 */
#define VMCB_SEG_TYPE 0x00f
#define VMCB_SEG_S 0x010
#define VMCB_SEG_P 0x080
#define VMCB_SEG_L 0x200
#define VMCB_SEG_DB 0x400

struct vmcb_segment {
	u16 selector, attr;
	u32 limit;
	u64 base;
};

/* Table B-1. */
struct vmcb_control {
	u16 intercept_cr_read, intercept_cr_write;
	u16 intercept_dr_read, intercept_dr_write;
	u32 intercept_exceptions;
	u32 intercept3, intercept4, intercept5;
	u8 reserved018[0x3c - 0x18];
	u16 pause_filter_threshold, pause_filter_count;
	u64 iopm_base_pa, msrpm_base_pa;
	u64 tsc_offset;
	u32 guest_asid;
	u32 tlb_control;
	u64 int_ctl;
	u64 int_state;
	u64 exit_code, exit_info_1, exit_info_2;
	u64 exit_int_info; /* the error code is in the upper half */
	u64 np_control;
	u64 avic_apic_bar, ghcb;
	u64 event_inj; /* the error code is in the upper half */
	u64 ncr3;
	u64 lbr_control;
	u64 clean; /* 0: the processor reloads everything; a forgotten mark cannot hurt */
	u64 nrip;
	u8 fetched_count, fetched[15];
	u8 reserved0e0[0x400 - 0xe0];
};

/* Table B-2. */
struct vmcb_save {
	struct vmcb_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	u8 reserved0a0[0xcb - 0xa0];
	u8 cpl;
	u32 reserved0cc;
	u64 efer;
	u8 reserved0d8[0x148 - 0xd8];
	u64 cr4, cr3, cr0, dr7, dr6, rflags, rip;
	u8 reserved180[0x1d8 - 0x180];
	u64 rsp;
	u8 reserved1e0[0x1f8 - 0x1e0];
	u64 rax;
	u64 star, lstar, cstar, sfmask, kernel_gs_base;
	u64 sysenter_cs, sysenter_esp, sysenter_eip;
	u64 cr2;
	u8 reserved248[0x268 - 0x248];
	u64 g_pat;
	u64 dbgctl, br_from, br_to, last_excp_from, last_excp_to;
	u8 reserved298[0xc00 - 0x298];
};

struct vmcb {
	struct vmcb_control control;
	struct vmcb_save save;
} ALIGNED(4096);

#define VMCB_AT(field, offset) static_assert(offsetof(struct vmcb, field) == (offset), #field)
VMCB_AT(control.intercept_exceptions, 0x008);
VMCB_AT(control.intercept3, 0x00c);
VMCB_AT(control.intercept4, 0x010);
VMCB_AT(control.pause_filter_count, 0x03e);
VMCB_AT(control.iopm_base_pa, 0x040);
VMCB_AT(control.msrpm_base_pa, 0x048);
VMCB_AT(control.tsc_offset, 0x050);
VMCB_AT(control.guest_asid, 0x058);
VMCB_AT(control.tlb_control, 0x05c);
VMCB_AT(control.int_ctl, 0x060);
VMCB_AT(control.int_state, 0x068);
VMCB_AT(control.exit_code, 0x070);
VMCB_AT(control.exit_info_1, 0x078);
VMCB_AT(control.exit_info_2, 0x080);
VMCB_AT(control.exit_int_info, 0x088);
VMCB_AT(control.np_control, 0x090);
VMCB_AT(control.event_inj, 0x0a8);
VMCB_AT(control.ncr3, 0x0b0);
VMCB_AT(control.lbr_control, 0x0b8);
VMCB_AT(control.clean, 0x0c0);
VMCB_AT(control.nrip, 0x0c8);
VMCB_AT(control.fetched_count, 0x0d0);
VMCB_AT(save.es, 0x400);
VMCB_AT(save.tr, 0x400 + 0x090);
VMCB_AT(save.cpl, 0x400 + 0x0cb);
VMCB_AT(save.efer, 0x400 + 0x0d0);
VMCB_AT(save.cr4, 0x400 + 0x148);
VMCB_AT(save.cr0, 0x400 + 0x158);
VMCB_AT(save.rip, 0x400 + 0x178);
VMCB_AT(save.rsp, 0x400 + 0x1d8);
VMCB_AT(save.rax, 0x400 + 0x1f8);
VMCB_AT(save.star, 0x400 + 0x200);
VMCB_AT(save.kernel_gs_base, 0x400 + 0x220);
VMCB_AT(save.sysenter_eip, 0x400 + 0x238);
VMCB_AT(save.cr2, 0x400 + 0x240);
VMCB_AT(save.g_pat, 0x400 + 0x268);
VMCB_AT(save.dbgctl, 0x400 + 0x270);
static_assert(sizeof(struct vmcb) == 4096, "a VMCB is one page");
#undef VMCB_AT

/* Exit codes, APM 2 appendix C. */
enum svm_exit_code {
	SVM_EXIT_CR0_READ = 0x000,
	SVM_EXIT_CR4_READ = 0x004,
	SVM_EXIT_CR8_READ = 0x008,
	SVM_EXIT_CR15_READ = 0x00f,
	SVM_EXIT_CR0_WRITE = 0x010,
	SVM_EXIT_CR15_WRITE = 0x01f,
	SVM_EXIT_DR0_READ = 0x020,
	SVM_EXIT_DR15_READ = 0x02f,
	SVM_EXIT_DR0_WRITE = 0x030,
	SVM_EXIT_DR15_WRITE = 0x03f,
	SVM_EXIT_EXCP0 = 0x040,
	SVM_EXIT_EXCP31 = 0x05f,
	SVM_EXIT_INTR = 0x060,
	SVM_EXIT_NMI,
	SVM_EXIT_SMI,
	SVM_EXIT_INIT,
	SVM_EXIT_VINTR,
	SVM_EXIT_CR0_SEL_WRITE,
	SVM_EXIT_IDTR_READ,
	SVM_EXIT_GDTR_READ,
	SVM_EXIT_LDTR_READ,
	SVM_EXIT_TR_READ,
	SVM_EXIT_IDTR_WRITE,
	SVM_EXIT_GDTR_WRITE,
	SVM_EXIT_LDTR_WRITE,
	SVM_EXIT_TR_WRITE,
	SVM_EXIT_RDTSC,
	SVM_EXIT_RDPMC,
	SVM_EXIT_PUSHF,
	SVM_EXIT_POPF,
	SVM_EXIT_CPUID,
	SVM_EXIT_RSM,
	SVM_EXIT_IRET,
	SVM_EXIT_SWINT,
	SVM_EXIT_INVD,
	SVM_EXIT_PAUSE,
	SVM_EXIT_HLT,
	SVM_EXIT_INVLPG,
	SVM_EXIT_INVLPGA,
	SVM_EXIT_IOIO,
	SVM_EXIT_MSR,
	SVM_EXIT_TASK_SWITCH,
	SVM_EXIT_FERR_FREEZE,
	SVM_EXIT_SHUTDOWN,
	SVM_EXIT_VMRUN = 0x080,
	SVM_EXIT_VMMCALL,
	SVM_EXIT_VMLOAD,
	SVM_EXIT_VMSAVE,
	SVM_EXIT_STGI,
	SVM_EXIT_CLGI,
	SVM_EXIT_SKINIT,
	SVM_EXIT_RDTSCP,
	SVM_EXIT_ICEBP,
	SVM_EXIT_WBINVD,
	SVM_EXIT_MONITOR,
	SVM_EXIT_MWAIT,
	SVM_EXIT_MWAIT_ARMED,
	SVM_EXIT_XSETBV,
	SVM_EXIT_RDPRU,
	SVM_EXIT_DENSE, /* the codes below this one go through one table */
	SVM_EXIT_NPF = 0x400,
};
/*
 * -1; QEMU writes 32 bits of it (docs/platform-quirks.md), so only the low half is ever compared.
 */
#define SVM_EXIT_INVALID 0xffffffffu

static_assert(SVM_EXIT_SHUTDOWN == 0x7f && SVM_EXIT_RDPRU == 0x8e, "appendix C");
