; The first instructions: from GRUB's 32-bit protected mode to C in the higher half.
;
; GRUB (from BIOS or from UEFI, after it has left the boot services) enters with paging off, flat
; segments, EAX = the Multiboot2 magic, EBX = the physical address of its information
; (Multiboot2 3.3).
%include "asm_offsets.inc"

; The image is linked in the higher half and loaded at (address - KERNEL_BASE).
%define PHYS(x) ((x) - KERNEL_BASE)

MB2_HEADER_MAGIC	equ 0xe85250d6
MB2_LOADER_MAGIC	equ 0x36d76289
MB2_ARCH_I386		equ 0
MB2_HEADER_TAG_END	equ 0
MB2_HEADER_TAG_REQUEST	equ 1
MB2_HEADER_TAG_ENTRY	equ 3
MB2_HEADER_TAG_ALIGN	equ 6
MB2_HEADER_OPTIONAL	equ 1
MB2_TAG_CMDLINE		equ 1
MB2_TAG_LOADER		equ 2
MB2_TAG_MODULE		equ 3
MB2_TAG_MMAP		equ 6
MB2_TAG_FRAMEBUFFER	equ 8
MB2_TAG_ACPI_OLD	equ 14
MB2_TAG_ACPI_NEW	equ 15

CR0_PE			equ 1 << 0
CR0_WP			equ 1 << 16
CR0_PG			equ 1 << 31
CR4_PAE			equ 1 << 5
MSR_EFER		equ 0xc0000080
EFER_LME		equ 1 << 8
EFER_NXE		equ 1 << 11
RFLAGS_ID		equ 1 << 21
CPUID_EXT_MAX		equ 0x80000000
CPUID_EXT_FEATURES	equ 0x80000001
CPUID_EXT_EDX_NX	equ 1 << 20
CPUID_EXT_EDX_LM	equ 1 << 29

PTE_PRESENT_WRITE	equ 3
PTE_LARGE		equ 1 << 7
PT_ENTRIES		equ 512
LARGE_PAGE		equ 1 << 21
TEMP_MAP_GIB		equ 4

COM1			equ 0x3f8
VGA_TEXT		equ 0xb8000
VGA_ATTR_WHITE_ON_RED	equ 0x4f

extern boot_main

section .multiboot align=8
mb2_header:
	dd MB2_HEADER_MAGIC, MB2_ARCH_I386, mb2_header_end - mb2_header
	dd -(MB2_HEADER_MAGIC + MB2_ARCH_I386 + (mb2_header_end - mb2_header)) & 0xffffffff
mb2_request:
	dw MB2_HEADER_TAG_REQUEST, 0
	dd mb2_request_end - mb2_request
	dd MB2_TAG_MMAP
mb2_request_end:
	align 8, db 0
mb2_request_optional:
	dw MB2_HEADER_TAG_REQUEST, MB2_HEADER_OPTIONAL
	dd mb2_request_optional_end - mb2_request_optional
	dd MB2_TAG_CMDLINE, MB2_TAG_LOADER, MB2_TAG_MODULE, MB2_TAG_FRAMEBUFFER
	dd MB2_TAG_ACPI_OLD, MB2_TAG_ACPI_NEW
mb2_request_optional_end:
	align 8, db 0
	dw MB2_HEADER_TAG_ENTRY, 0
	dd 12, PHYS(boot_entry)
	align 8, db 0
	dw MB2_HEADER_TAG_ALIGN, 0	; modules begin on page boundaries
	dd 8
	dw MB2_HEADER_TAG_END, 0
	dd 8
mb2_header_end:

section .boot.text progbits alloc exec nowrite align=16
bits 32
global boot_entry, enter_long_mode
boot_entry:
	mov edi, eax
	rdtsc				; the boot's instruction budget is counted from here
	mov [PHYS(boot_tsc)], eax
	mov [PHYS(boot_tsc) + 4], edx
	cli
	cld
	mov esp, PHYS(boot_stack_top)

	mov esi, PHYS(msg_loader)
	cmp edi, MB2_LOADER_MAGIC
	jne boot_fail
	mov [PHYS(boot_mb_info)], ebx
	call check_processor
	call build_temporary_tables
	call enter_long_mode
	lgdt [PHYS(boot_gdt_pointer)]
	jmp SEL_KERNEL_CODE:PHYS(boot_entry64)

; Long mode and no-execute pages are what the kernel cannot do without. SDM 2A CPUID.
check_processor:
	mov esi, PHYS(msg_long_mode)
	pushfd				; no CPUID at all: RFLAGS.ID cannot be changed
	pop eax
	mov ecx, eax
	xor eax, RFLAGS_ID
	push eax
	popfd
	pushfd
	pop eax
	cmp eax, ecx
	je boot_fail
	mov eax, CPUID_EXT_MAX
	cpuid
	cmp eax, CPUID_EXT_FEATURES
	jb boot_fail
	mov eax, CPUID_EXT_FEATURES
	cpuid
	test edx, CPUID_EXT_EDX_LM
	jz boot_fail
	mov esi, PHYS(msg_nx)
	test edx, CPUID_EXT_EDX_NX
	jz boot_fail
	ret

; The first 4 GiB three times: at 0 (this code), in the direct map, and at KERNEL_BASE.
; kspace_init() replaces all of it. GRUB has zeroed .bss: what is not written is not present.
build_temporary_tables:
	mov edi, PHYS(temp_pd)
	mov eax, PTE_PRESENT_WRITE | PTE_LARGE
	mov ecx, TEMP_MAP_GIB * PT_ENTRIES
.large_page:
	mov [edi], eax
	add eax, LARGE_PAGE
	add edi, 8
	loop .large_page

	mov eax, PHYS(temp_pd) + PTE_PRESENT_WRITE
%assign gib 0
%rep TEMP_MAP_GIB
	mov [PHYS(temp_pdpt_low) + gib * 8], eax
	add eax, 4096
%assign gib gib + 1
%endrep
	mov dword [PHYS(temp_pdpt_high) + 510 * 8], PHYS(temp_pd) + PTE_PRESENT_WRITE
	mov dword [PHYS(temp_pdpt_high) + 511 * 8], PHYS(temp_pd) + 4096 + PTE_PRESENT_WRITE
	mov dword [PHYS(temp_pml4)], PHYS(temp_pdpt_low) + PTE_PRESENT_WRITE
	mov dword [PHYS(temp_pml4) + 256 * 8], PHYS(temp_pdpt_low) + PTE_PRESENT_WRITE
	mov dword [PHYS(temp_pml4) + 511 * 8], PHYS(temp_pdpt_high) + PTE_PRESENT_WRITE
	ret

; SDM 3A 9.8.5: PAE, the table, EFER.LME, then paging. Also for the others (boot/ap.asm).
enter_long_mode:
	mov eax, CR4_PAE
	mov cr4, eax
	mov eax, PHYS(temp_pml4)
	mov cr3, eax
	mov ecx, MSR_EFER
	rdmsr
	or eax, EFER_LME | EFER_NXE
	wrmsr
	mov eax, cr0
	or eax, CR0_PG | CR0_WP | CR0_PE
	mov cr0, eax
	ret

; ESI = a message: on COM1 and on the VGA text screen, then the processor stops.
boot_fail:
	mov edi, PHYS(serial_setup)
	mov ecx, SERIAL_SETUP_STEPS
.setup:
	movzx edx, byte [edi]
	add edx, COM1
	mov al, [edi + 1]
	out dx, al
	add edi, 2
	loop .setup
	mov edi, VGA_TEXT
.next:
	lodsb
	test al, al
	jz .stop
	mov ah, VGA_ATTR_WHITE_ON_RED
	mov [edi], ax
	add edi, 2
	mov bl, al
	mov ecx, 1000000		; a line that never becomes free must not hang us
.wait:
	mov dx, COM1 + 5		; line status
	in al, dx
	test al, 0x20			; room in the transmitter
	loopz .wait
	mov al, bl
	mov dx, COM1
	out dx, al
	jmp .next
.stop:
	cli
	hlt
	jmp .stop

bits 64
boot_entry64:
	mov rax, boot_entry_high
	jmp rax

section .text
boot_entry_high:
	mov eax, SEL_KERNEL_DATA
	mov ds, eax
	mov es, eax
	mov ss, eax
	xor eax, eax
	mov fs, eax
	mov gs, eax
	mov rsp, boot_stack_top
	xor ebp, ebp			; the end of every backtrace
	call boot_main
.stop:
	cli
	hlt
	jmp .stop

section .rodata
; Register and value: no interrupts, divisor latch, 115200 baud, 8N1, FIFOs off.
serial_setup:
	db 1, 0, 3, 0x80, 0, 1, 1, 0, 3, 0x03, 2, 0
SERIAL_SETUP_STEPS	equ ($ - serial_setup) / 2
msg_loader:	db "partita: not started by a Multiboot2 loader: boot the ISO with GRUB", 13, 10, 0
msg_long_mode:	db "partita: this processor has no 64-bit mode", 13, 10, 0
msg_nx:		db "partita: this processor has no NX (no-execute pages)", 13, 10, 0

	align 8
boot_gdt:
	dq 0
	dq 0x00af9b000000ffff		; SEL_KERNEL_CODE: 64-bit, present, accessed
	dq 0x00cf93000000ffff		; SEL_KERNEL_DATA
boot_gdt_pointer:
	dw $ - boot_gdt - 1
	dq PHYS(boot_gdt)

section .bss align=4096
temp_pml4:	resb 4096
temp_pdpt_low:	resb 4096
temp_pdpt_high:	resb 4096
temp_pd:	resb 4096 * TEMP_MAP_GIB
boot_stack:	resb 16384
boot_stack_top:
global boot_tsc, boot_mb_info, boot_stack_top
boot_tsc:	resq 1
boot_mb_info:	resd 1
