#pragma once
/* Inside the VMX back end. */
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "types.h"
#include "vmm/vcpu.h"
#include "vmm/vmx/vmcs.h"
#include "vmm/vmx/vmx_insn.h"
#include "vmm/vmx/vmx_reasons.h"

/* What this processor's VMX can do, and the controls that follow from it. Constant after probe. */
struct vmx_caps {
	u32 revision;
	u64 ept_vpid;
	u32 pin, cpu, cpu2, exit, entry; /* VMCS control fields */
	u64 cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
	bool pause_loops;   /* PAUSE-loop exiting exists */
	bool ins_outs_info; /* string I/O exits tell segment and address size */
};
extern struct vmx_caps vmx_caps;

struct vmx_vcpu {
	u64 vmcs;      /* physical address; a frame of the partition */
	bool launched; /* the VMCS's launch state */
	bool flush;    /* guest translations must go before the next entry */
	u16 vpid;
	u64 eptp;
	u64 ept_generation; /* of the nested tables at the last INVEPT */
	struct cpu *host;   /* whose host state the VMCS holds; NULL: it is new */
	u32 cpu_controls;   /* VMCS_PROCESSOR_BASED_CONTROLS as written */
	u64 star, lstar, cstar, sfmask, kernel_gs_base; /* while not loaded */
	u64 cr2;					/* while not loaded */
	/* while not loaded; a #DB sets it, whether the guest has looked at it or not */
	u64 dr6;
	u64 dr[4]; /* while not loaded, or not in use */
	bool dr_in_use;
};

struct vmx_partition {
	hpa_t io_bitmap_a, io_bitmap_b, msr_bitmap;
};

/*
 * A guest can make #AC or #DB raise itself for ever in its own delivery, where no interrupt gets
 * through (CVE-2015-5307, CVE-2015-8104): each must exit. A machine check is the host's business.
 */
#define VMX_EXCEPTIONS_ALWAYS (BIT(VEC_DB) | BIT(VEC_AC) | BIT(VEC_MC))

static inline struct vmx_vcpu *vmx_of(const struct vcpu *v)
{
	return v->vendor;
}

/*
 * Fields of the current VMCS that exist for certain: a failure is a bug of ours. Both ways to fail
 * are one condition (CF or ZF), so that the check of each is one jump: an exit reads many.
 */
static inline u64 vmcs_read(size_t field)
{
	size_t value;
	bool failed;

	__asm__ volatile("vmread %2, %1" : "=@ccbe"(failed), "=r"(value) : "r"(field) : "memory");
	if (unlikely(failed))
		panic("vmread of field %#zx failed", field);
	return value;
}

static inline void vmcs_write(size_t field, u64 value)
{
	bool failed;

	__asm__ volatile("vmwrite %1, %2" : "=@ccbe"(failed) : "r"(value), "r"(field) : "memory");
	if (unlikely(failed))
		panic("vmwrite of field %#zx failed", field);
}

/* vmx_cpu.c */
int vmx_probe(void);
int vmx_cpu_enable(void);
/* vmx_vcpu.c */
int vmx_partition_init(struct partition *p);
void vmx_partition_free(struct partition *p);
int vmx_vcpu_init(struct vcpu *v);
void vmx_vcpu_free(struct vcpu *v);
void vmx_load(struct vcpu *v);
void vmx_put(struct vcpu *v);
void vmx_trap_exception(struct vcpu *v, u32 mask);
void vmx_set_tsc_offset(struct vcpu *v, u64 offset);
int vmx_pause_exits(struct vcpu *v, enum pause_exits which);
void vmx_flush(struct vcpu *v);
void vmx_own_debug_registers(struct vcpu *v);
void vmx_load_breakpoints(const struct vmx_vcpu *x); /* DR0 to DR3 */
void vmx_save_breakpoints(struct vmx_vcpu *x);
void vmx_set_cpu_control(struct vcpu *v, u32 bits, bool on);
/* vmx_host.c */
void vmx_write_host_state(struct cpu *cpu);
/* vmx_regs.c */
u64 vmx_get_reg(struct vcpu *v, unsigned reg);
void vmx_set_reg(struct vcpu *v, unsigned reg, u64 value);
bool vmx_skip(struct vcpu *v, u64 next_rip);
void vmx_get_context(struct vcpu *v, struct guest_context *c);
void vmx_get_seg(struct vcpu *v, enum segment_name seg, struct segment *s);
void vmx_set_seg(struct vcpu *v, enum segment_name seg, const struct segment *s);
/* vmx_event.c */
bool vmx_can_inject(struct vcpu *v, enum event_kind kind);
void vmx_inject(struct vcpu *v, const struct event *e);
void vmx_want_window(struct vcpu *v, enum event_kind kind, bool on);
void vmx_discard_events(struct vcpu *v);
void vmx_single_step(struct vcpu *v, bool on);
/* From a valid IDT-vectoring information field. */
struct event vmx_event_in_flight(u64 info);
/* vmx_exit.c */
int vmx_run(struct vcpu *v, struct vm_exit *exit);
/* vmx_names.c */
const char *vmx_error_name(u32 error);	 /* VM-instruction errors, SDM 3C 30.4 */
const char *vmx_reason_name(u32 reason); /* basic exit reasons */
/* vmx_dump.c */
const char *vmx_suspect(struct vcpu *v);
void vmx_dump(struct vcpu *v, void (*print)(const char *fmt, ...) PRINTF(1, 2));
