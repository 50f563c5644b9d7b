; The 256 interrupt stubs of the 64-bit guests. Each is 16 bytes long, so that trap.c can compute
; its address, and makes every frame alike by pushing a zero where the processor pushes no error
; code (SDM 3A 6.13: vectors 8, 10 to 14, 17, 21, 29 and 30 have one).

bits 64
section .text

extern trap_dispatch
global isr_stubs

%macro isr_stub 1
	align 16, db 0x90
%if !(%1 == 8 || (%1 >= 10 && %1 <= 14) || %1 == 17 || %1 == 21 || %1 == 29 || %1 == 30)
	push	byte 0
%endif
	push	qword %1
	jmp	isr_common
%endmacro

align 16
isr_stubs:
%assign vector 0
%rep 256
	isr_stub vector
%assign vector vector + 1
%endrep

isr_common:
	push	rax
	push	rbx
	push	rcx
	push	rdx
	push	rsi
	push	rdi
	push	rbp
	push	r8
	push	r9
	push	r10
	push	r11
	push	r12
	push	r13
	push	r14
	push	r15
	cld				; a gate leaves DF as it was, C wants it clear
	mov	rdi, rsp
	mov	rbx, rsp		; the frame is not 16-byte aligned on every path
	and	rsp, -16
	call	trap_dispatch
	mov	rsp, rbx
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	r11
	pop	r10
	pop	r9
	pop	r8
	pop	rbp
	pop	rdi
	pop	rsi
	pop	rdx
	pop	rcx
	pop	rbx
	pop	rax
	add	rsp, 16			; vector and error code
	iretq
