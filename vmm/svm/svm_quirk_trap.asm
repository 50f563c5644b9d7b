; The #DB handler for the time around VMRUN on engines whose quirk is trap_follows_exit: see svm_quirks.h.

section .text

global svm_ignore_trap
svm_ignore_trap:
	iretq
