; The switch between two threads' stacks. What C may change across a call is saved by the caller.
%include "asm_offsets.inc"

global thread_switch, thread_call_on_stack

section .text
; void thread_switch(struct thread *from, struct thread *to), interrupts off.
thread_switch:
	push rbp
	push rbx
	push r12
	push r13
	push r14
	push r15
	mov [rdi + THREAD_RSP], rsp
	mov rsp, [rsi + THREAD_RSP]
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbx
	pop rbp
	ret

; void thread_call_on_stack(void *stack_top, void (*fn)(void)): never returns.
thread_call_on_stack:
	mov rsp, rdi
	xor ebp, ebp
	call rsi
	ud2
