; Every MOV between a register or an immediate and memory, the extending ones, and every way to
; write an address.

%include "mmio/ops.inc"

extern window_cell			; CELL as a symbol, which RIP-relative addressing needs

ops_begin mov_ops

; 8A and 8B: load
	op "mov al, [mem]", 1
	mov	al, [rdi]
	ret
	op "mov ah, [mem]", 1
	mov	ah, [rdi]
	ret
	op "mov ch, [mem]", 1
	mov	ch, [rdi]
	ret
	op "mov bh, [mem]", 1
	mov	bh, [rdi]
	ret
	op "mov sil, [mem]", 1
	mov	sil, [rdi]
	ret
	op "mov r9b, [mem]", 1
	mov	r9b, [rdi]
	ret
	op "mov ax, [mem]", 2
	mov	ax, [rdi]
	ret
	op "mov r14w, [mem]", 2
	mov	r14w, [rdi]
	ret
	op "mov eax, [mem]", 4
	mov	eax, [rdi]
	ret
	op "mov r10d, [mem]", 4
	mov	r10d, [rdi]
	ret
	op "mov ebp, [mem]", 4
	mov	ebp, [rdi]
	ret
	op "mov rax, [mem]", 8
	mov	rax, [rdi]
	ret
	op "mov r15, [mem]", 8
	mov	r15, [rdi]
	ret
	op "mov rdi, [mem]", 8
	mov	rdi, [rdi]
	ret

; 88 and 89: store
	op "mov [mem], sil", 1
	mov	[rdi], sil
	ret
	op "mov [mem], ah", 1
	mov	[rdi], ah
	ret
	op "mov [mem], ch", 1
	mov	[rdi], ch
	ret
	op "mov [mem], r8b", 1
	mov	[rdi], r8b
	ret
	op "mov [mem], si", 2
	mov	[rdi], si
	ret
	op "mov [mem], esi", 4
	mov	[rdi], esi
	ret
	op "mov [mem], r12d", 4
	mov	[rdi], r12d
	ret
	op "mov [mem], rsi", 8
	mov	[rdi], rsi
	ret
	op "mov [mem], r13", 8
	mov	[rdi], r13
	ret

; A0 to A3: the accumulator and an address in the instruction
	op "mov al, [moffs64]", 1
	mov	al, [qword CELL]
	ret
	op "mov ax, [moffs64]", 2
	mov	ax, [qword CELL]
	ret
	op "mov eax, [moffs64]", 4
	mov	eax, [qword CELL]
	ret
	op "mov rax, [moffs64]", 8
	mov	rax, [qword CELL]
	ret
	op "mov [moffs64], al", 1
	mov	[qword CELL], al
	ret
	op "mov [moffs64], ax", 2
	mov	[qword CELL], ax
	ret
	op "mov [moffs64], eax", 4
	mov	[qword CELL], eax
	ret
	op "mov [moffs64], rax", 8
	mov	[qword CELL], rax
	ret
	op "mov eax, [moffs32]", 4
	db	0x67, 0xa1
	dd	CELL
	ret
	op "mov [moffs32], eax", 4
	db	0x67, 0xa3
	dd	CELL
	ret

; C6 and C7: store an immediate
	op "mov byte [mem], imm8", 1
	mov	byte [rdi], 0x5a
	ret
	op "mov word [mem], imm16", 2
	mov	word [rdi], 0x1234
	ret
	op "mov dword [mem], imm32", 4
	mov	dword [rdi], 0x89abcdef
	ret
	op "mov qword [mem], imm32 sign-extended", 8
	mov	qword [rdi], -2
	ret

; extending loads
	op "movzx ax, byte [mem]", 1
	movzx	ax, byte [rdi]
	ret
	op "movzx eax, byte [mem]", 1
	movzx	eax, byte [rdi]
	ret
	op "movzx r9, byte [mem]", 1
	movzx	r9, byte [rdi]
	ret
	op "movzx eax, word [mem]", 2
	movzx	eax, word [rdi]
	ret
	op "movzx rbx, word [mem]", 2
	movzx	rbx, word [rdi]
	ret
	op "movsx ax, byte [mem]", 1
	movsx	ax, byte [rdi]
	ret
	op "movsx eax, byte [mem]", 1
	movsx	eax, byte [rdi]
	ret
	op "movsx r11, byte [mem]", 1
	movsx	r11, byte [rdi]
	ret
	op "movsx eax, word [mem]", 2
	movsx	eax, word [rdi]
	ret
	op "movsx rdx, word [mem]", 2
	movsx	rdx, word [rdi]
	ret
	op "movsxd rax, dword [mem]", 4
	movsxd	rax, dword [rdi]
	ret
	op "movsxd r13, dword [mem]", 4
	movsxd	r13, dword [rdi]
	ret

; addresses
	op "[base + disp8]", 4
	sub	rdi, 0x40
	mov	eax, [rdi + 0x40]
	ret
	op "[base - disp8]", 4
	lea	rbx, [rdi + 0x80]
	mov	eax, [rbx - 0x80]
	ret
	op "[base + disp32]", 4
	sub	rdi, 0x12345678
	mov	[rdi + 0x12345678], esi
	ret
	op "[base + index * 1]", 4
	mov	ecx, 0x30
	sub	rdi, rcx
	mov	eax, [rdi + rcx]
	ret
	op "[base + index * 4 + disp8]", 4
	mov	rcx, -5
	mov	[rdi + rcx * 4 + 20], esi
	ret
	op "[r13 + r12 * 8 + disp32]", 4
	mov	r12, 0x100
	lea	r13, [rdi - 0x1000]
	mov	eax, [r13 + r12 * 8 + 0x800]
	ret
	op "[r12]", 4
	mov	r12, rdi
	mov	eax, [r12]
	ret
	op "[r13]", 4
	mov	r13, rdi
	mov	eax, [r13]
	ret
	op "[rbp]", 4
	mov	rbp, rdi
	mov	eax, [rbp]
	ret
	op "[index * 2 + disp32]", 4
	mov	ebx, 0x100
	mov	eax, [nosplit rbx * 2 + CELL - 0x200]
	ret
	op "[rsp + disp32]", 4
	mov	rbx, rsp
	mov	rsp, rdi
	mov	eax, [rsp]
	mov	rsp, rbx
	xor	ebx, ebx
	ret
	op "[disp32]", 4
	mov	eax, [dword CELL]
	ret
	op "[rip + disp32]", 4
	mov	eax, [rel window_cell]
	ret
	op "[rip + disp32] and an imm32 behind", 4
	mov	dword [rel window_cell], 0x13579bdf
	ret
	op "[rip + disp32] and an imm8 behind", 1
	mov	byte [rel window_cell], 0x77
	ret
	op "[fs: disp32]", 4
	mov	eax, [fs:0x40]
	ret
	op "[gs: base]", 4
	mov	rbx, -0x100000
	mov	[gs:rbx], esi
	ret
	op "[ds: base], which means nothing", 4
	db	0x3e
	mov	eax, [rdi]
	ret
	op "[edi] by an address size prefix", 4
	mov	rbx, 0x5500000000
	or	rbx, rdi
	mov	eax, [ebx]
	ret
	op "[edi + ecx * 4], which wraps at 4 GiB", 4
	mov	ecx, 0x80000000
	mov	eax, [edi + ecx * 4]
	ret

; both pages
	op "mov rax, [mem] across two pages", CROSS
	mov	rax, [rdi + EDGE - 4]
	ret
	op "mov ax, [mem] across two pages", CROSS
	mov	ax, [rdi + EDGE - 1]
	ret
	op "mov [mem], rsi across two pages", CROSS
	mov	[rdi + EDGE - 3], rsi
	ret
	op "movzx eax, word [mem] across two pages", CROSS
	movzx	eax, word [rdi + EDGE - 1]
	ret

ops_end
