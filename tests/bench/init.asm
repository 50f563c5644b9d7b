; /init of the measured Linux: its very first instruction reads the TSC. A static ELF without a C
; library, so that nothing of user space is measured. It says the TSC and then waits for the end:
; a power-off would talk into the line.

SYS_WRITE	equ 1
SYS_PAUSE	equ 34
STDOUT		equ 1

bits 64
section .text
global _start
_start:
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	lea	rdi, [rel digits_end]
	mov	ecx, 10
.digit:	xor	edx, edx
	div	rcx
	add	dl, '0'
	dec	rdi
	mov	[rdi], dl
	test	rax, rax
	jnz	.digit

	mov	eax, SYS_WRITE
	mov	edi, STDOUT
	lea	rsi, [rel line]
	mov	edx, line_end - line
	syscall
.wait:	mov	eax, SYS_PAUSE
	syscall
	jmp	.wait

section .data
line:	db "init: tsc "
	times 20 db ' '			; 2^64 has 20 digits
digits_end:
	db 10
line_end:
