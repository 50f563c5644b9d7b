; The #DB handler around VMRUN for engines with the quirk trap_follows_exit: see svm_quirks.h.

section .text

global svm_ignore_trap
svm_ignore_trap:
	iretq
