#pragma once
/*
 * The instructions of SVM, by the names that x86 programmers know from the compiler intrinsics.
 * Physical addresses are those of a VMCB, 4 KiB aligned. APM 3 has them in its system instructions.
 */
#include "types.h"

/*
 * Runs the guest of this VMCB until its #VMEXIT. Moves what the VMCB's state-save area holds but
 * VMLOAD's part, and the general registers other than RAX and RSP between the processor and this
 * CPU's guest_gprs. Works with the guest's GS loaded. GIF must be clear.
 */
void __svm_vmrun(size_t vmcb_pa);

/*
 * FS, GS, TR, LDTR with their hidden parts, KERNEL_GS_BASE, STAR, LSTAR, CSTAR, SFMASK, SYSENTER_*.
 */
inline void __svm_vmload(size_t pa)
{
	__asm__ volatile("vmload %%rax" : : "a"(pa) : "memory");
}

inline void __svm_vmsave(size_t pa)
{
	__asm__ volatile("vmsave %%rax" : : "a"(pa) : "memory");
}

/* The global interrupt flag: while clear, interrupts, NMIs and SMIs wait. APM 2 15.17. */
inline void __svm_clgi(void)
{
	__asm__ volatile("clgi" : : : "memory");
}

inline void __svm_stgi(void)
{
	__asm__ volatile("stgi" : : : "memory");
}

/* Forgets the translation of one page under one ASID. */
inline void __svm_invlpga(void *va, int asid)
{
	__asm__ volatile("invlpga %%rax, %%ecx" : : "a"(va), "c"(asid) : "memory");
}

/* Starts the secure loader block at this physical address; does not return. APM 2 15.27. */
inline void __svm_skinit(int block)
{
	__asm__ volatile("skinit %%eax" : : "a"(block) : "memory");
}
