; /init of the measured Linux: its very first instruction reads the TSC. A static ELF without a C
; library, so that nothing of user space is measured.

SYS_WRITE	equ 1
SYS_REBOOT	equ 169
REBOOT_MAGIC1	equ 0xfee1dead
REBOOT_MAGIC2	equ 672274793
REBOOT_POWEROFF	equ 0x4321fedc

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

	lea	rsi, [rel text]
	mov	edx, text_end - text
	call	write
	mov	rsi, rdi
	lea	rdx, [rel line_end]
	sub	rdx, rsi
	call	write
	mov	eax, SYS_REBOOT
	mov	edi, REBOOT_MAGIC1
	mov	esi, REBOOT_MAGIC2
	mov	edx, REBOOT_POWEROFF
	syscall
	jmp	$			; init must not end

; RSI: text, RDX: its length. Keeps RDI.
write:	push	rdi
	mov	eax, SYS_WRITE
	mov	edi, eax		; standard output is 1, too
	syscall
	pop	rdi
	ret

section .data
text:	db "init: tsc "
text_end:
	times 20 db 0
digits_end:
	db 10
line_end:
