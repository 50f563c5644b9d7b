; The state of a processor at the first instruction after a SIPI, for state.c: a page of its own
; that writes down all registers and then goes where the SIPI of the library goes.

section .text
bits 16

%macro keep 1			; of a general register, without changing any
	mov	[cs:record.%1 - record_page], %1
%endmacro
%macro keep_by_eax 2		; of another register, by EAX
	mov	eax, %1
	mov	[cs:record.%2 - record_page], eax
%endmacro
%macro keep_segment 1		; the selector, and what memory says its base is
	mov	[cs:record.%1 - record_page], %1
	mov	eax, [%1:MARK_AT]
	mov	[cs:record.at_%1 - record_page], eax
%endmacro

RECORD_AT	equ 0x9000	; where state.c puts the page: SIPI vector 9
MARK_AT		equ RECORD_AT + record.mark - record_page
AP_SEGMENT	equ 0x800	; the library's trampoline, at 8000h
MSR_EFER	equ 0xc0000080

global record_page, record_end, record
record_page:
	keep	eax
	keep	ebx
	keep	ecx
	keep	edx
	keep	esi
	keep	edi
	keep	ebp
	keep	esp
	mov	sp, RECORD_AT + 0x1000 - 16	; SS is 0; MOV leaves the flags alone
	pushfd
	pop	dword [cs:record.eflags - record_page]
	mov	[cs:record.cs - record_page], cs
	keep_segment ds
	keep_segment es
	keep_segment fs
	keep_segment gs
	keep_segment ss
	keep_by_eax cr0, cr0
	keep_by_eax cr2, cr2
	keep_by_eax cr3, cr3
	keep_by_eax cr4, cr4
	keep_by_eax dr0, dr0
	keep_by_eax dr1, dr1
	keep_by_eax dr2, dr2
	keep_by_eax dr3, dr3
	keep_by_eax dr6, dr6
	keep_by_eax dr7, dr7
	o32 sgdt [cs:record.gdtr - record_page]
	o32 sidt [cs:record.idtr - record_page]
	mov	ecx, MSR_EFER
	rdmsr
	mov	[cs:record.efer - record_page], eax
	jmp	AP_SEGMENT:0

	align	8, db 0
record:				; struct record of state.c
.eax:		dd 0
.ebx:		dd 0
.ecx:		dd 0
.edx:		dd 0
.esi:		dd 0
.edi:		dd 0
.ebp:		dd 0
.esp:		dd 0
.eflags:	dd 0
.cr0:		dd 0
.cr2:		dd 0
.cr3:		dd 0
.cr4:		dd 0
.dr0:		dd 0
.dr1:		dd 0
.dr2:		dd 0
.dr3:		dd 0
.dr6:		dd 0
.dr7:		dd 0
.efer:		dd 0
.at_ds:		dd 0
.at_es:		dd 0
.at_fs:		dd 0
.at_gs:		dd 0
.at_ss:		dd 0
.cs:		dw 0
.ds:		dw 0
.es:		dw 0
.fs:		dw 0
.gs:		dw 0
.ss:		dw 0
.gdtr:		dw 0
		dd 0
.idtr:		dw 0
		dd 0
.mark:		dd 0x5eed5eed
record_end:

; void leave_traces(volatile u32 *beat): other values in all registers that an INIT clears, then
; counts for ever.
bits 64
global leave_traces
leave_traces:
	mov	r8, rdi
	mov	eax, 0x1000
	mov	dr0, rax
	mov	dr1, rax
	mov	dr2, rax
	mov	dr3, rax
	mov	eax, 0x0800
	mov	dr7, rax		; nothing enabled, but not as after a reset
	mov	eax, 0x12345
	mov	cr2, rax
	mov	rax, 0x1111111111111111
	mov	rbx, rax
	mov	rcx, rax
	mov	rdx, rax
	mov	rsi, rax
	mov	rdi, rax
	mov	rbp, rax
	std
.loop:	inc	dword [r8]
	jmp	.loop
