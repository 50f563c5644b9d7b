; Runs one instruction under test with every register given, and keeps what it left.

bits 64
section .text

global mmio_call
mmio_call:				; RDI = the routine
	push	rbx
	push	rbp
	push	r12
	push	r13
	push	r14
	push	r15
	mov	[routine], rdi
	mov	rax, [mmio_regs + 0 * 8]
	mov	rcx, [mmio_regs + 1 * 8]
	mov	rdx, [mmio_regs + 2 * 8]
	mov	rbx, [mmio_regs + 3 * 8]
	mov	rbp, [mmio_regs + 5 * 8]
	mov	rsi, [mmio_regs + 6 * 8]
	mov	rdi, [mmio_regs + 7 * 8]
	mov	r8, [mmio_regs + 8 * 8]
	mov	r9, [mmio_regs + 9 * 8]
	mov	r10, [mmio_regs + 10 * 8]
	mov	r11, [mmio_regs + 11 * 8]
	mov	r12, [mmio_regs + 12 * 8]
	mov	r13, [mmio_regs + 13 * 8]
	mov	r14, [mmio_regs + 14 * 8]
	mov	r15, [mmio_regs + 15 * 8]
	push	qword [mmio_regs + 16 * 8]
	popfq
	call	[routine]
	pushfq
	pop	qword [mmio_regs + 16 * 8]
	mov	[mmio_regs + 0 * 8], rax
	mov	[mmio_regs + 1 * 8], rcx
	mov	[mmio_regs + 2 * 8], rdx
	mov	[mmio_regs + 3 * 8], rbx
	mov	[mmio_regs + 5 * 8], rbp
	mov	[mmio_regs + 6 * 8], rsi
	mov	[mmio_regs + 7 * 8], rdi
	mov	[mmio_regs + 8 * 8], r8
	mov	[mmio_regs + 9 * 8], r9
	mov	[mmio_regs + 10 * 8], r10
	mov	[mmio_regs + 11 * 8], r11
	mov	[mmio_regs + 12 * 8], r12
	mov	[mmio_regs + 13 * 8], r13
	mov	[mmio_regs + 14 * 8], r14
	mov	[mmio_regs + 15 * 8], r15
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbp
	pop	rbx
	ret

global window_cell
window_cell	equ 0x40000380

section .bss
alignb 8
global mmio_regs
mmio_regs:	resq 17			; in the processor's order, then the flags
routine:	resq 1
