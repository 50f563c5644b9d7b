/* The end of the kernel after a bug of its own. Nothing here waits, allocates or takes a lock. */
#include "kernel/panic.h"
#include "drivers/acpi.h"
#include "drivers/apic.h"
#include "drivers/uart.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/machine.h"
#include "kernel/symbols.h"
#include "kernel/terminal.h"
#include "kernel/thread.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/kspace.h"
#include "x86/insn.h"

#define BACKTRACE_MAX 24

static unsigned depth;	      /* >1: the panic itself failed */
static struct cpu *panicking; /* the first to do so */

bool panic_elsewhere(void)
{
	struct cpu *cpu = READ_ONCE(panicking);

	return cpu && cpu != this_cpu();
}

static void claim_panic(void)
{
	struct cpu *nobody = NULL;

	if (cpu_count) /* before that there is no this_cpu(), and no other processor */
		__atomic_compare_exchange_n(&panicking, &nobody, this_cpu(), false,
					    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

static NORETURN void halt_forever(void)
{
	for (;;) {
		x86_cli();
		x86_hlt();
	}
}

void panic_begin(void)
{
	x86_cli();
	claim_panic();
	if (__atomic_add_fetch(&depth, 1, __ATOMIC_SEQ_CST) == 1) {
		if (cpu_count > 1)
			lapic_nmi_others();
		uart_stop();
		terminal_flush_polled();
		log_set_polled();
	} else if (depth > 3) { /* even the message fails */
		halt_forever();
	}
}

void panic_end(void)
{
	char value[16];

	if (depth > 1) {
		log_error("a second failure while handling the first: halted");
		halt_forever();
	}
	if (machine_option(&machine, "poweroff", value, sizeof(value)) &&
	    strcmp(value, "idle") == 0)
		acpi_power_off();
	log_error("halted");
	halt_forever();
}

void panic(const char *fmt, ...)
{
	char text[256];
	va_list args;

	panic_begin();
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	log_error("panic: %s", text);
	panic_backtrace(0, (u64)__builtin_frame_address(0));
	panic_end();
}

/* A return address may be the start of the next function, when the call never returns. */
static void print_frame(u64 rip, bool is_return_address)
{
	u64 offset;
	const char *name = symbol_lookup(rip - is_return_address, &offset);

	if (name)
		log_error("  %016lx %s+0x%lx", rip, name, offset + is_return_address);
	else
		log_error("  %016lx ?", rip);
}

/* A frame pointer to follow: in kernel memory, and the chain only goes up within a stack. */
static bool frame_is_sane(u64 rbp, u64 below)
{
	return rbp % sizeof(u64) == 0 && rbp >= DIRECT_MAP && rbp > below &&
	       (below == 0 || rbp - below < KERNEL_STACK_SIZE) && !kspace_is_guard(rbp) &&
	       !kspace_is_guard(rbp + sizeof(u64));
}

void panic_backtrace(u64 rip, u64 rbp)
{
	u64 below = 0;

	log_error("call trace:");
	if (rip)
		print_frame(rip, false);
	for (unsigned i = 0; i < BACKTRACE_MAX && frame_is_sane(rbp, below); i++) {
		const u64 *frame = (const u64 *)rbp; /* saved RBP, return address */

		if (frame[1] == 0)
			break;
		print_frame(frame[1], true);
		below = rbp;
		rbp = frame[0];
	}
}
