/*
 * Traps of 64-bit guests: handlers by vector, and instructions that are expected to fault.
 *
 *	TRY("ud2", : : : "r11", "memory");
 *	check_fault(VEC_UD, 0, "UD2 is an invalid opcode");
 *
 * TRY() notes where to go on before the instruction runs; the trap handler records the fault in
 * `fault` and resumes there. Every TRY() must name r11 and memory as clobbered.
 */
#ifndef GUEST_TRAP_H
#define GUEST_TRAP_H

#include "lib.h"

enum vector {
	VEC_DE = 0,
	VEC_DB = 1,
	VEC_NMI = 2,
	VEC_BP = 3,
	VEC_UD = 6,
	VEC_NM = 7,
	VEC_DF = 8,
	VEC_NP = 11,
	VEC_SS = 12,
	VEC_GP = 13,
	VEC_PF = 14,
	VEC_MF = 16,
	VEC_NONE = 0x100, /* no fault happened */
};

#define PF_PRESENT 1 /* error code bits, SDM 3A 4.7 */
#define PF_WRITE 2
#define PF_RSVD 8
#define PF_FETCH 16

/* The order isr.asm pushes, last first. */
struct trap_frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};

struct fault {
	u32 vector;
	u64 error, rip, cr2;
};

struct idt_gate {
	u16 offset_low, selector;
	u8 ist, type;
	u16 offset_middle;
	u32 offset_high, reserved;
};

typedef void trap_handler(struct trap_frame *frame);

extern volatile struct fault fault;
extern volatile u64 trap_resume;
extern struct idt_gate idt[256];

void trap_init(void);
void trap_load(void); /* the same IDT for one more processor */
void trap_set_handler(u8 vector, trap_handler *handler);
void check_fault(u32 vector, u64 error, const char *text);
void check_fault_or_lax(u32 vector, u64 error, const char *text);
void check_no_fault(const char *text);

#define TRY(code, ...)                                                      \
	do {                                                                \
		fault.vector = VEC_NONE;                                    \
		asm volatile("leaq 99f(%%rip), %%r11\n\t"                   \
			     "movq %%r11, trap_resume(%%rip)\n\t" code "\n" \
			     "99:\n\t"                                      \
			     "cld\n\t"                                      \
			     "movq $0, trap_resume(%%rip)" __VA_ARGS__);    \
	} while (0)

#endif
