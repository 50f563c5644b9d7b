; Into a VMX guest and back. VM entry and VM exit move what the VMCS holds (RIP, RSP, RFLAGS,
; control and segment registers, some MSRs: SDM 3C 26.3, 27.3); the other fifteen general registers
; are ours to move.

%include "asm_offsets.inc"

bits 64
default rel

VMCS_HOST_RSP equ 0x6c14

section .text

; One register of struct vcpu.gpr, whose order is that of the instruction encodings.
%define GPR(n) [rax + 8 * (n)]

%macro ENTER_GUEST 1
	; The C caller's registers that the ABI makes us keep.
	push rbx
	push rbp
	push r12
	push r13
	push r14
	push r15

	; Where the guest's registers are: also kept on the stack, because after the exit no
	; register is free to find it.
	mov rax, [gs:CPU_GUEST_GPRS]
	push rax

	; VM exit loads RSP from here. With no current VMCS this fails, as does the entry below.
	mov rdx, VMCS_HOST_RSP
	vmwrite rdx, rsp

	; The guest's registers; RAX last, since it is the pointer. RSP is in the VMCS.
	mov rcx, GPR(1)
	mov rdx, GPR(2)
	mov rbx, GPR(3)
	mov rbp, GPR(5)
	mov rsi, GPR(6)
	mov rdi, GPR(7)
	mov r8, GPR(8)
	mov r9, GPR(9)
	mov r10, GPR(10)
	mov r11, GPR(11)
	mov r12, GPR(12)
	mov r13, GPR(13)
	mov r14, GPR(14)
	mov r15, GPR(15)
	mov rax, GPR(0)

	%1

	; Only a refused entry comes here. CF: no current VMCS. ZF: the error field says why.
	jmp entry_refused
%endmacro

global __vmx_vmlaunch
__vmx_vmlaunch:
	ENTER_GUEST vmlaunch

global __vmx_vmresume
__vmx_vmresume:
	ENTER_GUEST vmresume

; VM exit comes here: host segments, CR3 and RSP are loaded, all other registers are the guest's.
global vmx_exit_point
vmx_exit_point:
	push rax
	mov rax, [rsp + 8]
	pop qword GPR(0)
	mov GPR(1), rcx
	mov GPR(2), rdx
	mov GPR(3), rbx
	mov GPR(5), rbp
	mov GPR(6), rsi
	mov GPR(7), rdi
	mov GPR(8), r8
	mov GPR(9), r9
	mov GPR(10), r10
	mov GPR(11), r11
	mov GPR(12), r12
	mov GPR(13), r13
	mov GPR(14), r14
	mov GPR(15), r15
	xor eax, eax

leave_guest:
	add rsp, 8
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbp
	pop rbx
	ret

; The guest did not run, so what is in memory is still its state.
entry_refused:
	setc al
	setz cl
	movzx eax, al
	movzx ecx, cl
	lea eax, [2 * rax + rcx]
	jmp leave_guest

section .note.GNU-stack noalloc noexec nowrite progbits
