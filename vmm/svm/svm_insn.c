/* The out-of-line copies of the inline wrappers, for a debugger and for assembly. */
#include "vmm/svm/svm_insn.h"

extern void __svm_vmload(size_t pa);
extern void __svm_vmsave(size_t pa);
extern void __svm_clgi(void);
extern void __svm_stgi(void);
extern void __svm_invlpga(void *va, int asid);
extern void __svm_skinit(int block);
