; hello16: a boot sector, as a PC's firmware starts it: 512 bytes at 0000:7C00 in real mode. It
; uses no firmware at all, only ports, so it also runs where there is no BIOS.
; Shows: real mode, segment arithmetic, the interrupt vector table at address 0.

bits 16
org 0x7c00

COM1		equ 0x3f8
LSR_THRE	equ 0x20
PM1A_CNT	equ 0x604		; QEMU's and Partita's
PM1A_CNT_BOCHS	equ 0xb004
SLP_EN		equ 0x2000		; with SLP_TYP 0, S5 on all of them
TEST_VECTOR	equ 0x60		; one of those left to programs

start:
	cli
	cld
	call	.here
.here:	pop	bx			; the offset at which we really run
	mov	ax, cs
	xor	cx, cx
	mov	ds, cx
	mov	es, cx
	mov	ss, cx
	mov	sp, 0x7c00
	shl	ax, 4
	add	ax, bx
	push	ax
	call	serial_init
	mov	si, msg_hello
	call	print

	mov	si, msg_mode		; 1: CR0.PE is clear
	mov	eax, cr0
	test	al, 1
	call	check

	mov	si, msg_place		; 2: CS * 16 + IP
	pop	ax
	cmp	ax, start.here
	call	check

	mov	si, msg_segment		; 3: 0700:1234 is 0000:8234
	mov	word [0x8234], 0
	mov	ax, 0x0700
	mov	es, ax
	mov	word [es:0x1234], 0x55aa
	cmp	word [0x8234], 0x55aa
	call	check

	mov	si, msg_wide		; 4: 32-bit registers work in 16-bit code
	mov	eax, 0x12345678
	ror	eax, 16
	cmp	ax, 0x1234
	call	check

	mov	si, msg_int		; 5: INT goes through the table at 0
	mov	word [TEST_VECTOR * 4], handler
	mov	word [TEST_VECTOR * 4 + 2], 0
	xor	ax, ax
	int	TEST_VECTOR
	cmp	ax, 0xcafe
	call	check

	mov	si, msg_pass
	cmp	byte [failed], 0
	je	.verdict
	mov	si, msg_fail
.verdict:
	call	print
	mov	ax, SLP_EN
	mov	dx, PM1A_CNT
	out	dx, ax
	mov	dx, PM1A_CNT_BOCHS
	out	dx, ax
.stop:	cli
	hlt
	jmp	.stop

handler:
	mov	ax, 0xcafe
	iret

; Prints the line of the check: ZF says whether it holds, SI is its text.
check:
	push	si
	mov	si, msg_ok
	je	.ok
	mov	byte [failed], 1
	mov	si, msg_not
	call	print
	mov	si, msg_ok
.ok:	call	print
	mov	al, [number]
	inc	byte [number]
	call	putc
	pop	si
	; falls into print

print:
	lodsb
	test	al, al
	jz	.done
	call	putc
	jmp	print
.done:	ret

putc:
	mov	ah, al
	mov	dx, COM1 + 5
	mov	cx, 0xffff		; bounded, for a console that is never ready
.wait:	in	al, dx
	test	al, LSR_THRE
	loopz	.wait
	mov	al, ah
	mov	dx, COM1
	out	dx, al
	ret

serial_init:				; 115200 baud, 8 bits, no parity, 1 stop bit
	mov	si, uart_setup
	mov	cx, (uart_setup_end - uart_setup) / 2
.next:	lodsw
	mov	dx, COM1
	add	dl, al
	mov	al, ah
	out	dx, al
	loop	.next
	ret

uart_setup:				; register, value
	db	1, 0x00
	db	3, 0x83
	db	0, 0x01
	db	1, 0x00
	db	3, 0x03
	db	2, 0x07
	db	4, 0x03
uart_setup_end:

number:		db "1"
failed:		db 0
msg_hello:	db "hello16: real mode", 13, 10, 0
msg_not:	db "not ", 0
msg_ok:		db "ok ", 0
msg_mode:	db " - CR0.PE is clear", 13, 10, 0
msg_place:	db " - loaded at 7C00", 13, 10, 0
msg_segment:	db " - segment * 16 + offset", 13, 10, 0
msg_wide:	db " - 32-bit registers", 13, 10, 0
msg_int:	db " - INT by the table at 0", 13, 10, 0
msg_pass:	db "verdict: PASS", 13, 10, 0
msg_fail:	db "verdict: FAIL", 13, 10, 0

	times	510 - ($ - $$) db 0
	dw	0xaa55
