; The start of the other processors: from the real mode of the SIPI to C. SDM 3A 8.4.4, APM 2 16.8.
;
; Only the trampoline has to lie below 1 MiB. What follows runs where it was linked, by way of the
; boot's temporary tables: they are still there, since nothing else uses their frames, and map the
; first 4 GiB at 0, so that the kernel's own tables never need a low address.
%include "asm_offsets.inc"

%define PHYS(x) ((x) - KERNEL_BASE)

CR0_PE			equ 1 << 0
SEL_CODE32		equ 0x18
CPUID_INITIAL_APIC_ID	equ 24		; leaf 1, EBX: the shift

extern enter_long_mode, boot_stack_top, ap_main
global ap_trampoline, ap_trampoline_end, ap_apic_id, ap_cr3, ap_stack, ap_cpu

section .rodata
bits 16
; A SIPI of vector N begins at N * 1000h with CS = N * 100h: the copy's first byte.
ap_trampoline:
	cli
	cld
	mov ax, cs
	mov ds, ax
	o32 lgdt [ap_gdt_pointer - ap_trampoline]
	mov eax, cr0
	or al, CR0_PE
	mov cr0, eax
	jmp dword SEL_CODE32:PHYS(ap_entry32)
	align 4
ap_gdt_pointer:
	dw ap_gdt_end - ap_gdt - 1
	dd PHYS(ap_gdt)
ap_trampoline_end:

	align 8
ap_gdt:
	dq 0
	dq 0x00af9b000000ffff		; SEL_KERNEL_CODE: 64-bit, present, accessed
	dq 0x00cf93000000ffff		; SEL_KERNEL_DATA
	dq 0x00cf9b000000ffff		; SEL_CODE32
ap_gdt_end:

section .boot.text progbits alloc exec nowrite align=16
bits 32
ap_entry32:
	mov eax, SEL_KERNEL_DATA
	mov ds, eax
	mov ss, eax
	; One that was given up and comes late must not take the next one's stack.
	mov eax, 1
	cpuid
	shr ebx, CPUID_INITIAL_APIC_ID
	cmp ebx, [PHYS(ap_apic_id)]
	jne .stop
	mov esp, PHYS(boot_stack_top)	; the boot processor has left it
	call enter_long_mode
	jmp SEL_KERNEL_CODE:PHYS(ap_entry64)
.stop:
	cli
	hlt
	jmp .stop

bits 64
ap_entry64:
	mov rax, ap_entry_high
	jmp rax

section .text
ap_entry_high:
	mov rax, [ap_cr3]
	mov cr3, rax
	mov rsp, [ap_stack]
	mov rdi, [ap_cpu]
	xor ebp, ebp			; the end of every backtrace
	call ap_main
	ud2

section .bss align=8
; For the processor that is being started, by kernel/smp.c.
ap_cr3:		resq 1
ap_stack:	resq 1
ap_cpu:		resq 1
ap_apic_id:	resd 1
