; Entry of the guests that stay in 32-bit protected mode without paging, as Multiboot starts
; them. The loader's GDT need not be valid any longer (Multiboot 1, 3.2), so we load our own.

%include "header.asm"

GUEST_CS	equ 0x08
GUEST_DS	equ 0x10

section .text
bits 32

global _start
extern guest_start
_start:
	cli
	cld
	mov	esp, stack_top
	mov	esi, eax
	pushfd
	pop	dword [entry_eflags]
	mov	eax, cr0
	mov	[entry_cr0], eax
	lgdt	[gdt_pointer]
	jmp	GUEST_CS:.own_gdt
.own_gdt:
	mov	eax, GUEST_DS
	mov	ds, eax
	mov	es, eax
	mov	fs, eax
	mov	gs, eax
	mov	ss, eax
	push	ebx			; information
	push	esi			; magic
	call	guest_start
.stop:	cli
	hlt
	jmp	.stop

section .data
align 8
gdt:
	dq	0
	dq	0x00cf9b000000ffff	; 0x08: 32-bit code
	dq	0x00cf93000000ffff	; 0x10: data
gdt_end:
gdt_pointer:
	dw	gdt_end - gdt - 1
	dd	gdt

global entry_cr0, entry_eflags
entry_cr0:	dd 0
entry_eflags:	dd 0

section .bss
alignb 16
	resb 16384
stack_top:
