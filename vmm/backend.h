#pragma once
/*
 * The interface to the two vendors. Only vmm/backend.c names them. Functions that work on a vCPU
 * are called in its own thread with its state loaded on this CPU, or while it does not run at all.
 */
#include "compiler.h"
#include "types.h"
#include "vmm/exit.h"
#include "x86/reg.h"

struct vcpu;
struct partition;
struct pt_format;

/*
 * Where the guest executes, and all that decides how the code there is translated and decoded.
 * Hidden bits of CR0 and CR4 (VMXE, CD, NW), which decide nothing of that, are as the processor has
 * them.
 */
struct guest_context {
	u64 rip, cs_base;
	u64 cr0, cr3, cr4, efer;
	u8 cpl;
	u8 bits; /* 16, 32 or 64: the default size of code at CS:RIP */
};

/* Which accesses to an MSR exit. */
enum msr_trap { MSR_TRAP_NONE = 0, MSR_TRAP_READ = 1, MSR_TRAP_WRITE = 2, MSR_TRAP_BOTH = 3 };

/*
 * When PAUSE exits: never, in loops that wait for something, or each time. That it is a loop, not
 * every processor can tell.
 */
enum pause_exits { PAUSE_EXITS_NONE, PAUSE_EXITS_LOOPS, PAUSE_EXITS_ALL };

struct vcpu_backend {
	const char *name; /* "vmx", "svm" */
	struct pt_format *format;

	/*
	 * These two run in interrupt context. probe: on the boot CPU, once; 0, or -ENODEV with
	 * one line in the log that says what is missing. cpu_enable: on each, CR4.VMXE and VMXON,
	 * or EFER.SVME and the host save area; -ENODEV with such a line when this CPU offers
	 * something else than the boot CPU.
	 */
	int (*probe)(void);
	int (*cpu_enable)(void);

	int (*partition_init)(struct partition *p);
	void (*partition_free)(struct partition *p);
	/* Allocates, and sets the controls. The registers are for vcpu_reset_registers(). */
	int (*vcpu_init)(struct vcpu *v);
	void (*vcpu_free)(struct vcpu *v);

	/*
	 * The scheduler's hooks, interrupts off. After put nothing of the vCPU is left in the
	 * processor.
	 */
	void (*load)(struct vcpu *v);
	void (*put)(struct vcpu *v);

	/*
	 * Enters the guest; returns after the exit, decoded. Interrupts are off on entry and on
	 * return (a host interrupt stays pending). Always 0 and an exit, or -EIO when the processor
	 * refused the entry because of our own controls or host state: the reason is then in the
	 * log.
	 */
	int (*run)(struct vcpu *v, struct vm_exit *exit);

	u64 (*get_reg)(struct vcpu *v, unsigned reg);
	/* GPRs but RSP are in v->gpr itself, but accepted */
	void (*set_reg)(struct vcpu *v, unsigned reg, u64 value);
	/*
	 * Goes on at the next instruction: RIP, the end of an interrupt shadow and of RFLAGS.RF.
	 * True when RFLAGS.TF is set, so that the guest must get its single-step trap.
	 */
	bool (*skip)(struct vcpu *v, u64 next_rip);
	void (*get_context)(struct vcpu *v, struct guest_context *c);
	void (*get_seg)(struct vcpu *v, enum segment_name seg, struct segment *s);
	void (*set_seg)(struct vcpu *v, enum segment_name seg, const struct segment *s);

	/*
	 * Events. can_inject: the guest would take it at the next entry (IF, shadow, blocking by
	 * NMI).
	 */
	bool (*can_inject)(struct vcpu *v, enum event_kind kind);
	void (*inject)(struct vcpu *v, const struct event *e); /* at the next entry; at most one */
	/* EVENT_INTR or EVENT_NMI */
	void (*want_window)(struct vcpu *v, enum event_kind kind, bool on);
	/* Nothing is to be delivered, no window is wanted, nothing is blocked: for INIT. */
	void (*discard_events)(struct vcpu *v);

	void (*trap_exception)(struct vcpu *v, u32 mask); /* bit n: vector n exits */
	void (*single_step)(struct vcpu *v, bool on);
	/* None to begin with. -ENOTSUP: it cannot tell loops; nothing has changed. */
	int (*pause_exits)(struct vcpu *v, enum pause_exits which);
	void (*set_tsc_offset)(struct vcpu *v, u64 offset); /* guest TSC = host TSC + offset */
	/* every cached translation of this vCPU, before its next entry */
	void (*flush)(struct vcpu *v);
	/* Prints the vendor's own control structure and why the last entry failed, by names. */
	void (*dump)(struct vcpu *v, void (*print)(const char *fmt, ...) PRINTF(1, 2));
};

extern const struct vcpu_backend *backend; /* the one in use; set by backend_init() */
extern const struct vcpu_backend vmx_backend, svm_backend;

extern u64 cpus_for_guests; /* bit n: it is enabled on CPU n. Constant after backend_init() */

/*
 * name: "auto", "vmx", "svm". Probes, and enables it on every CPU that offers the same as the boot
 * CPU. -ENODEV: none works (logged). After smp_start(), thread context.
 */
MUST_CHECK int backend_init(const char *name);
