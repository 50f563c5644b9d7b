/*
 * Not linked: the Makefile compiles it to assembly and turns each "@define NAME value" into a NASM
 * %define in asm_offsets.inc, so that the assembly and C can never disagree about a structure.
 */
#include "kernel/cpu.h"
#include "kernel/thread.h"
#include "mm/kspace.h"

#define DEFINE(name, value) __asm__ volatile("# @define " #name " %0" : : "i"(value))

void asm_offsets(void);
void asm_offsets(void)
{
	DEFINE(CPU_GUEST_GPRS, offsetof(struct cpu, guest_gprs));
	DEFINE(CPU_CURRENT, offsetof(struct cpu, current));
	DEFINE(THREAD_RSP, offsetof(struct thread, rsp));
	DEFINE(KERNEL_BASE, KERNEL_BASE);
	DEFINE(SEL_KERNEL_CODE, SEL_KERNEL_CODE);
	DEFINE(SEL_KERNEL_DATA, SEL_KERNEL_DATA);
	DEFINE(SEL_TSS, SEL_TSS);
	DEFINE(CPU_TABLES_GDT, offsetof(struct cpu, tables.gdt));
}
