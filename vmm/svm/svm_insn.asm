; The world switch of SVM. Its twin for VMX is vmm/vmx/vmx_entry.asm.
;
; VMRUN itself saves the host's RIP, RSP, RAX, RFLAGS, CR0, CR3, CR4, EFER, ES, CS, SS, DS, GDTR and
; IDTR in the page at VM_HSAVE_PA and loads the guest's from the VMCB; #VMEXIT does the reverse
; (APM 2 15.5, 15.6). What it leaves to us is here: the general registers. Everything else that is
; the guest's (FS, GS, TR, LDTR, syscall MSRs) has been moved by VMLOAD in the caller.

%include "asm_offsets.inc"

%define GPR(n) (8 * n)  ; in the order of the instruction encoding: struct vcpu.gpr
%define RCX_ 1
%define RDX_ 2
%define RBX_ 3
%define RBP_ 5
%define RSI_ 6
%define RDI_ 7

%define FRAME 24        ; [rsp]: pointer to the guest's registers; first the operand of SGDT

section .text

; void __svm_vmrun(size_t vmcb_pa)
global __svm_vmrun
__svm_vmrun:
	; The caller is C: these must be as they were when we return. The others it expects to lose.
	push rbx
	push rbp
	push r12
	push r13
	push r14
	push r15

	; Which registers? Those that this CPU's guest_gprs points to. GS would lead there, but
	; after VMLOAD it is the guest's. GDTR is still ours, and our GDT lies in struct cpu.
	sub rsp, FRAME
	sgdt [rsp + 6]          ; 2 bytes of limit, then the base, aligned by the 6
	mov rax, [rsp + 8]
	mov rax, [rax + CPU_GUEST_GPRS - CPU_TABLES_GDT]
	mov [rsp], rax          ; where to put them after #VMEXIT: VMRUN preserves RSP

	; VMRUN takes the VMCB's address in RAX. The guest's own RAX and RSP are in the VMCB,
	; because the processor needs the registers RAX and RSP itself during the switch.
	xchg rax, rdi
	mov rcx, [rdi + GPR(RCX_)]
	mov rdx, [rdi + GPR(RDX_)]
	mov rbx, [rdi + GPR(RBX_)]
	mov rbp, [rdi + GPR(RBP_)]
	mov rsi, [rdi + GPR(RSI_)]
	mov r8,  [rdi + GPR(8)]
	mov r9,  [rdi + GPR(9)]
	mov r10, [rdi + GPR(10)]
	mov r11, [rdi + GPR(11)]
	mov r12, [rdi + GPR(12)]
	mov r13, [rdi + GPR(13)]
	mov r14, [rdi + GPR(14)]
	mov r15, [rdi + GPR(15)]
	mov rdi, [rdi + GPR(RDI_)] ; last: it held the pointer

	vmrun                   ; [rax]

	; #VMEXIT continues here, with the host's RSP and RAX back and every other register the
	; guest's. GIF is clear: nothing interrupts us before the caller has loaded the host's GS.
	mov rax, [rsp]
	mov [rax + GPR(RCX_)], rcx
	mov [rax + GPR(RDX_)], rdx
	mov [rax + GPR(RBX_)], rbx
	mov [rax + GPR(RBP_)], rbp
	mov [rax + GPR(RSI_)], rsi
	mov [rax + GPR(RDI_)], rdi
	mov [rax + GPR(8)], r8
	mov [rax + GPR(9)], r9
	mov [rax + GPR(10)], r10
	mov [rax + GPR(11)], r11
	mov [rax + GPR(12)], r12
	mov [rax + GPR(13)], r13
	mov [rax + GPR(14)], r14
	mov [rax + GPR(15)], r15

	add rsp, FRAME
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbp
	pop rbx
	ret
