/*
 * hostile: breakpoints that are meant for the host. Each debug register is set to addresses where
 * a 64-bit kernel may lie, or to ports that it uses, and then the guest exits: what the guest has
 * armed must neither hit the host nor be lost to the guest. `base=N` and `size=N` (decimal) say
 * which addresses; the default is where Partita lies.
 */
#include "irq.h"
#include "paging.h"
#include "trap.h"

#define KERNEL_BASE 0xffffffff80200000
#define KERNEL_SIZE 0x80000
#define STEP 16 /* where functions begin */

#define DR7_FIXED 0x400
#define DR7_ALL 0xff /* L0, G0 ... L3, G3 */
#define DR7_RULES(n) ((n)*0x1111ull << 16)
#define RULE_EXECUTE 0
#define RULE_PORT 2
#define RULE_ACCESS_8 0xb /* read or write, 8 bytes */
#define RULE_ACCESS_1 0x3

#define POST_PORT 0x80
#define COLD_PAGES 8

static volatile u32 traps;
static u8 source;

static void on_debug(struct trap_frame *frame)
{
	(void)frame;
	traps++;
	asm volatile("movq %0, %%dr6" : : "r"(0ull));
}

static void write_dr7(u64 value)
{
	asm volatile("movq %0, %%dr7" : : "r"(value) : "memory");
}

static u64 read_dr7(void)
{
	u64 value;

	asm volatile("movq %%dr7, %0" : "=r"(value) : : "memory");
	return value;
}

static void write_addresses(u64 a, u64 b, u64 c, u64 d)
{
	asm volatile("movq %0, %%dr0\n\tmovq %1, %%dr1\n\tmovq %2, %%dr2\n\tmovq %3, %%dr3"
		     :
		     : "r"(a), "r"(b), "r"(c), "r"(d)
		     : "memory");
}

static void leave_guest(void)
{
	cpuid(0, 0);
	outb(POST_PORT, 0);
}

/* Every address, four at a time, with the registers switched on all the while. */
static void attack_addresses(u64 base, u64 size, u64 rule, const char *text)
{
	u64 dr7 = DR7_FIXED | DR7_ALL | DR7_RULES(rule);

	write_dr7(dr7);
	for (u64 at = base; at - base < size; at += 4 * STEP) {
		write_addresses(at, at + STEP, at + 2 * STEP, at + 3 * STEP);
		leave_guest();
	}
	check_eq(read_dr7(), dr7, "%s", text);
	write_dr7(DR7_FIXED);
}

/* The host talks to its own serial line when we print, and to its interrupt controllers. */
static void attack_ports(void)
{
	u64 dr7 = DR7_FIXED | DR7_ALL | DR7_RULES(RULE_PORT);

	write_cr4(read_cr4() | CR4_DE);
	write_addresses(COM1, COM1 + UART_LSR, POST_PORT, 0x20);
	write_dr7(dr7);
	print("hostile: this line goes through a port with a breakpoint\n");
	leave_guest();
	check_eq(read_dr7(), dr7, "breakpoints on ports");
	write_dr7(DR7_FIXED);
	write_cr4(read_cr4() & ~CR4_DE);
}

/* The read is watched, but the write makes the instruction exit before its trap. */
static void attack_between(void)
{
	u64 page;

	traps = 0;
	write_addresses((u64)&source, 0, 0, 0);
	write_dr7(DR7_FIXED | 1 | RULE_ACCESS_1 << 16);
	for (u32 i = 0; i < COLD_PAGES && (page = cold_memory(i)); i++) {
		const u8 *from = &source;

		asm volatile("movsb" : "+S"(from), "+D"(page) : : "memory");
	}
	write_dr7(DR7_FIXED);
	check(traps, "a watched read by an instruction that exits");
}

void guest_main(u32 mb_magic, u32 mb_info)
{
	u64 base = cmdline_number("base", KERNEL_BASE);
	u64 size = cmdline_number("size", KERNEL_SIZE);

	(void)mb_magic;
	(void)mb_info;
	trap_set_handler(VEC_DB, on_debug);
	print("hostile: breakpoints from %llx to %llx\n", base, base + size);
	attack_addresses(base, size, RULE_EXECUTE, "breakpoints where the host executes");
	attack_addresses(base, size, RULE_ACCESS_8, "breakpoints where the host has its data");
	check_eq(traps, 0, "no trap of them in the guest");
	attack_ports();
	attack_between();
	write_addresses(0, 0, 0, 0);
	trap_set_handler(VEC_DB, NULL);
}
