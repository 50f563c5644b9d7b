/* What a person sees of an exception: its name, its error code in words, registers. */
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "kernel/trap.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/kspace.h"
#include "x86/insn.h"
#include "x86/reg.h"

/* SDM 3A table 6-1. */
static const char *const exception_names[32] = {
	[VEC_DE] = "#DE divide error",
	[VEC_DB] = "#DB debug",
	[VEC_NMI] = "NMI",
	[VEC_BP] = "#BP breakpoint",
	[VEC_OF] = "#OF overflow",
	[VEC_BR] = "#BR bound range exceeded",
	[VEC_UD] = "#UD invalid opcode",
	[VEC_NM] = "#NM no FPU",
	[VEC_DF] = "#DF double fault",
	[VEC_TS] = "#TS invalid TSS",
	[VEC_NP] = "#NP segment not present",
	[VEC_SS] = "#SS stack segment",
	[VEC_GP] = "#GP general protection",
	[VEC_PF] = "#PF page fault",
	[VEC_MF] = "#MF x87 error",
	[VEC_AC] = "#AC alignment check",
	[VEC_MC] = "#MC machine check",
	[VEC_XM] = "#XM SIMD error",
	[VEC_VE] = "#VE virtualization exception",
	[VEC_CP] = "#CP control protection",
	[VEC_SX] = "#SX security exception",
};

/* A selector error code, SDM 3A 6.13. */
#define SEL_ERROR_EXT BIT(0)
#define SEL_ERROR_IDT BIT(1)
#define SEL_ERROR_LDT BIT(2)

static void describe_page_fault(char *buf, size_t size, u64 error, u64 address)
{
	const char *what = error & PF_I ? "fetch from" : error & PF_W ? "write to" : "read of";
	const char *why = error & PF_RSVD ? "a reserved bit is set in the tables"
			  : error & PF_P  ? "the page's protection forbids it"
					  : "not present";

	snprintf(buf, size, "%s %016lx: %s%s", what, address, why,
		 kspace_is_guard(address) ? " (stack overflow)" : "");
}

static void describe_error(char *buf, size_t size, const struct trap_frame *f)
{
	const char *table = f->error & SEL_ERROR_IDT   ? "IDT vector"
			    : f->error & SEL_ERROR_LDT ? "LDT entry"
						       : "GDT entry";

	buf[0] = '\0';
	if (f->vector == VEC_PF)
		describe_page_fault(buf, size, f->error, x86_read_cr2());
	else if (f->vector == VEC_DF && kspace_is_guard(x86_read_cr2()))
		snprintf(buf, size, "stack overflow at %016lx", x86_read_cr2());
	else if (f->error)
		snprintf(buf, size, "%s %lu%s", table, f->error >> 3,
			 f->error & SEL_ERROR_EXT ? ", external" : "");
}

static void print_registers(const struct trap_frame *f)
{
	log_error("rip %04lx:%016lx rsp %04lx:%016lx rflags %08lx", f->cs, f->rip, f->ss, f->rsp,
		  f->rflags);
	log_error("rax %016lx rbx %016lx rcx %016lx rdx %016lx", f->rax, f->rbx, f->rcx, f->rdx);
	log_error("rsi %016lx rdi %016lx rbp %016lx r8  %016lx", f->rsi, f->rdi, f->rbp, f->r8);
	log_error("r9  %016lx r10 %016lx r11 %016lx r12 %016lx", f->r9, f->r10, f->r11, f->r12);
	log_error("r13 %016lx r14 %016lx r15 %016lx", f->r13, f->r14, f->r15);
	log_error("cr0 %08lx cr2 %016lx cr3 %016lx cr4 %08lx", x86_read_cr0(), x86_read_cr2(),
		  x86_read_cr3(), x86_read_cr4());
}

void trap_panic(const struct trap_frame *f)
{
	const char *name =
	    f->vector < ARRAY_SIZE(exception_names) ? exception_names[f->vector] : NULL;
	const struct thread *t = this_cpu()->current;
	char detail[128];

	panic_begin();
	describe_error(detail, sizeof(detail), f);
	log_error("panic: exception %lu, %s, error code 0x%lx%s%s", f->vector,
		  name ? name : "reserved", f->error, detail[0] ? ": " : "", detail);
	log_error("cpu %u, thread %s", this_cpu()->id, t ? t->name : "(boot)");
	print_registers(f);
	panic_backtrace(f->rip, f->rbp);
	panic_end();
}
