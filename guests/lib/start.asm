; Entry of the 64-bit guests: from the 32-bit protected mode that both Multiboot versions hand
; over (paging off, EAX = magic, EBX = information) to long mode with the first 4 GiB mapped one
; to one in 2 MiB pages, then to C.

%include "header.asm"
%include "longmode.inc"

PTE_TABLE	equ 0x03		; present, writable
PTE_LARGE	equ 0x83		; and 2 MiB
PTE_UNCACHED	equ 0x18		; PWT and PCD, for the devices above 3 GiB

section .text
bits 32

global _start
extern guest_start
_start:
	cli
	cld
	mov	esp, stack_top
	mov	[mb_magic], eax
	mov	[mb_info], ebx
	pushfd
	pop	dword [entry_eflags]
	mov	eax, cr0
	mov	[entry_cr0], eax
	call	build_page_tables
	enter_long_mode
	lgdt	[gdt_pointer]
	jmp	GUEST_CS:long_mode

build_page_tables:
	mov	dword [pml4], pdpt + PTE_TABLE
	mov	edi, pdpt
	mov	eax, pd + PTE_TABLE
	mov	ecx, 4
.pdpt:	mov	[edi], eax
	add	eax, 4096
	add	edi, 8
	loop	.pdpt
	mov	edi, pd
	mov	eax, PTE_LARGE
	mov	ecx, 2048
.pd:	mov	[edi], eax
	add	eax, 2 << 20
	cmp	ecx, 513		; the last table, 3 GiB and up, comes next
	jne	.next
	or	eax, PTE_UNCACHED
.next:	add	edi, 8
	loop	.pd
	ret

bits 64
long_mode:
	mov	eax, GUEST_DS
	mov	ds, eax
	mov	es, eax
	mov	ss, eax
	xor	eax, eax
	mov	fs, eax
	mov	gs, eax
	mov	esp, stack_top
	mov	edi, [mb_magic]
	mov	esi, [mb_info]
	xor	ebp, ebp
	call	guest_start
.stop:	cli
	hlt
	jmp	.stop

section .data
align 8
global gdt, gdt_pointer
gdt:
	dq	0
	dq	0x00af9b000000ffff	; 0x08: 64-bit code
	dq	0x00cf93000000ffff	; 0x10: data
	dq	0x00cf13000000ffff	; 0x18: data, not present: a guest checks #NP with it
	dq	0x00cf9b000000ffff	; 0x20: 32-bit code, for processors on their way up (ap.asm)
gdt_end:
gdt_pointer:
	dw	gdt_end - gdt - 1
	dq	gdt

global entry_cr0, entry_eflags
entry_cr0:	dd 0
entry_eflags:	dd 0
mb_magic:	dd 0
mb_info:	dd 0

section .bss
alignb 4096
global pml4, pd
pml4:	resb 4096
pdpt:	resb 4096
pd:	resb 4 * 4096
	resb 65536
stack_top:
