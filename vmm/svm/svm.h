#pragma once
/* What the files of the SVM back end share. Nothing outside vmm/svm/ includes this. */
#include "compiler.h"
#include "types.h"
#include "vmm/backend.h"
#include "vmm/svm/vmcb.h"
#include "x86/msr.h"

struct cpu;
struct insn;
struct partition;
struct vcpu;

/* CPUID 8000_000A, as far as we use it. */
struct svm_features {
	u32 revision;
	u32 asids; /* 0 .. asids-1; 0 is the host's */
	bool nrip; /* #VMEXIT stores the next RIP of intercepted instructions */
	bool decode_assists;
	bool flush_by_asid;
	bool clean_bits;
	bool pause_filter, pause_threshold; /* PAUSE exits in loops alone, APM 2 15.14.4 */
	bool rdtscp;   /* the guest can read TSC_AUX, which the VMCB does not hold */
	hpa_t iopm_pa; /* one I/O permission map for all: every port exits */
};
extern struct svm_features svm_features;

#define SVM_IOPM_ORDER 2  /* 12 KiB and 3 bits, APM 2 15.10.1; frames come in powers of two */
#define SVM_HOST_ORDER 1  /* a VMCB for the host's VMLOAD, and the host save area */
#define SVM_MSRPM_ORDER 1 /* 8 KiB, APM 2 15.11 */
#define SVM_MSRPM_SIZE (FRAME_SIZE << SVM_MSRPM_ORDER)

/* To do before the next entry (svm_run.c). The hot path sees one word. */
#define SVM_ENTRY_ASID BIT(0)	/* cached translations are void: take a new ASID */
#define SVM_ENTRY_CHECK BIT(1)	/* what VMRUN checks was changed: check it before */
#define SVM_ENTRY_WINDOW BIT(2) /* an interrupt window is wanted; stays until it opens */
#define SVM_ENTRY_VIRQ BIT(3)	/* deliver virq_vector by V_IRQ (quirk) */
#define SVM_ENTRY_STEP BIT(4)	/* run one instruction only */
#define SVM_ENTRY_NMI BIT(5)	/* an NMI window is wanted; stays until it is taken back */
#define SVM_ENTRY_CR2 BIT(6)	/* the processor's CR2 is not the guest's (quirk) */
#define SVM_ENTRY_DR BIT(7)	/* DR7 was changed: the processor's must be the same (quirk) */

/* To do after the exit. */
#define SVM_EXITED_ONCE BIT(0)	 /* clear what was for one entry: EVENTINJ, TLB_CONTROL */
#define SVM_EXITED_VIRQ BIT(1)	 /* was the V_IRQ interrupt taken? */
#define SVM_EXITED_STEP BIT(2)	 /* TF was ours */
#define SVM_EXITED_SHADOW BIT(3) /* the shadow may be lost (quirk) */
#define SVM_EXITED_TRIPLE BIT(4) /* every exception was intercepted (quirk) */
#define SVM_EXITED_IRET BIT(5)	 /* the IRET that ends an NMI handler was about to run */

struct svm_partition {
	hpa_t msrpm_pa;
	u8 *msrpm;
};

struct svm_vcpu {
	struct vmcb *vmcb;
	hpa_t vmcb_pa;
	hpa_t host_vmcb_pa; /* of the CPU it is loaded on: VMLOAD's part of the host */
	u32 entry_work, exit_work;

	/* Translations: valid for this CPU, ASID generation and version of the nested tables. */
	const u64 *table_generation;
	u64 flushed_generation;
	struct cpu *cpu;
	u64 asid_generation;

	u64 cr0_hidden; /* CD and NW as the guest wrote them; the real ones stay clear */
	u32 exceptions; /* intercepted: asked for by trap_exception() */
	u8 virq_vector, injected_vector;
	bool single_step;     /* asked for by single_step() */
	bool step_for_window; /* only to leave a shadow or an NMI handler */
	bool step_tf;	      /* the guest's own TF during a step */
	u64 step_dr6;	      /* DR6 before it */
	u8 step_opcode;	      /* of the instruction that is stepped over */
	u64 entry_rip, entry_rsp, iret_rip;
	bool nmi_blocked; /* from the injection of an NMI to the IRET of its handler */
	bool dr_loaded;	  /* DR0-3 are the guest's; before its first access they are not */
	u64 dr[4];
	u64 dr7_hidden;	     /* what the guest has set in DR7 and the processor has not (quirk) */
	bool trap_follows;   /* a #DB may come behind VMRUN (quirks) */
	const char *suspect; /* what svm_check_vmcb() did not like before the last entry */
	bool suspect_ours;   /* ... and it is a control of ours */
};

/* svm_run.c */
int svm_run(struct vcpu *v, struct vm_exit *exit);

/* svm_entry.c */
struct svm_vcpu *svm_prepare_entry(struct vcpu *v); /* returns v->vendor, for the caller's sake */
void svm_finish_exit(struct vcpu *v, struct svm_vcpu *s, struct vm_exit *exit);
void svm_flush(struct vcpu *v);

/* svm_load.c */
void svm_load(struct vcpu *v);
void svm_put(struct vcpu *v);

/* svm_dr.c */
void svm_load_debug_registers(const struct svm_vcpu *s);
void svm_save_debug_registers(struct svm_vcpu *s);
void svm_use_debug_registers(struct svm_vcpu *s);	/* from now on they are the guest's own */
u64 svm_get_breakpoint(struct svm_vcpu *s, unsigned n); /* DR0 to DR3 */
void svm_set_breakpoint(struct svm_vcpu *s, unsigned n, u64 value);
void svm_set_dr7(struct svm_vcpu *s, u64 value);
u64 svm_get_dr7(const struct svm_vcpu *s);
void svm_decode_dr(struct vcpu *v, struct svm_vcpu *s, struct vm_exit *exit);

/* svm_step.c: running a single instruction of the guest */
void svm_step_begin(struct vcpu *v);
void svm_step_end(struct vcpu *v, struct vm_exit *exit);
void svm_single_step(struct vcpu *v, bool on);
u8 svm_opcode(struct vcpu *v); /* at RIP, behind the prefixes; 0: not readable */

/* svm_exit.c: what an exit code means; those from SVM_EXIT_DENSE on are few and lie far apart */
struct svm_exit_entry {
	u8 reason; /* enum vm_exit_reason */
	bool insn; /* an instruction was intercepted: nRIP is the next one's */
	void (*decode)(struct vcpu *v, struct svm_vcpu *s, struct vm_exit *exit);
};
extern const struct svm_exit_entry svm_exits[SVM_EXIT_DENSE];
void svm_decode_sparse(struct svm_vcpu *s, struct vm_exit *exit);

#define INSN_MAX 15u

/* Length from the address of the next instruction; 0 when that makes no sense. */
static inline u8 svm_insn_length(u64 rip, u64 next)
{
	u64 length = next - rip;

	return length <= INSN_MAX ? (u8)length : 0;
}

/* svm_cr.c: which control register, which general register, which value */
void svm_decode_cr(struct vcpu *v, struct svm_vcpu *s, struct vm_exit *exit);
/* The instruction at RIP, until the next call. NULL: not readable, or unknown to the decoder. */
const struct insn *svm_decode_insn(struct vcpu *v);

static inline bool svm_code_is_64(const struct vmcb_save *save)
{
	return (save->cs.attr & VMCB_SEG_L) && (save->efer & EFER_LMA);
}

/* svm_regs.c */
u64 svm_get_reg(struct vcpu *v, unsigned reg);
void svm_set_reg(struct vcpu *v, unsigned reg, u64 value);
bool svm_skip(struct vcpu *v, u64 next_rip);
void svm_get_context(struct vcpu *v, struct guest_context *c);
void svm_get_seg(struct vcpu *v, enum segment_name seg, struct segment *s);
void svm_set_seg(struct vcpu *v, enum segment_name seg, const struct segment *s);

/* svm_event.c */
bool svm_can_inject(struct vcpu *v, enum event_kind kind);
void svm_inject(struct vcpu *v, const struct event *e);
void svm_want_window(struct vcpu *v, enum event_kind kind, bool on);
void svm_discard_events(struct vcpu *v);
void svm_decode_in_flight(struct vcpu *v, struct svm_vcpu *s, struct event *e);
void svm_close_intr_window(struct svm_vcpu *s);

/* svm_vcpu.c */
int svm_partition_init(struct partition *p);
void svm_partition_free(struct partition *p);
int svm_vcpu_init(struct vcpu *v);
void svm_vcpu_free(struct vcpu *v);
void svm_trap_exception(struct vcpu *v, u32 mask);
int svm_pause_exits(struct vcpu *v, enum pause_exits which);
void svm_set_tsc_offset(struct vcpu *v, u64 offset);
/* A VMCB with our controls, its registers zero; the frame is the caller's. */
void svm_vmcb_init(struct vmcb *vmcb, hpa_t msrpm_pa, hpa_t ncr3);

/* svm_check.c: NULL, or which rule of APM 2 15.5.1 the VMCB breaks; *ours: it is not guest state */
const char *svm_check_vmcb(const struct vmcb *vmcb, bool *ours);

/* svm_dump.c */
const char *svm_exit_name(u64 code);
void svm_dump(struct vcpu *v, void (*print)(const char *fmt, ...) PRINTF(1, 2));

/* svm_selftest.c */
void svm_selftest_register(void);
