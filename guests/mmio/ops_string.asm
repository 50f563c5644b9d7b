; String instructions with memory that is not RAM on one side or on both.

%include "mmio/ops.inc"

ops_begin string_ops

	op "stosb", 1
	stosb
	ret
	op "stosw", 2
	stosw
	ret
	op "stosd", 4
	stosd
	ret
	op "stosq", 8
	stosq
	ret
	op "stosd downwards", 4
	std
	stosd
	cld
	ret
	op "rep stosd, RCX = 1", 4
	mov	ecx, 1
	rep stosd
	ret
	op "rep stosd, RCX = 0", 4
	xor	ecx, ecx
	rep stosd
	ret
	op "rep stosb, 21 bytes", 0
	mov	ecx, 21
	rep stosb
	ret
	op "rep stosq, 9 of them downwards", 0
	mov	ecx, 9
	std
	rep stosq
	cld
	ret
	op "rep stosd across two pages", CROSS
	add	rdi, EDGE - 10
	mov	ecx, 5
	rep stosd
	ret
	op "a32 rep stosd", 0
	mov	rcx, 0x700000003
	a32 rep stosd
	ret

	op "lodsb", 1
	mov	rsi, rdi
	lodsb
	ret
	op "lodsw", 2
	mov	rsi, rdi
	lodsw
	ret
	op "lodsd", 4
	mov	rsi, rdi
	lodsd
	ret
	op "lodsq", 8
	mov	rsi, rdi
	lodsq
	ret
	op "rep lodsd, 4 of them", 0
	mov	rsi, rdi
	mov	ecx, 4
	rep lodsd
	ret
	op "fs lodsd", 4
	mov	esi, 0x40
	fs lodsd
	ret

	op "movsb from the device", 1
	mov	rsi, rdi
	mov	rdi, rdx
	movsb
	ret
	op "movsw from the device", 2
	mov	rsi, rdi
	mov	rdi, rdx
	movsw
	ret
	op "movsd from the device", 4
	mov	rsi, rdi
	mov	rdi, rdx
	movsd
	ret
	op "movsq from the device", 8
	mov	rsi, rdi
	mov	rdi, rdx
	movsq
	ret
	op "movsb to the device", 1
	mov	rsi, rdx
	movsb
	ret
	op "movsd to the device", 4
	mov	rsi, rdx
	movsd
	ret
	op "movsd to the device, downwards", 4
	mov	rsi, rdx
	std
	movsd
	cld
	ret
	op "movsq to the device", 8
	mov	rsi, rdx
	movsq
	ret
	op "rep movsd from the device, RCX = 1", 4
	mov	rsi, rdi
	mov	rdi, rdx
	mov	ecx, 1
	rep movsd
	ret
	op "rep movsb from the device, 100 bytes", 0
	mov	rsi, rdi
	mov	rdi, rdx
	mov	ecx, 100
	rep movsb
	ret
	op "rep movsq to the device, 10 of them", 0
	mov	rsi, rdx
	mov	ecx, 10
	rep movsq
	ret
	op "rep movsd from device to device", 0
	lea	rsi, [rdi + 0x100]
	mov	ecx, 6
	rep movsd
	ret
	op "rep movsb from the device across two pages", CROSS
	lea	rsi, [rdi + EDGE - 7]
	mov	rdi, rdx
	mov	ecx, 20
	rep movsb
	ret
	op "rep movsd to the device across two pages", CROSS
	add	rdi, EDGE - 6
	mov	rsi, rdx
	mov	ecx, 4
	rep movsd
	ret

ops_end
