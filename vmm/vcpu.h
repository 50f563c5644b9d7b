#pragma once
/* One virtual processor: a kernel thread, registers, events, a local APIC and the vendor's part. */
#include "compiler.h"
#include "kernel/thread.h"
#include "kernel/timer.h"
#include "types.h"
#include "vmm/backend.h"
#include "vmm/dev/vlapic.h"
#include "vmm/event.h"
#include "vmm/exit.h"
#include "vmm/fetch.h"
#include "vmm/insn_cache.h"
#include "vmm/vclock.h"

struct partition;

/* Asked of a vCPU by others; it looks at them before every entry. */
#define VCPU_REQ_STOP BIT(0)	/* leave the run loop */
#define VCPU_REQ_CLOCK BIT(1)	/* a deadline of the partition's clock has passed */
#define VCPU_REQ_CONSOLE BIT(2) /* bytes wait in the console's input */
#define VCPU_REQ_EVENT BIT(3)	/* look for interrupts again */
#define VCPU_REQ_INIT BIT(4)
#define VCPU_REQ_SIPI BIT(5)
#define VCPU_REQ_TIMER BIT(6)	  /* a deadline of its own clock has passed */
#define VCPU_REQ_PAUSE BIT(7)	  /* see pause.h */
#define VCPU_REQ_SHOOTDOWN BIT(8) /* to take it is all: see shootdown.h */
#define VCPU_REQ_VECTOR_SHIFT 24  /* bits 31:24 with VCPU_REQ_SIPI: its vector */
#define VCPU_REQ_VECTOR (0xffu << VCPU_REQ_VECTOR_SHIFT)

enum vcpu_state { VCPU_WAIT_SIPI, VCPU_RUNNING, VCPU_HALTED, VCPU_DONE };

/* pause.h */
struct vpause {
	bool each, on;	     /* each PAUSE would exit, and does at present */
	unsigned last;	     /* who was given the CPU */
	u64 useful, useless; /* exits that gave the CPU to a sibling, and that found none */
};

struct vcpu {
	u64 gpr[REG_GPRS]; /* first: the entry code's view. RSP's slot is unused, see get_reg */
	void *vendor;	   /* struct vmx_vcpu or struct svm_vcpu */
	struct partition *partition;
	unsigned id; /* 0 .. vcpus-1; also its APIC id */
	struct thread *thread;

	/*
	 * How a request reaches the vCPU wherever it is. Its thread and who asks each do two steps,
	 * with a full barrier between them (the second is a look at what the other one writes
	 * first):
	 *
	 *	to enter the guest:	in_guest = this CPU;	look at requests
	 *	to sleep:		queue itself in wait;	look at requests
	 *	to ask:			set a bit of requests;	look at in_guest and wait
	 *
	 * Of two such sequences at least one sees the other's first step. So either the thread sees
	 * the request, and serves it instead of entering or sleeping, or who asks sees the thread:
	 * in the guest, and sends an interrupt to that CPU, which ends the guest's run; or in the
	 * queue, and wakes it. What else a requester has written before, such as IRR, is seen with
	 * the bit. in_guest names the CPU, so that it does not matter where the thread is by then:
	 * if it has moved on, it has looked at requests since.
	 */
	u32 requests;	       /* atomic; VCPU_REQ_* */
	struct cpu *in_guest;  /* from before the last look at requests until the exit; or NULL */
	struct waitq wait;     /* the thread sleeps here while halted or waiting for its SIPI */
	enum vcpu_state state; /* of its thread; others may look */

	struct vm_exit exit;
	struct vevents events;
	struct vlapic lapic;
	struct vclock clock; /* of its APIC's timer; its thread's alone */
	struct timer clock_timer;
	struct vpause pause;
	struct code_pages code;
	struct insn_cache insns;

	u64 xcr0;  /* the guest's */
	void *fpu; /* XSAVE area, 64-byte aligned, cpu_features.xsave_size bytes */
	u64 tsc_offset;
	u64 tsc_adjust; /* MSR_TSC_ADJUST */
	u64 tsc_aux;
	u64 misc_enable;
	u64 mtrr_def_type, mtrr_fixed[11], mtrr_var[16];
	u64 kvm_system_time, kvm_wall_clock; /* the MSRs as written */
	u32 kvm_version;		     /* of the page behind the first; even */
	struct cpuid_cache *cpuid;

	u64 exits[VM_EXIT_REASONS];
	u64 unknown_msrs, last_unknown_msr;
	u64 injected;
};

/* Thread context. NULL: out of memory. The thread is created but not started. */
struct vcpu *vcpu_create(struct partition *p, unsigned id);
/* The thread, which has not started yet, will carry the vCPU's state into a CPU and out of it. */
void vcpu_give_thread(struct vcpu *v, struct thread *t);
/* The thread must have been started, and ends by itself; waits for it. */
void vcpu_destroy(struct vcpu *v);
/*
 * Between these the state is loaded on this CPU, one of cpus_for_guests, to be read and written
 * from another thread than its own, which is off every CPU; interrupts are off.
 */
MUST_CHECK u64 vcpu_inspect_begin(struct vcpu *v);
void vcpu_inspect_end(struct vcpu *v, u64 flags);
struct load_entry;
/* Sets the registers that a loaded image starts with. Before the first run. */
void vcpu_enter_at(struct vcpu *v, const struct load_entry *e);
/* Makes the guest's TSC be 0 when the host's is start_tsc. Before the first run. */
void vcpu_start_tsc(struct vcpu *v, u64 start_tsc);

/* vcpu_reset.c. In the vCPU's own thread, or while it is being made; its state is loaded. */
enum vcpu_reset { VCPU_POWER_UP, VCPU_INIT };
void vcpu_reset_registers(struct vcpu *v, enum vcpu_reset kind);
/* What a SIPI adds to the state after INIT: real mode at VV00:0000. */
void vcpu_start_at_vector(struct vcpu *v, u8 vector);

/* "running", "halted" ... */
const char *vcpu_state_name(const struct vcpu *v);
u64 vcpu_exits(const struct vcpu *v); /* of all reasons */

/* Wakes the vCPU if it sleeps, and makes it leave the guest if it runs there. Any context. */
void vcpu_kick(struct vcpu *v);
/* Sets request bits and kicks. Any context. */
void vcpu_request(struct vcpu *v, u32 bits);
/*
 * An INIT or a SIPI has come (SDM 3A 8.4.3; APM 2 16.8). The vCPU takes it in its own thread. An
 * INIT puts it into wait-for-SIPI whatever it does, and cancels a SIPI that has not been taken; a
 * SIPI that is not waited for is dropped. Any context.
 */
void vcpu_request_init(struct vcpu *v);
void vcpu_request_sipi(struct vcpu *v, u8 vector);

static inline u64 vcpu_get_reg(struct vcpu *v, unsigned reg)
{
	return reg < REG_GPRS && reg != REG_RSP ? v->gpr[reg] : backend->get_reg(v, reg);
}

static inline void vcpu_set_reg(struct vcpu *v, unsigned reg, u64 value)
{
	if (reg < REG_GPRS && reg != REG_RSP)
		v->gpr[reg] = value;
	else
		backend->set_reg(v, reg, value);
}
