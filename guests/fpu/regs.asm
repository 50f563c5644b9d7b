; Loads the whole floating-point and vector state, works for a long time without touching it,
; and stores it again. What the monitor or another partition did to the registers meanwhile shows.

bits 64
section .text

; (load, store, component mask, rounds)
%macro run 3				; name, load instruction, store instruction
global %1
%1:
	push	rbx
	push	r12
	push	r13
	mov	r12, rsi
	mov	r13, rdx
	mov	r8, rcx
	mov	eax, edx
	shr	rdx, 32
	%2	[rdi]
.round:
	mov	ecx, 1000		; long enough to be preempted in
.work:	imul	rbx, rcx, 7
	dec	ecx
	jnz	.work
	test	r8b, 0x3f		; every 64th round leaves to the monitor
	jnz	.next
	xor	eax, eax
	xor	ecx, ecx
	cpuid
	mov	edx, 0x3ff
	in	al, dx
.next:	dec	r8
	jnz	.round
	mov	rax, cr0		; a monitor that switches lazily watches TS
	or	eax, 8
	mov	cr0, rax
	clts
	mov	eax, r13d
	mov	rdx, r13
	shr	rdx, 32
	%3	[r12]
	pop	r13
	pop	r12
	pop	rbx
	ret
%endmacro

run fpu_run, xrstor64, xsave64
run fpu_run_fxsave, fxrstor64, fxsave64
