/* The IDT, the recording of expected faults, and a readable end for unexpected ones. */
#include "trap.h"

#define GUEST_CS 0x08
#define GATE_INTERRUPT 0x8e /* present, DPL 0, 64-bit interrupt gate: SDM 3A 6.14.1 */
#define ISR_STUB_SIZE 16

extern const u8 isr_stubs[];
void trap_dispatch(struct trap_frame *frame);

volatile struct fault fault;
volatile u64 trap_resume;
struct idt_gate idt[256] __attribute__((aligned(16)));

static trap_handler *handlers[256];

void trap_load(void)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) idtr = { sizeof(idt) - 1, (u64)idt };

	asm volatile("lidt %0" : : "m"(idtr));
}

void trap_init(void)
{
	for (u32 i = 0; i < 256; i++) {
		u64 stub = (u64)isr_stubs + i * ISR_STUB_SIZE;

		idt[i].offset_low = (u16)stub;
		idt[i].offset_middle = (u16)(stub >> 16);
		idt[i].offset_high = (u32)(stub >> 32);
		idt[i].selector = GUEST_CS;
		idt[i].type = GATE_INTERRUPT;
	}
	trap_load();
}

void trap_set_handler(u8 vector, trap_handler *handler)
{
	handlers[vector] = handler;
}

static void trap_die(const struct trap_frame *f)
{
	check(false, "unexpected trap: vector %u error 0x%llx rip 0x%llx cr2 0x%lx", (u32)f->vector,
	      f->error, f->rip, read_cr2());
	print("rax %016llx rbx %016llx rcx %016llx rdx %016llx\n", f->rax, f->rbx, f->rcx, f->rdx);
	print("rsi %016llx rdi %016llx rbp %016llx rsp %016llx\n", f->rsi, f->rdi, f->rbp, f->rsp);
	verdict();
}

void trap_dispatch(struct trap_frame *frame)
{
	if (handlers[frame->vector]) {
		handlers[frame->vector](frame);
		return;
	}
	if (!trap_resume || frame->vector >= 32)
		trap_die(frame);
	fault.vector = (u32)frame->vector;
	fault.error = frame->error;
	fault.rip = frame->rip;
	fault.cr2 = frame->vector == VEC_PF ? read_cr2() : 0;
	frame->rip = trap_resume;
	frame->rflags &= ~(u64)RFLAGS_TF;
	trap_resume = 0;
}

void check_fault(u32 vector, u64 error, const char *text)
{
	if (fault.vector == VEC_NONE)
		check(false, "%s: no fault, want vector %u", text, vector);
	else if (fault.vector != vector)
		check_eq(fault.vector, vector, "%s: vector", text);
	else
		check_eq(fault.error, error, "%s", text);
}

/*
 * For faults that emulators leave out. A bare emulator that does is skipped; a partition, whose
 * monitor can intercept what the engine below it does not check, is not.
 */
void check_fault_or_lax(u32 vector, u64 error, const char *text)
{
	if (fault.vector == VEC_NONE && !in_partition())
		check_skip("this machine does not check it", "%s", text);
	else
		check_fault(vector, error, text);
}

void check_no_fault(const char *text)
{
	if (fault.vector == VEC_NONE)
		check(true, "%s", text);
	else
		check(false, "%s: vector %u error 0x%llx rip 0x%llx", text, fault.vector,
		      fault.error, fault.rip);
}
