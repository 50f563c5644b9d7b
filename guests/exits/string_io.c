/*
 * INS and OUTS: the processor moves the data between a port and memory by itself, so a monitor
 * that emulates them has to do everything a processor does with memory: segment bases, address
 * size, direction, pages, and page faults in the middle.
 */
#include "exits.h"

#define PM1A_ENABLE 0x602 /* a 16-bit register: ACPI 6.4, 4.8.3.1.2 */
#define PM1A_ENABLE_BOCHS 0xb002
#define PM1_GBL_EN 0x0020
#define PM1_PWRBTN_EN 0x0100

struct string_regs {
	u64 rsi, rdi, rcx;
};

static u8 buffer[4 * PAGE_SIZE] __attribute__((aligned(4096)));

#define STRING_IO(code, port, r)                             \
	TRY(code,                                            \
	    : "+S"((r)->rsi), "+D"((r)->rdi), "+c"((r)->rcx) \
	    : "d"((u64)(port))                               \
	    : "r11", "memory", "cc")

static bool filled(const u8 *p, u8 value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (p[i] != value)
			return false;
	return true;
}

static void check_outs(void)
{
	struct string_regs r = { (u64)buffer, 0, 77 };

	memcpy(buffer, "\x11\x22\x33\x44\x55", 5);
	STRING_IO("outsb", BYTE_PORT, &r);
	check(inb(BYTE_PORT) == 0x11 && r.rsi == (u64)buffer + 1 && r.rcx == 77,
	      "OUTSB moves one byte and leaves RCX");
	r = (struct string_regs){ (u64)buffer, 0, 4 };
	STRING_IO("rep outsb", BYTE_PORT, &r);
	check(inb(BYTE_PORT) == 0x44 && r.rsi == (u64)buffer + 4 && r.rcx == 0,
	      "REP OUTSB goes upwards");
	r = (struct string_regs){ (u64)buffer + 4, 0, 4 };
	STRING_IO("std\n\trep outsb\n\tcld", BYTE_PORT, &r);
	check(inb(BYTE_PORT) == 0x22 && r.rsi == (u64)buffer && r.rcx == 0,
	      "REP OUTSB with DF goes downwards");
	r = (struct string_regs){ 8, 0, 0 };
	STRING_IO("rep outsb", BYTE_PORT, &r);
	check(fault.vector == VEC_NONE && r.rsi == 8, "REP OUTSB with RCX = 0 does nothing");
}

static void check_ins(void)
{
	struct string_regs r = { 0, (u64)buffer + 1, 6 };

	memset(buffer, 0xee, 64);
	outb(BYTE_PORT, 0x77);
	STRING_IO("rep insb", BYTE_PORT, &r);
	check(buffer[0] == 0xee && filled(buffer + 1, 0x77, 6) && buffer[7] == 0xee,
	      "REP INSB writes its bytes and no other");
	check(r.rdi == (u64)buffer + 7 && r.rcx == 0, "REP INSB counts");
	memset(buffer, 0xee, 64);
	r = (struct string_regs){ 0, (u64)buffer + 20, 5 };
	STRING_IO("std\n\trep insb\n\tcld", BYTE_PORT, &r);
	check(filled(buffer + 16, 0x77, 5) && buffer[15] == 0xee && buffer[21] == 0xee &&
		  r.rdi == (u64)buffer + 15,
	      "REP INSB with DF goes downwards");
	r = (struct string_regs){ 0, 8, 0 };
	STRING_IO("rep insb", BYTE_PORT, &r);
	check(fault.vector == VEC_NONE, "REP INSB with RCX = 0 does nothing");
	memset(buffer, 0, sizeof(buffer));
	r = (struct string_regs){ 0, (u64)buffer + 100, 9000 };
	STRING_IO("rep insb", BYTE_PORT, &r);
	check(filled(buffer + 100, 0x77, 9000) && !buffer[99] && !buffer[9100] && !r.rcx,
	      "REP INSB over three pages");
}

static u16 word_port(void)
{
	static const u16 ports[] = { PM1A_ENABLE, PM1A_ENABLE_BOCHS };

	for (u32 i = 0; i < ARRAY_SIZE(ports); i++) {
		outw(ports[i], PM1_PWRBTN_EN);
		if ((inw(ports[i]) & (PM1_PWRBTN_EN | PM1_GBL_EN)) == PM1_PWRBTN_EN)
			return ports[i];
	}
	return 0;
}

static void check_words(void)
{
	u16 port = word_port(), *words = (u16 *)buffer;
	struct string_regs r = { (u64)buffer, 0, 2 };

	if (!port) {
		check_skip("no 16-bit register found", "REP OUTSW and REP INSW");
		return;
	}
	words[0] = PM1_PWRBTN_EN | PM1_GBL_EN;
	words[1] = PM1_GBL_EN;
	STRING_IO("rep outsw", port, &r);
	check(r.rsi == (u64)buffer + 4 && (inw(port) & 0x120) == PM1_GBL_EN, "REP OUTSW");
	r = (struct string_regs){ 0, (u64)buffer + 1, 3 };
	memset(buffer, 0, 16);
	STRING_IO("rep insw", port, &r);
	check(r.rdi == (u64)buffer + 7 && (buffer[5] & 0x20) && !buffer[7], "REP INSW");
	outw(port, 0);
}

static void check_longs(void)
{
	static const u32 values[] = { 0x80000000, 0x80123400, 0x80fedc98 };
	struct string_regs r = { (u64)buffer + 2, 0, 3 };
	u32 read[3];

	memcpy(buffer + 2, values, sizeof(values));
	STRING_IO("rep outsl", LONG_PORT, &r);
	check(inl(LONG_PORT) == values[2] && r.rsi == (u64)buffer + 14, "REP OUTSD");
	r = (struct string_regs){ 0, (u64)buffer + 30, 3 };
	STRING_IO("rep insl", LONG_PORT, &r);
	memcpy(read, buffer + 30, sizeof(read));
	check(read[0] == values[2] && read[2] == values[2] && r.rdi == (u64)buffer + 42,
	      "REP INSD");
	memset(buffer, 0, 64);
	r = (struct string_regs){ 0, (u64)buffer + 8, 2 };
	STRING_IO("rep insl", VOID_PORT, &r);
	check(filled(buffer + 8, 0xff, 8) && !buffer[7] && !buffer[16],
	      "REP INSD from a stray port reads ones");
	r = (struct string_regs){ 0, (u64)buffer + 24, 3 };
	STRING_IO("rep insw", VOID_PORT, &r);
	check(filled(buffer + 24, 0xff, 6) && !buffer[23] && !buffer[30],
	      "REP INSW from a stray port reads ones");
	outl(LONG_PORT, 0);
}

static void check_segments(void)
{
	struct string_regs r = { 3, 0, 1 };

	memcpy(buffer, "\x10\x21\x32\x43\x54\x65", 6);
	wrmsr(MSR_FS_BASE, (u64)buffer);
	wrmsr(MSR_GS_BASE, (u64)buffer + 1);
	STRING_IO("rep outsb %%fs:(%%rsi), %%dx", BYTE_PORT, &r);
	check(fault.vector == VEC_NONE && inb(BYTE_PORT) == 0x43 && r.rsi == 4,
	      "OUTSB with an FS base");
	r = (struct string_regs){ 3, 0, 1 };
	STRING_IO("rep outsb %%gs:(%%rsi), %%dx", BYTE_PORT, &r);
	check(fault.vector == VEC_NONE && inb(BYTE_PORT) == 0x54, "OUTSB with a GS base");
	wrmsr(MSR_FS_BASE, 0);
	wrmsr(MSR_GS_BASE, 0);
	r = (struct string_regs){ 0, (u64)buffer, 0x500000002 };
	STRING_IO(".byte 0x67, 0xf3, 0x6c", BYTE_PORT, &r); /* a32 REP INSB */
	check(filled(buffer, 0x54, 2) && buffer[2] == 0x32 && (u32)r.rcx == 0,
	      "REP INSB with 32-bit addresses counts in ECX");
}

/* Two window pages that are neighbours, over frames that are not. */
static u8 *map_split(u64 second_flags)
{
	u8 *at = window_map(0, (u64)(buffer + 2 * PAGE_SIZE) | PTE_PRESENT | PTE_WRITE);

	window_map(1, second_flags ? (u64)buffer | second_flags : 0);
	return at;
}

static void check_page_crossing(void)
{
	u8 *at = map_split(PTE_PRESENT | PTE_WRITE), *edge = at + PAGE_SIZE;
	struct string_regs r = { (u64)edge - 2, 0, 1 };
	u32 value = 0x80765430;

	memcpy(buffer + 3 * PAGE_SIZE - 2, &value, 2);
	memcpy(buffer, (u8 *)&value + 2, 2);
	STRING_IO("rep outsl", LONG_PORT, &r);
	check_eq(inl(LONG_PORT), value, "OUTSD with its data on two pages");
	memset(buffer, 0, 16);
	memset(buffer + 3 * PAGE_SIZE - 8, 0, 8);
	r = (struct string_regs){ 0, (u64)edge - 3, 1 };
	STRING_IO("insl", LONG_PORT, &r);
	check(buffer[3 * PAGE_SIZE - 3] == 0x30 && buffer[3 * PAGE_SIZE - 1] == 0x76 &&
		  buffer[0] == 0x80,
	      "INSD with its data on two pages");
	outl(LONG_PORT, 0);
}

static void check_faults(void)
{
	u8 *at = map_split(0), *edge = at + PAGE_SIZE;
	struct string_regs r = { (u64)edge - 3, 0, 8 };

	memcpy(buffer + 3 * PAGE_SIZE - 3, "\x61\x62\x63", 3);
	STRING_IO("rep outsb", BYTE_PORT, &r);
	check_fault(VEC_PF, 0, "REP OUTSB runs into a page that is not present");
	check_eq(fault.cr2, (u64)edge, "CR2 is the first byte of that page");
	check(r.rsi == (u64)edge && r.rcx == 5, "RSI and RCX say how far it came");
	check_eq(inb(BYTE_PORT), 0x63, "the bytes before the fault were written");
	r = (struct string_regs){ (u64)edge - 2, 0, 1 };
	STRING_IO("rep outsl", LONG_PORT, &r);
	check_fault(VEC_PF, 0, "OUTSD half on a page that is not present");
	check_eq(fault.cr2, (u64)edge, "CR2 is where that page begins");
	map_split(PTE_PRESENT);
	r = (struct string_regs){ 0, (u64)edge - 2, 4 };
	memset(buffer, 0, 4);
	STRING_IO("rep insb", BYTE_PORT, &r);
	check_fault(VEC_PF, PF_PRESENT | PF_WRITE, "REP INSB runs into a read-only page");
	check(fault.cr2 == (u64)edge && r.rdi == (u64)edge && r.rcx == 2 && buffer[0] == 0,
	      "CR2, RDI and RCX are right, and nothing was written");
	r = (struct string_regs){ 0x8000000000000000, 0, 1 };
	STRING_IO("rep outsb", BYTE_PORT, &r);
	check_fault(VEC_GP, 0, "OUTSB from an address that is not canonical");
}

void exits_string_io(void)
{
	check_outs();
	check_ins();
	check_words();
	check_longs();
	check_segments();
	check_page_crossing();
	check_faults();
}
