; Instructions that compute with memory: load, or load, change and store, and set the flags.

%include "mmio/ops.inc"

extern window_cell

; One instruction of the group 00 to 3F in all its forms: name, flags
%macro alu 2
%defstr name %1
%strcat t_rm8 name, " al, [mem]"
	op t_rm8, 1, %2
	%1	al, [rdi]
	ret
%strcat t_mr8 name, " [mem], dh"
	op t_mr8, 1, %2
	mov	rdx, rsi
	%1	[rdi], dh
	ret
%strcat t_rm16 name, " ax, [mem]"
	op t_rm16, 2, %2
	%1	ax, [rdi]
	ret
%strcat t_mr16 name, " [mem], si"
	op t_mr16, 2, %2
	%1	[rdi], si
	ret
%strcat t_rm32 name, " r9d, [mem]"
	op t_rm32, 4, %2
	%1	r9d, [rdi]
	ret
%strcat t_mr32 name, " [mem], esi"
	op t_mr32, 4, %2
	%1	[rdi], esi
	ret
%strcat t_rm64 name, " rax, [mem]"
	op t_rm64, 8, %2
	%1	rax, [rdi]
	ret
%strcat t_mr64 name, " [mem], r8"
	op t_mr64, 8, %2
	%1	[rdi], r8
	ret
%strcat t_mi8 name, " byte [mem], imm8"
	op t_mi8, 1, %2
	%1	byte [rdi], 0x81
	ret
%strcat t_mi16 name, " word [mem], imm16"
	op t_mi16, 2, %2
	%1	word [rdi], 0x8421
	ret
%strcat t_mi32 name, " dword [mem], imm32"
	op t_mi32, 4, %2
	%1	dword [rdi], 0x80402010
	ret
%strcat t_mis32 name, " dword [mem], imm8 sign-extended"
	op t_mis32, 4, %2
	%1	dword [rdi], byte -7
	ret
%strcat t_mi64 name, " qword [mem], imm32 sign-extended"
	op t_mi64, 8, %2
	%1	qword [rdi], -0x12345678
	ret
%strcat t_rip name, " dword [rip + disp32], imm8"
	op t_rip, 4, %2
	%1	dword [rel window_cell], byte 5
	ret
%endmacro

; One operand: name, flags
%macro unary 2
%defstr name %1
%strcat u8 name, " byte [mem]"
	op u8, 1, %2
	%1	byte [rdi]
	ret
%strcat u16 name, " word [mem]"
	op u16, 2, %2
	%1	word [rdi]
	ret
%strcat u32 name, " dword [mem]"
	op u32, 4, %2
	%1	dword [rdi]
	ret
%strcat u64 name, " qword [mem]"
	op u64, 8, %2
	%1	qword [rdi]
	ret
%endmacro

; Bit test: name
%macro bit_test 1
%defstr name %1
%strcat b32i name, " dword [mem], imm8"
	op b32i, 4, FLAGS_BIT
	%1	dword [rdi], 17
	ret
%strcat b32 name, " [mem], r32"
	op b32, 4, FLAGS_BIT
	and	esi, 31
	test	eax, eax		; the same flags in every run
	%1	[rdi], esi
	ret
%strcat b16 name, " word [mem], imm8 beyond 15"
	op b16, 2, FLAGS_BIT
	%1	word [rdi], 33
	ret
%strcat b64 name, " [mem], r64"
	op b64, 8, FLAGS_BIT
	mov	ebx, 63
	%1	[rdi], rbx
	ret
%strcat b32far name, " [mem], r32 with a bit in another word"
	op b32far, 0, FLAGS_BIT
	mov	ebx, 32 * 5 + 3
	%1	[rdi], ebx
	ret
%strcat b32back name, " [mem], r32 with a negative bit"
	op b32back, 0, FLAGS_BIT
	mov	ebx, -3
	%1	[rdi], ebx
	ret
%endmacro

ops_begin alu_ops

	alu	and, FLAGS_LOGIC
	alu	or, FLAGS_LOGIC
	alu	xor, FLAGS_LOGIC
	alu	add, FLAGS_ALL
	alu	sub, FLAGS_ALL
	alu	cmp, FLAGS_ALL

	op "test [mem], sil", 1, FLAGS_LOGIC
	test	[rdi], sil
	ret
	op "test [mem], si", 2, FLAGS_LOGIC
	test	[rdi], si
	ret
	op "test [mem], esi", 4, FLAGS_LOGIC
	test	[rdi], esi
	ret
	op "test [mem], rsi", 8, FLAGS_LOGIC
	test	[rdi], rsi
	ret
	op "test byte [mem], imm8", 1, FLAGS_LOGIC
	test	byte [rdi], 0x80
	ret
	op "test word [mem], imm16", 2, FLAGS_LOGIC
	test	word [rdi], 0x8000
	ret
	op "test dword [mem], imm32", 4, FLAGS_LOGIC
	test	dword [rdi], 0x80000000
	ret
	op "test qword [mem], imm32 sign-extended", 8, FLAGS_LOGIC
	test	qword [rdi], -0x80000000
	ret
	op "test dword [rip + disp32], imm32", 4, FLAGS_LOGIC
	test	dword [rel window_cell], 0x1000
	ret

	unary	inc, FLAGS_ALL
	unary	dec, FLAGS_ALL
	unary	not, FLAGS_ALL

	bit_test bt
	bit_test bts
	bit_test btr
	bit_test btc

	op "xchg [mem], sil", 1
	xchg	[rdi], sil
	ret
	op "xchg [mem], ah", 1
	xchg	[rdi], ah
	ret
	op "xchg [mem], si", 2
	xchg	[rdi], si
	ret
	op "xchg [mem], esi", 4
	xchg	[rdi], esi
	ret
	op "xchg [mem], r11", 8
	xchg	[rdi], r11
	ret
	op "lock and [mem], esi", 4, FLAGS_LOGIC
	lock and [rdi], esi
	ret
	op "lock or dword [mem], imm8", 4, FLAGS_LOGIC
	lock or	dword [rdi], byte 0x10
	ret
	op "lock inc dword [mem]", 4
	lock inc dword [rdi]
	ret
	op "lock bts dword [mem], imm8", 4, FLAGS_BIT
	lock bts dword [rdi], 3
	ret
	op "add [mem], rsi across two pages", CROSS
	add	[rdi + EDGE - 5], rsi
	ret

ops_end
