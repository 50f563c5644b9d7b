; The Multiboot header, which the loader looks for in the first 8 KiB (Multiboot 1, 3.1) or
; 32 KiB (Multiboot 2, 3.1) of the file. MULTIBOOT2 chooses which.

section .multiboot align=8

%ifdef MULTIBOOT2

MB2_MAGIC	equ 0xe85250d6
MB2_ARCH_I386	equ 0
TAG_END		equ 0
TAG_REQUEST	equ 1
TAG_ALIGN	equ 6

header:
	dd	MB2_MAGIC, MB2_ARCH_I386, header_end - header
	dd	0x100000000 - (MB2_MAGIC + MB2_ARCH_I386 + (header_end - header))
request:				; information we cannot do without
	dw	TAG_REQUEST, 0
	dd	request_end - request
	dd	1, 4, 6			; command line, basic memory, memory map
request_end:
	align	8, db 0
	dw	TAG_ALIGN, 0		; modules on page boundaries
	dd	8
	dw	TAG_END, 0
	dd	8
header_end:

%else

MB1_MAGIC	equ 0x1badb002
MB1_FLAGS	equ 3			; modules on page boundaries, memory information

	dd	MB1_MAGIC, MB1_FLAGS, 0x100000000 - (MB1_MAGIC + MB1_FLAGS)

%endif
