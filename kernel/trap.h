#pragma once
/* Between the files of the trap code; everybody else needs kernel/irq.h alone. */
#include "kernel/irq.h"

/* Prints the decoded exception, the registers and a backtrace, and ends the kernel. */
NORETURN void trap_panic(const struct trap_frame *f);
/* Goes on behind a probe that may fault (x86_rdmsr_safe); false when it was none of those. */
bool trap_fixup(struct trap_frame *f);
/* Calls the handler of an interrupt vector and acknowledges it. Interrupts off. */
void irq_dispatch(unsigned vector);
