/* The end of the kernel after a bug of its own. Nothing here waits, allocates or takes a lock. */
#include "kernel/panic.h"
#include "drivers/acpi.h"
#include "drivers/apic.h"
#include "drivers/uart.h"
#include "kernel/backtrace.h"
#include "kernel/cpu.h"
#include "kernel/lockdep.h"
#include "kernel/log.h"
#include "kernel/machine.h"
#include "kernel/terminal.h"
#include "kernel/thread.h"
#include "lib/format.h"
#include "lib/spinlock.h"
#include "lib/string.h"
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

/* Their handle_nmi() finds that we have claimed it. */
static void stop_others(void)
{
	for (unsigned i = 0; i < cpu_count; i++)
		if (cpus[i] != this_cpu())
			lapic_send_nmi(cpus[i]->apic_id);
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
	if (cpu_count && panic_elsewhere())
		halt_forever(); /* one story at a time */
	lockdep_off();
	if (__atomic_add_fetch(&depth, 1, __ATOMIC_SEQ_CST) == 1) {
		stop_others();
		uart_stop();
		terminal_flush_polled();
		log_set_polled();
		lockdep_print();
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

static const char *current_name(void)
{
	const struct thread *t = this_cpu()->current;

	return t ? t->name : "(boot)";
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
	if (cpu_count)
		log_error("cpu %u, thread %s", this_cpu()->id, current_name());
	panic_backtrace(0, (u64)__builtin_frame_address(0));
	panic_end();
}

void panic_backtrace(u64 rip, u64 rbp)
{
	u64 callers[BACKTRACE_MAX];
	unsigned count = backtrace_collect(rbp, callers, BACKTRACE_MAX);

	log_error("call trace:");
	if (rip)
		backtrace_log(LOG_ERROR, rip, false);
	for (unsigned i = 0; i < count; i++)
		backtrace_log(LOG_ERROR, callers[i], true);
}
