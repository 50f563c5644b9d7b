#pragma once
/* Interrupt vectors of the kernel itself, and handlers. */
#include "compiler.h"
#include "types.h"

#define VECTOR_PIC_BASE 0x20 /* the masked PICs' spurious interrupts: never acknowledged */
#define VECTOR_IRQ_BASE 0x30 /* GSI n is vector 0x30 + n */
#define VECTOR_IRQS 0x60
#define VECTOR_TIMER 0xe0
#define VECTOR_RESCHED 0xe1 /* IPI: look at the run queue, leave the guest */
#define VECTOR_CALL 0xe2    /* IPI: run functions queued for this CPU */
#define VECTOR_SPURIOUS 0xff

/* The frame that trap.asm builds; order is the push order. */
struct trap_frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};

void trap_init(void); /* builds the IDT (shared by all CPUs) */
void trap_load(void); /* loads it on this CPU */
/* trap.asm calls it for every vector. Interrupts are off. */
void trap_handle(struct trap_frame *f);

typedef void (*irq_handler_t)(void *ctx); /* interrupt context */
/* Routes an ISA interrupt (through the MADT's overrides) to the boot CPU. -EBUSY, -EINVAL. */
MUST_CHECK int irq_register_isa(unsigned irq, irq_handler_t fn, void *ctx);
/* A handler for a whole vector (timer, IPIs). */
void irq_register_vector(unsigned vector, irq_handler_t fn, void *ctx);

/*
 * A probe that may fault: returns -EFAULT when the RDMSR/WRMSR raises #GP instead of stopping the
 * kernel. By a table of addresses (trap_fixup section).
 */
MUST_CHECK int x86_rdmsr_safe(u32 msr, u64 *value);
MUST_CHECK int x86_wrmsr_safe(u32 msr, u64 value);
/* The same for a byte of memory that may not be mapped. */
MUST_CHECK int x86_read_safe(const void *va, u8 *value);
