; What no driver does to a device, but a complete machine allows. Asked for by `rare=yes`.

%include "mmio/ops.inc"

ops_begin rare_ops

	op "adc [mem], esi", 4
	adc	[rdi], esi
	ret
	op "adc rax, [mem]", 8
	adc	rax, [rdi]
	ret
	op "sbb dword [mem], imm8", 4
	sbb	dword [rdi], byte 3
	ret
	op "sbb r9b, [mem]", 1
	sbb	r9b, [rdi]
	ret
	op "neg dword [mem]", 4
	neg	dword [rdi]
	ret
	op "neg byte [mem]", 1
	neg	byte [rdi]
	ret
	op "setc [mem]", 1
	setc	[rdi]
	ret
	op "cmovc eax, [mem]", 4
	cmovc	eax, [rdi]
	ret
	op "cmovnc rbx, [mem]", 8
	cmovnc	rbx, [rdi]
	ret
	op "push qword [mem]", 8
	push	qword [rdi]
	pop	rbx
	ret
	op "pop qword [mem]", 8
	push	rsi
	pop	qword [rdi]
	ret
	op "xadd [mem], esi", 4
	xadd	[rdi], esi
	ret
	op "lock xadd [mem], sil", 1
	lock xadd [rdi], sil
	ret
	op "cmpxchg [mem], esi, equal or not", 4
	cmpxchg	[rdi], esi
	ret
	op "lock cmpxchg [mem], r8", 8
	mov	rax, -1
	lock cmpxchg [rdi], r8
	ret
	op "scasd", 4
	scasd
	ret
	op "repne scasb", 0
	mov	al, 0x55
	mov	ecx, 10
	repne scasb
	ret
	op "cmpsd", 4
	mov	rsi, rdx
	cmpsd
	ret
	op "repe cmpsb, device and device", 0
	lea	rsi, [rdi + 0x100]
	mov	ecx, 12
	repe cmpsb
	ret
	op "movnti [mem], esi", 4
	movnti	[rdi], esi
	ret
	op "shl dword [mem], 1", 4, FLAGS_SHIFT
	shl	dword [rdi], 1
	ret
	op "shr dword [mem], imm8", 4, FLAGS_SHIFT
	shr	dword [rdi], 5
	ret
	op "rol word [mem], cl", 2, 0x001
	mov	cl, 3
	rol	word [rdi], cl
	ret
	op "imul eax, [mem]", 4, FLAGS_MUL
	imul	eax, [rdi]
	ret
	op "mul dword [mem]", 4, FLAGS_MUL
	mul	dword [rdi]
	ret
ops_end
