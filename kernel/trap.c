/* The interrupt descriptor table, and the first C code of every trap. SDM 3A chapter 6. */
#include "kernel/trap.h"
#include "kernel/cpu.h"
#include "kernel/gdt.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "x86/insn.h"
#include "x86/reg.h"

#define VECTORS 256
#define EXCEPTIONS 32
#define TRAP_STUB_SIZE 16
#define GATE_INTERRUPT 0x8e /* present, 64-bit interrupt gate: IF is cleared. SDM 3A 6.14.1 */

struct idt_gate {
	u16 offset_low, selector;
	u8 ist, type;
	u16 offset_middle;
	u32 offset_high, reserved;
};

struct idt_pointer {
	u16 limit;
	u64 base;
} PACKED;

static_assert(sizeof(struct idt_gate) == 16, "SDM 3A figure 6-8");
static_assert(sizeof(struct trap_frame) == 22 * 8, "the pushes of trap.asm");

extern const u8 trap_stubs[VECTORS][TRAP_STUB_SIZE];

static struct idt_gate idt[VECTORS] ALIGNED(16);

/* Those that may come on a broken stack get one of their own. */
static u8 ist_of(unsigned vector)
{
	switch (vector) {
	case VEC_DF: return IST_DF;
	case VEC_NMI: return IST_NMI;
	case VEC_MC: return IST_MC;
	default: return 0;
	}
}

void trap_init(void)
{
	for (unsigned v = 0; v < VECTORS; v++) {
		u64 stub = (u64)trap_stubs[v];

		idt[v] = (struct idt_gate){
			.offset_low = (u16)stub,
			.offset_middle = (u16)(stub >> 16),
			.offset_high = (u32)(stub >> 32),
			.selector = SEL_KERNEL_CODE,
			.ist = ist_of(v),
			.type = GATE_INTERRUPT,
		};
	}
}

void trap_load(void)
{
	struct idt_pointer p = { .limit = sizeof(idt) - 1, .base = (u64)idt };

	__asm__ volatile("lidt %0" : : "m"(p));
}

/*
 * Whatever raised it, an NMI has done its work by coming: it stops a processor when another panics,
 * and gets one out of the guest (vmm/watchdog.c). It may come inside any lock, so it takes none,
 * and is counted without a word in the log.
 */
static void handle_nmi(struct cpu *cpu)
{
	while (panic_elsewhere())
		x86_hlt();
	WRITE_ONCE(cpu->nmis, cpu->nmis + 1);
}

static void handle_exception(struct trap_frame *f)
{
	if (!trap_fixup(f))
		trap_panic(f);
}

void trap_handle(struct trap_frame *f)
{
	struct cpu *cpu = this_cpu();

	if (f->vector == VEC_NMI) {
		handle_nmi(cpu);
		return;
	}
	if (f->vector < EXCEPTIONS) {
		handle_exception(f);
		return;
	}
	cpu->interrupts++;
	cpu->in_interrupt = true;
	irq_dispatch(f->vector);
	cpu->in_interrupt = false;
	if (cpu->need_resched)
		sched_preempt();
}
