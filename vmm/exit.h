#pragma once
/*
 * A VM exit, neutral of vendor. The back end decodes its own reason into this; everything above
 * looks at nothing else.
 */
#include "compiler.h"
#include "types.h"
#include "x86/reg.h"

struct vcpu;

enum vm_exit_reason {
	VM_EXIT_HOST_INTERRUPT, /* nothing of the guest: an interrupt or NMI of the host */
	VM_EXIT_INTR_WINDOW,	/* the guest can take an external interrupt now */
	VM_EXIT_NMI_WINDOW,
	VM_EXIT_IO,
	/* guest-physical address without mapping: RAM to populate, or a device */
	VM_EXIT_FAULT,
	VM_EXIT_CPUID,
	VM_EXIT_RDMSR,
	VM_EXIT_WRMSR,
	VM_EXIT_CR,
	VM_EXIT_DR,
	VM_EXIT_DR_DONE, /* the back end has carried out the MOV: go on behind it */
	VM_EXIT_HLT,
	VM_EXIT_PAUSE,
	VM_EXIT_MONITOR,
	VM_EXIT_MWAIT,
	VM_EXIT_HYPERCALL, /* the vendor's own instruction: VMCALL or VMMCALL */
	VM_EXIT_EXCEPTION,
	VM_EXIT_XSETBV,
	VM_EXIT_CACHE, /* INVD, WBINVD */
	VM_EXIT_RDPMC,
	VM_EXIT_UNDEFINED, /* an instruction we do not offer: the guest gets #UD */
	VM_EXIT_TASK_SWITCH,
	VM_EXIT_TRIPLE_FAULT,
	VM_EXIT_INVALID_STATE, /* the processor refused the guest state at entry */
	VM_EXIT_UNKNOWN,       /* a reason the back end does not know; raw holds it */
	VM_EXIT_REASONS,
};

enum event_kind {
	EVENT_NONE,
	EVENT_INTR,
	EVENT_NMI,
	EVENT_EXCEPTION,
	EVENT_SOFT_INTR,
	EVENT_SOFT_EXCEPTION
};

/* Something to deliver through the guest's IDT. */
struct event {
	enum event_kind kind;
	u8 vector;
	bool has_error;
	u32 error;
	u8 length; /* of the instruction, for software interrupts and exceptions */
};

struct vm_exit {
	enum vm_exit_reason reason;
	u64 raw;		/* the vendor's own reason, for statistics and messages */
	u64 rip;		/* of the instruction that exited */
	u8 length;		/* of that instruction; 0: not known, decode it */
	struct event in_flight; /* its delivery was interrupted by this exit and must be repeated */
	union {
		struct {
			u16 port;
			u8 size; /* 1, 2, 4 */
			bool in, string, rep;
			/* string OUTS: enum segment_name, when the vendor tells, else 0xff */
			u8 segment;
			u8 addr_size; /* string: 2, 4, 8; 0: not known */
		} io;
		struct {
			gpa_t gpa;
			bool write, fetch; /* neither: it was read */
			/* the access was the processor's own walk of the guest's page tables */
			bool walk;
		} fault;
		struct {
			u32 index;
		} msr;
		struct {
			u8 cr;	/* 0, 2, 3, 4, 8 */
			u8 gpr; /* REG_RAX.. */
			enum {
				CR_READ,
				CR_WRITE,
				CR_CLTS,
				CR_LMSW,
				CR_SMSW,
				CR_LMSW_MEMORY,
				CR_SMSW_MEMORY, /* value: linear address */
			} op;
			u64 value; /* of CR_WRITE and CR_LMSW */
		} cr;
		struct {
			u8 vector;
			bool has_error;
			u32 error;
			u64 address; /* #PF: the linear address; #DB: DR6 bits */
		} exception;
		struct {
			u16 selector;
		} task;
	} u;
};

/* "cpuid", "port", ... as the monitor and the statistics print it. */
const char *vm_exit_name(enum vm_exit_reason reason);

/* What the handler of an exit wants run.c to do. */
enum exit_action {
	EXIT_RESUME,  /* enter the guest again at the RIP that it has */
	EXIT_ADVANCE, /* first move RIP past the instruction (exit->length; decoded if 0) */
	EXIT_BLOCK,   /* advance, then wait until there is an event for the vCPU (HLT) */
	EXIT_STOP,    /* the partition has been asked to stop or restart; leave the loop */
};
