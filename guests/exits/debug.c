/*
 * Single step and debug registers (SDM 3B chapter 17). An instruction that the monitor carries
 * out in the processor's place must still be followed by its single-step trap.
 */
#include "exits.h"

#define DR6_B0 1
#define DR6_BS 0x4000
#define DR7_FIXED 0x400
#define DR7_L0 1
#define DR7_L1 4
#define DR7_WRITE_4_BYTES 0xd0000 /* condition of breakpoint 0: writes; length: 4 bytes */

static volatile u32 steps;
static volatile u64 step_rip[16], step_dr6;

static u64 read_dr6(void)
{
	u64 value;

	asm volatile("movq %%dr6, %0" : "=r"(value));
	return value;
}

static void write_dr6(u64 value)
{
	asm volatile("movq %0, %%dr6" : : "r"(value));
}

static void on_debug(struct trap_frame *frame)
{
	if (steps < ARRAY_SIZE(step_rip))
		step_rip[steps] = frame->rip;
	steps++;
	step_dr6 = read_dr6();
	write_dr6(0);
}

/*
 * Runs one instruction between POPF that sets TF and POPF that clears it. The traps are those
 * after the instruction and after each of the three that follow it.
 */
#define STEP_OVER(code, text)                                                             \
	do {                                                                              \
		u64 after_, a_ = 0, c_ = MSR_APIC_BASE, d_ = BYTE_PORT;                   \
		steps = 0;                                                                \
		asm volatile("pushfq\n\t"                                                 \
			     "orq $0x100, (%%rsp)\n\t"                                    \
			     "popfq\n\t" code "\n"                                        \
			     "1:\tpushfq\n\t"                                             \
			     "andq $~0x100, (%%rsp)\n\t"                                  \
			     "popfq\n\t"                                                  \
			     "leaq 1b(%%rip), %0"                                         \
			     : "=r"(after_), "+a"(a_), "+c"(c_), "+d"(d_)                 \
			     : "D"(LAPIC_BASE)                                            \
			     : "rbx", "memory", "cc");                                    \
		check(steps == 4 && step_rip[0] == after_ && step_rip[1] > after_, text); \
	} while (0)

static void check_single_step(void)
{
	trap_set_handler(VEC_DB, on_debug);
	STEP_OVER("nop", "#DB: single step over NOP");
	check(step_dr6 & DR6_BS, "#DB: DR6.BS says single step");
	STEP_OVER("cpuid", "#DB: single step over CPUID");
	STEP_OVER("inb %%dx, %%al", "#DB: single step over IN");
	STEP_OVER("outb %%al, %%dx", "#DB: single step over OUT");
	STEP_OVER("rdmsr", "#DB: single step over RDMSR");
	STEP_OVER("movl 0x30(%%rdi), %%eax", "#DB: single step over a device's register");
	trap_set_handler(VEC_DB, NULL);
}

static void check_registers(void)
{
	u64 value;

	asm volatile("movq %1, %%dr1\n\tmovq %%dr1, %0" : "=r"(value) : "r"(0x123456789abcull));
	check_eq(value, 0x123456789abc, "DR1 keeps what is written");
	asm volatile("movq %1, %%dr1" : "=r"(value) : "r"(0ull));
	asm volatile("movq %%dr7, %0" : "=r"(value));
	check_eq(value & ~0x300ull, DR7_FIXED, "DR7: no breakpoint is on");
}

static void check_watchpoint(void)
{
	static volatile u32 cell __attribute__((aligned(4)));
	u64 here;

	steps = 0;
	trap_set_handler(VEC_DB, on_debug);
	asm volatile("movq %0, %%dr0" : : "r"(&cell));
	asm volatile("movq %0, %%dr7"
		     :
		     : "r"((u64)(DR7_FIXED | DR7_L0 | DR7_WRITE_4_BYTES))
		     : "memory");
	asm volatile("movl $5, %1\n1:\tleaq 1b(%%rip), %0" : "=r"(here), "=m"(cell));
	asm volatile("movq %0, %%dr7" : : "r"((u64)DR7_FIXED) : "memory");
	check(steps == 1 && step_rip[0] == here, "#DB: a watched write traps behind itself");
	check(step_dr6 & DR6_B0, "#DB: DR6.B0 says which breakpoint");
	asm volatile("movq %0, %%dr0" : : "r"(0ull));
	trap_set_handler(VEC_DB, NULL);
}

static void on_breakpoint(struct trap_frame *frame)
{
	on_debug(frame);
	frame->rflags |= RFLAGS_RF; /* or it would hit again */
}

/* RF holds breakpoints off for one instruction, also when the monitor carries that one out. */
static void check_breakpoints(void)
{
	u64 first, second, a = 0, c = 0;

	steps = 0;
	trap_set_handler(VEC_DB, on_breakpoint);
	asm volatile("leaq 1f(%%rip), %0\n\t"
		     "leaq 2f(%%rip), %1\n\t"
		     "movq %0, %%dr0\n\t"
		     "movq %1, %%dr1\n\t"
		     "movq %4, %%dr7\n"
		     "1:\tcpuid\n"
		     "2:\tnop"
		     : "=&D"(first), "=&S"(second), "+a"(a), "+c"(c)
		     : "r"((u64)(DR7_FIXED | DR7_L0 | DR7_L1))
		     : "rbx", "rdx", "memory");
	asm volatile("movq %0, %%dr7" : : "r"((u64)DR7_FIXED) : "memory");
	check(steps == 2 && step_rip[0] == first && step_rip[1] == second,
	      "#DB: breakpoints at CPUID and behind it hit once each");
	asm volatile("movq %0, %%dr0\n\tmovq %0, %%dr1" : : "r"(0ull));
	trap_set_handler(VEC_DB, NULL);
}

void exits_debug(void)
{
	check_single_step();
	check_registers();
	check_watchpoint();
	check_breakpoints();
}
