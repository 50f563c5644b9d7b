; Every general register holds a value of its own across an exit. C cannot say that: the compiler
; owns the registers. Each routine fills all of them, does one thing that exits, and compares.

bits 64
section .text

; Returns in EAX a bit mask of the registers that changed, in the processor's numbering; those
; in %1 may change.
%macro survives 2+
	push	rbx
	push	rbp
	push	r12
	push	r13
	push	r14
	push	r15
	mov	[saved_rsp], rsp
	mov	rbx, 0x0303030303030303
	mov	rbp, 0x0505050505050505
	mov	rsi, 0x0606060606060606
	mov	rdi, 0x0707070707070707
	mov	r8,  0x0808080808080808
	mov	r9,  0x0909090909090909
	mov	r10, 0x0a0a0a0a0a0a0a0a
	mov	r11, 0x0b0b0b0b0b0b0b0b
	mov	r12, 0x0c0c0c0c0c0c0c0c
	mov	r13, 0x0d0d0d0d0d0d0d0d
	mov	r14, 0x0e0e0e0e0e0e0e0e
	mov	r15, 0x0f0f0f0f0f0f0f0f
	%2
	mov	[now + 3 * 8], rbx
	mov	[now + 4 * 8], rsp
	mov	[now + 5 * 8], rbp
	mov	[now + 6 * 8], rsi
	mov	[now + 7 * 8], rdi
	mov	[now + 8 * 8], r8
	mov	[now + 9 * 8], r9
	mov	[now + 10 * 8], r10
	mov	[now + 11 * 8], r11
	mov	[now + 12 * 8], r12
	mov	[now + 13 * 8], r13
	mov	[now + 14 * 8], r14
	mov	[now + 15 * 8], r15
	mov	rsp, [saved_rsp]
	mov	edi, %1
	call	compare
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbp
	pop	rbx
	ret
%endmacro

BIT_RBX		equ 1 << 3

global survive_cpuid, survive_in, survive_msr, survive_memory
survive_cpuid:
	xor	eax, eax
	xor	ecx, ecx
	survives BIT_RBX, cpuid
survive_in:
	mov	edx, 0x3ff
	survives 0, in al, dx
survive_msr:
	mov	ecx, 0x1b
	survives 0, rdmsr
survive_memory:				; a device's register: the local APIC's version
	mov	rcx, 0xfee00030
	survives 0, mov eax, [rcx]

compare:
	xor	eax, eax
	mov	ecx, 3
	mov	rdx, 0x0303030303030303
.next:	mov	rsi, rdx
	cmp	ecx, 4
	jne	.pattern
	mov	rsi, [saved_rsp]
.pattern:
	cmp	[now + rcx * 8], rsi
	je	.same
	bts	eax, ecx
.same:	mov	rsi, 0x0101010101010101
	add	rdx, rsi
	inc	ecx
	cmp	ecx, 16
	jb	.next
	not	edi
	and	eax, edi
	ret

; MOV from a control register into RSP: the one register no compiler would use for it.
global read_cr3_by_rsp
read_cr3_by_rsp:
	mov	rdx, rsp
	mov	rsp, cr3
	mov	rax, rsp
	mov	rsp, rdx
	ret

section .bss
alignb 8
saved_rsp:	resq 1
now:		resq 16
