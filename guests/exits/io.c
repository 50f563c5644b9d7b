/* IN and OUT: sizes, operand forms, what they do to RAX, and ports with nothing behind them. */
#include "exits.h"

#define SEED 0x1122334455667788ull
#define POST_PORT 0x80
#define CMOS_INDEX 0x70
#define CMOS_DATA 0x71
#define CMOS_STATUS 0x0f /* shutdown status: a byte of RAM nobody reads while we run */

u32 survive_in(void);

static u64 in_to_rax(u32 size, u16 port)
{
	u64 rax = SEED;

	switch (size) {
	case 1: asm volatile("inb %%dx, %%al" : "+a"(rax) : "d"(port)); break;
	case 2: asm volatile("inw %%dx, %%ax" : "+a"(rax) : "d"(port)); break;
	default: asm volatile("inl %%dx, %%eax" : "+a"(rax) : "d"(port));
	}
	return rax;
}

static void check_void(void)
{
	check_eq(in_to_rax(1, VOID_PORT), 0x11223344556677ff, "IN AL, stray port: AL is FF");
	check_eq(in_to_rax(2, VOID_PORT), 0x112233445566ffff, "IN AX, stray port: AX is FFFF");
	check_eq(in_to_rax(4, VOID_PORT), 0x00000000ffffffff,
		 "IN EAX, stray port: ones, and the upper half of RAX is 0");
	outb(VOID_PORT, 0);
	outw(VOID_PORT, 0);
	outl(VOID_PORT, 0);
	check_eq(inl(VOID_PORT), 0xffffffff, "OUT to a stray port is ignored");
	/* A 32-bit access at the very end of port space. */
	check_eq(inb(0xfff7), 0xff, "a stray port near the end of port space");
}

static void check_devices(void)
{
	u32 old = inl(LONG_PORT);

	outb(BYTE_PORT, 0x5a);
	check_eq(inb(BYTE_PORT), 0x5a, "OUT DX, AL and IN AL, DX");
	check_eq(in_to_rax(1, BYTE_PORT), (SEED & ~0xffull) | 0x5a,
		 "IN AL leaves the rest of RAX alone");
	outl(LONG_PORT, 0x80a5f0fc);
	check_eq(inl(LONG_PORT), 0x80a5f0fc, "OUT DX, EAX and IN EAX, DX");
	check_eq(in_to_rax(4, LONG_PORT), 0x80a5f0fc, "IN EAX clears the upper half of RAX");
	outl(LONG_PORT, old);
	check_eq(survive_in(), 0, "no other register changes");
}

/* The port in the instruction itself. */
static void check_immediate(void)
{
	u8 value, old;

	asm volatile("outb %%al, %0" : : "N"(CMOS_INDEX), "a"((u8)CMOS_STATUS));
	asm volatile("inb %1, %0" : "=a"(old) : "N"(CMOS_DATA));
	asm volatile("outb %%al, %0" : : "N"(CMOS_INDEX), "a"((u8)CMOS_STATUS));
	asm volatile("outb %%al, %0" : : "N"(CMOS_DATA), "a"((u8)0xa5));
	asm volatile("outb %%al, %0" : : "N"(CMOS_INDEX), "a"((u8)CMOS_STATUS));
	asm volatile("inb %1, %0" : "=a"(value) : "N"(CMOS_DATA));
	check_eq(value, 0xa5, "OUT imm8, AL and IN AL, imm8");
	asm volatile("outb %%al, %0" : : "N"(CMOS_INDEX), "a"((u8)CMOS_STATUS));
	asm volatile("outb %%al, %0" : : "N"(CMOS_DATA), "a"(old));
	for (u32 i = 0; i < 16; i++)
		outb(POST_PORT, (u8)i);
	outw(POST_PORT, 0x1234);
	outl(POST_PORT, 0x12345678);
	check(true, "port 80h takes writes of every size");
}

static void check_prefixes(void)
{
	u64 rax = SEED, after = 0;

	outb(BYTE_PORT, 0x3c);
	TRY(".byte 0x2e, 0x67, 0x40, 0xec\n\tincq %1", /* CS: a32 REX IN AL, DX */
	    : "+a"(rax), "+m"(after)
	    : "d"(BYTE_PORT)
	    : "r11", "memory");
	check(fault.vector == VEC_NONE && after == 1 && (rax & 0xff) == 0x3c,
	      "IN with three prefixes");
	rax = SEED;
	TRY(".byte 0x48, 0xed", /* REX.W IN EAX, DX: I/O has no 64-bit form */
	    : "+a"(rax)
	    : "d"(VOID_PORT)
	    : "r11", "memory");
	check_eq(rax, 0xffffffff, "IN with REX.W still reads 32 bits");
}

void exits_io(void)
{
	check_void();
	check_devices();
	check_immediate();
	check_prefixes();
}
