/* Instructions that may fault, with the address to go on from; a table in section .trap_fixup. */
#include "error.h"
#include "kernel/trap.h"
#include "x86/reg.h"

struct fixup {
	u64 fault, resume;
};

extern const struct fixup trap_fixup_start[], trap_fixup_end[];

#define FIXUP_ENTRY(fault, resume) \
	".pushsection .trap_fixup, \"a\"\n\t.quad " #fault ", " #resume "\n\t.popsection\n\t"

bool trap_fixup(struct trap_frame *f)
{
	if (f->vector != VEC_GP && f->vector != VEC_PF)
		return false;
	for (const struct fixup *e = trap_fixup_start; (u64)e < (u64)trap_fixup_end; e++) {
		if (e->fault == f->rip) {
			f->rip = e->resume;
			return true;
		}
	}
	return false;
}

int x86_rdmsr_safe(u32 msr, u64 *value)
{
	u32 low = 0, high = 0;
	int err = -EFAULT;

	__asm__ volatile("1:\trdmsr\n\t"
			 "xor %0, %0\n"
			 "2:\n\t" FIXUP_ENTRY(1b, 2b)
			 : "+&r"(err), "+a"(low), "+d"(high)
			 : "c"(msr)
			 : "memory");
	*value = (u64)high << 32 | low;
	return err;
}

int x86_wrmsr_safe(u32 msr, u64 value)
{
	int err = -EFAULT;

	__asm__ volatile("1:\twrmsr\n\t"
			 "xor %0, %0\n"
			 "2:\n\t" FIXUP_ENTRY(1b, 2b)
			 : "+&r"(err)
			 : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32))
			 : "memory");
	return err;
}

int x86_read_safe(const void *va, u8 *value)
{
	u8 byte = 0;
	int err = -EFAULT;

	__asm__ volatile("1:\tmovb (%2), %1\n\t"
			 "xor %0, %0\n"
			 "2:\n\t" FIXUP_ENTRY(1b, 2b)
			 : "+&r"(err), "+&q"(byte)
			 : "r"(va)
			 : "memory");
	*value = byte;
	return err;
}
