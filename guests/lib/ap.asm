; How an application processor comes up: in real mode at the page that the SIPI named, through
; protected mode into long mode, on the tables of the boot processor, each on a stack of its own.
; SDM 3A 9.4 (MP initialization).

%include "longmode.inc"

GUEST_CS32	equ 0x20
CR0_PE		equ 1 << 0

section .text

; smp.c copies this to the page. CS names the page, whichever it is; all other segments are 0.
bits 16
global ap_trampoline, ap_trampoline_end
ap_trampoline:
	cli
	cld
	o32 lgdt [cs:.gdt_pointer - ap_trampoline]
	mov	eax, cr0
	or	al, CR0_PE
	mov	cr0, eax
	jmp	dword GUEST_CS32:ap_protected
	align	8, db 0
.gdt_pointer:
	dw	0x27			; up to GUEST_CS32
	dd	gdt
ap_trampoline_end:

extern gdt, gdt_pointer, pml4
extern ap_index, ap_stack_tops, ap_main

bits 32
ap_protected:
	mov	eax, GUEST_DS
	mov	ds, eax
	mov	es, eax
	mov	ss, eax
	enter_long_mode
	jmp	GUEST_CS:ap_long

; Who am I: CPUID tells the APIC ID that the hardware gave this processor, without the APIC.
bits 64
ap_long:
	lgdt	[gdt_pointer]
	xor	eax, eax
	mov	fs, eax
	mov	gs, eax
	inc	eax
	cpuid
	shr	ebx, 24
	movzx	edi, byte [ap_index + rbx]
	mov	rsp, [ap_stack_tops + rdi * 8]
	xor	ebp, ebp
	call	ap_main
.stop:	cli
	hlt
	jmp	.stop
