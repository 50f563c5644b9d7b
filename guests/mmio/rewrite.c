/*
 * The instruction that a monitor emulates is the one that lies at RIP now: after a store to it,
 * after a change of any page table that leads to it, and in another address space. Each step runs
 * the access at the same virtual address and looks at what it did.
 */
#include "mmio.h"

#define CODE_PAGE 4 /* of the window, and the one behind it */
#define VALUE 0x12345678
#define ROUNDS 3
#define PTE_ADDRESS 0x000ffffffffff000

/* Machine code at CODE: reads or writes [rdi] with EAX, or stores an immediate, and returns. */
static const u8 load[] = { 0x8b, 0x07, 0xc3 };
static const u8 load_ecx[] = { 0x8b, 0x0f, 0xc3 };
static const u8 store[] = { 0x89, 0x07, 0xc3 };
static const u8 store_imm[] = { 0xc7, 0x07, 0x21, 0x43, 0x65, 0x07, 0xc3 };
static const u8 add_one[] = { 0x83, 0x07, 0x01, 0xc3 };

static u8 frames[3][PAGE_SIZE] __attribute__((aligned(4096)));
static u64 own[5][512] __attribute__((aligned(4096))); /* page tables, by level */
static u64 *live[5];				       /* the entries that lead to the code */

static u64 code = WINDOW + CODE_PAGE * PAGE_SIZE;

static void put(u32 frame, u32 offset, const u8 *insn, size_t size)
{
	memcpy(frames[frame] + offset, insn, size);
}
#define PUT(frame, insn) put(frame, 0, insn, sizeof(insn))

static void map_code(u32 page, u32 frame)
{
	window_map(CODE_PAGE + page, (u64)frames[frame] | PTE_PRESENT | PTE_WRITE);
}

/* EAX is `eax` before; the answer is EAX or, in the upper half, ECX after. */
static u64 run_at(u64 at, u32 eax)
{
	u64 a = eax, c = 0x55;

	asm volatile("call *%2"
		     : "+a"(a), "+c"(c)
		     : "r"(at), "D"(phys(LAPIC_BASE + LAPIC_TIMER_INITIAL))
		     : "memory", "cc");
	return (u32)a | c << 32;
}

/* Whether this instruction ran, by all that it left. */
static bool ran(u64 at, const u8 *insn)
{
	u32 eax = insn == store ? 0x0badcafe : 0x55, cell = VALUE, ecx = 0x55;
	u64 left;

	lapic_write(LAPIC_TIMER_INITIAL, VALUE);
	left = run_at(at, eax);
	if (insn == load)
		eax = VALUE;
	else if (insn == load_ecx)
		ecx = VALUE;
	else if (insn == store)
		cell = 0x0badcafe;
	else
		cell = insn == add_one ? VALUE + 1 : 0x07654321;
	return left == ((u64)ecx << 32 | eax) && lapic_read(LAPIC_TIMER_INITIAL) == cell;
}

static void check_rewritten(void)
{
	static const struct {
		const u8 *insn;
		size_t size;
	} steps[] = {
		{ load, sizeof(load) },	      { load_ecx, sizeof(load_ecx) },
		{ store, sizeof(store) },     { store_imm, sizeof(store_imm) },
		{ add_one, sizeof(add_one) },
	};
	u32 good = 0;

	map_code(0, 0);
	for (u32 round = 0; round < ROUNDS; round++) {
		for (u32 i = 0; i < ARRAY_SIZE(steps); i++) {
			put(0, 0, steps[i].insn, steps[i].size);
			good += ran(code, steps[i].insn) && ran(code, steps[i].insn);
		}
	}
	check_eq(good, ROUNDS * ARRAY_SIZE(steps), "an instruction that is rewritten");
}

static void check_remapped(void)
{
	u32 good = 0;

	PUT(0, load);
	PUT(1, store);
	for (u32 round = 0; round < ROUNDS; round++) {
		map_code(0, 0);
		good += ran(code, load);
		map_code(0, 1);
		good += ran(code, store);
	}
	check_eq(good, ROUNDS * 2, "an instruction whose page is mapped to another frame");
}

/* The address of the immediate is what changes, in the page behind. */
static void check_crossing(void)
{
	u64 at = code + PAGE_SIZE - 2;
	u32 good = 0;

	put(0, PAGE_SIZE - 2, store_imm, 2);
	memcpy(frames[1], store_imm + 2, sizeof(store_imm) - 2);
	memcpy(frames[2], "\x55\x55\x55\x05\xc3", 5);
	map_code(0, 0);
	for (u32 round = 0; round < ROUNDS; round++) {
		map_code(1, 1);
		good += ran(at, store_imm);
		map_code(1, 2);
		run_at(at, 0);
		good += lapic_read(LAPIC_TIMER_INITIAL) == 0x05555555;
	}
	check_eq(good, ROUNDS * 2, "an instruction across two pages, of which one changes");
}

static u32 index_of(u32 level)
{
	return code >> (12 + 9 * (level - 1)) & 511;
}

/* Copies of the tables at every level, but for the way to the code: that leads to frame 1. */
static void make_own_tables(void)
{
	u64 *table = phys(read_cr3() & PTE_ADDRESS);

	for (u32 level = 4; level > 0; level--) {
		u64 target = level > 1 ? (u64)own[level - 1] : (u64)frames[1];

		memcpy(own[level], table, PAGE_SIZE);
		own[level][index_of(level)] = target | PTE_PRESENT | PTE_WRITE;
		live[level] = &table[index_of(level)];
		table = phys(*live[level] & PTE_ADDRESS);
	}
}

static void set_entry(u64 *entry, u64 value)
{
	*(volatile u64 *)entry = value;
	write_cr3(read_cr3());
}

static void check_tables(void)
{
	u64 cr3 = read_cr3();
	u32 good = 0;

	PUT(0, load);
	PUT(1, store);
	map_code(0, 0);
	make_own_tables();
	for (u32 level = 2; level <= 4; level++) {
		u64 old = *live[level];
		bool first = ran(code, load), second;

		set_entry(live[level], (u64)own[level - 1] | PTE_PRESENT | PTE_WRITE);
		second = ran(code, store);
		set_entry(live[level], old);
		check(first && second && ran(code, load), "a table of level %u is another",
		      level - 1);
	}
	for (u32 round = 0; round < ROUNDS; round++) {
		good += ran(code, load);
		write_cr3((u64)own[4]);
		good += ran(code, store);
		write_cr3(cr3);
	}
	check_eq(good, ROUNDS * 2, "another address space");
}

void mmio_check_rewritten(void)
{
	print("group: rewritten\n");
	check_rewritten();
	check_remapped();
	check_crossing();
	check_tables();
	lapic_write(LAPIC_TIMER_INITIAL, 0);
}
