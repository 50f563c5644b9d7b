; Entry of every interrupt and exception: one stub for each vector, then a common frame.
%include "asm_offsets.inc"

extern trap_handle
global trap_stubs

TRAP_STUB_SIZE	equ 16
VECTORS		equ 256

section .text
	align TRAP_STUB_SIZE
; Vectors for which the processor pushes an error code (SDM 3A 6.13; 29 is AMD's #VC, APM 2 8.2.18):
; the others push a zero, so that all frames look alike.
trap_stubs:
%assign vector 0
%rep VECTORS
	align TRAP_STUB_SIZE
%if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21
%elif vector == 29 || vector == 30
%else
	push byte 0
%endif
	push strict dword vector
	jmp near trap_common
%assign vector vector + 1
%endrep

	align 16
; The order of struct trap_frame (kernel/irq.h), from its end. There is no user mode: GS stays.
trap_common:
	push rax
	push rbx
	push rcx
	push rdx
	push rsi
	push rdi
	push rbp
	push r8
	push r9
	push r10
	push r11
	push r12
	push r13
	push r14
	push r15
	cld
	mov rdi, rsp
	call trap_handle
	pop r15
	pop r14
	pop r13
	pop r12
	pop r11
	pop r10
	pop r9
	pop r8
	pop rbp
	pop rdi
	pop rsi
	pop rdx
	pop rcx
	pop rbx
	pop rax
	add rsp, 16			; vector and error code
	iretq
