// SOURCES: vmm/fetch.c vmm/insn_cache.c vmm/decode.c vmm/decode_tables.c
// SOURCES: vmm/guestwalk.c vmm/guestwalk_access.c tests/unit/stubs/vcpu.c
// SOURCES: mm/gmem.c mm/gpspace.c mm/pt.c mm/pt_format.c mm/frame.c mm/memmap.c
// SOURCES: tests/unit/stubs/arena.c tests/unit/stubs/frames.c tests/unit/stubs/panic.c
// LINK: -Wl,--wrap=guest_translate_code -Wl,--wrap=insn_decode
/*
 * Code pages and instructions that are kept: used when nothing has changed, and never when anything
 * has that a walk or the decoder would see.
 */
#include "tests/unit/stubs/unit.h"

#include <string.h>

#include "error.h"
#include "tests/unit/stubs/vcpu.h"
#include "vmm/fetch.h"
#include "vmm/insn_cache.h"
#include "x86/msr.h"

#define P 1u
#define W 2u
#define U 4u
#define A 0x20u
#define PS 0x80u
#define NX BIT(63)

#define GVA 0x80000ull /* code of the tests, mapped to FRAME */
#define FRAME 0x90000ull
#define OTHER 0x94000ull
#define TABLE 0x98000ull /* for tables beside those of fake_long_paging() */

static struct vcpu *const v = &fake.vcpu;
static unsigned walks, decodes;

int __real_guest_translate_code(struct vcpu *vcpu, const struct guest_context *c, gva_t gva,
				struct walk_words *words, gpa_t *gpa, u32 *error);
int __wrap_guest_translate_code(struct vcpu *vcpu, const struct guest_context *c, gva_t gva,
				struct walk_words *words, gpa_t *gpa, u32 *error);
int __real_insn_decode(struct insn *insn, const u8 *bytes, unsigned len, unsigned bits);
int __wrap_insn_decode(struct insn *insn, const u8 *bytes, unsigned len, unsigned bits);

int __wrap_guest_translate_code(struct vcpu *vcpu, const struct guest_context *c, gva_t gva,
				struct walk_words *words, gpa_t *gpa, u32 *error)
{
	walks++;
	return __real_guest_translate_code(vcpu, c, gva, words, gpa, error);
}

int __wrap_insn_decode(struct insn *insn, const u8 *bytes, unsigned len, unsigned bits)
{
	decodes++;
	return __real_insn_decode(insn, bytes, len, bits);
}

static int setup(void **state)
{
	fake_start(state);
	fake_long_paging();
	for (unsigned i = 0; i < 0x4000; i += 8) {
		fake_poke(FRAME + i, 0x9090909090909090, 8); /* NOP */
		fake_poke(OTHER + i, 0xf4f4f4f4f4f4f4f4, 8); /* HLT */
	}
	for (unsigned i = 0; i < 3; i++)
		fake_map(GVA + i * 0x1000, (FRAME + i * 0x1000) | P | A);
	fake.reg[REG_RIP] = GVA + 0x100;
	return 0;
}

static unsigned fetch(u8 *buf, unsigned max)
{
	struct guest_context c;

	walks = 0;
	backend->get_context(v, &c);
	return guest_fetch(v, &c, buf, max);
}

/* The first byte at RIP, or -1, and that it took this many walks. */
static int byte_at_rip(unsigned expect_walks)
{
	u8 byte;
	unsigned n = fetch(&byte, 1);

	assert_int_equal(walks, expect_walks);
	return n ? byte : -1;
}

#define NOP 0x90
#define HLT 0xf4

static void test_kept(void **state)
{
	u8 buf[15];

	(void)state;
	assert_int_equal(byte_at_rip(1), NOP);
	assert_int_equal(byte_at_rip(0), NOP);
	fake.reg[REG_RIP] = GVA + 0xff0; /* elsewhere in the page */
	assert_int_equal(byte_at_rip(0), NOP);
	fake_poke(FRAME + 0xff0, 0x1234, 2); /* the bytes are never kept */
	assert_int_equal(fetch(buf, 2), 2);
	assert_int_equal(walks, 0);
	assert_memory_equal(buf, "\x34\x12", 2);
	assert_int_equal(fake_entry(GVA, 1), FRAME | P | A);
}

static void test_page_crossing(void **state)
{
	u8 buf[15];

	(void)state;
	fake_poke(FRAME + 0xffc, 0x44332211, 4);
	fake_map(GVA + 0x1000, OTHER | P);
	fake_poke(OTHER, 0x5566, 2);
	fake.reg[REG_RIP] = GVA + 0xffc;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(fetch(buf, sizeof(buf)), 15);
		assert_memory_equal(buf, "\x11\x22\x33\x44\x66\x55\xf4", 7);
		assert_int_equal(walks, i ? 0 : 2);
	}
	fake_map(GVA + 0x1000, (OTHER + 0x1000) | P);
	assert_int_equal(fetch(buf, sizeof(buf)), 15);
	assert_memory_equal(buf, "\x11\x22\x33\x44\xf4", 5);
	assert_int_equal(walks, 1);
	fake_map(GVA + 0x1000, 0);
	assert_int_equal(fetch(buf, sizeof(buf)), 4);
	fake_map(GVA, FAKE_DEVICE | P);
	assert_int_equal(fetch(buf, sizeof(buf)), 0);
	assert_int_equal(fake.access_count, 0); /* devices are not read */
	assert_int_equal(fake.vector, -1);
}

static void test_tables_changed(void **state)
{
	(void)state;
	for (unsigned level = 1; level <= 4; level++) {
		u64 good = fake_entry(GVA, level);

		assert_int_equal(byte_at_rip(1), NOP);
		assert_int_equal(byte_at_rip(0), NOP);
		fake_set_entry(GVA, level, good & ~(u64)P);
		assert_int_equal(byte_at_rip(1), -1);
		assert_int_equal(byte_at_rip(1), -1); /* what is not there is not kept */
		fake_set_entry(GVA, level, good);
		assert_int_equal(byte_at_rip(1), NOP);
		fake_set_entry(GVA, level, good | NX);
		assert_int_equal(byte_at_rip(1), -1);
		fake_set_entry(GVA, level, good);
	}
}

static void test_to_other_code(void **state)
{
	/* Tables of their own for every level, from the PML4's child down to a page of HLTs. */
	static const gpa_t own[5] = { 0, OTHER, TABLE, TABLE + 0x1000, TABLE + 0x2000 };

	(void)state;
	fake_poke(own[2] + (GVA >> 12 & 511) * 8, OTHER | P, 8);
	fake_poke(own[3] + (GVA >> 21 & 511) * 8, own[2] | P, 8);
	fake_poke(own[4] + (GVA >> 30 & 511) * 8, own[3] | P, 8);
	for (unsigned level = 1; level <= 4; level++) {
		u64 good = fake_entry(GVA, level);

		assert_int_equal(byte_at_rip(1), NOP);
		fake_set_entry(GVA, level, own[level] | P);
		assert_int_equal(byte_at_rip(1), HLT);
		assert_int_equal(byte_at_rip(0), HLT);
		fake_set_entry(GVA, level, good);
	}
	assert_int_equal(byte_at_rip(1), NOP);
}

/* Walks that end early. */
static void test_large_pages(void **state)
{
	(void)state;
	fake_set_entry(GVA, 2, 0x200000 | P | PS);
	fake_poke(0x200000 + fake.reg[REG_RIP], HLT, 1);
	assert_int_equal(byte_at_rip(1), HLT);
	assert_int_equal(byte_at_rip(0), HLT);
	fake_set_entry(GVA, 2, P | PS);
	fake_poke(fake.reg[REG_RIP], 0x55, 1);
	assert_int_equal(byte_at_rip(1), 0x55);
	fake_set_entry(GVA, 3, P | PS);
	assert_int_equal(byte_at_rip(1), 0x55);
	assert_int_equal(byte_at_rip(0), 0x55);
	fake_set_entry(GVA, 3, 0);
	assert_int_equal(byte_at_rip(1), -1);
}

static void test_address_spaces(void **state)
{
	u64 first = fake.reg[REG_CR3];

	(void)state;
	assert_int_equal(byte_at_rip(1), NOP);
	for (unsigned i = 0; i < 512; i++) /* a PML4 of its own, with the same tables below */
		fake_poke(TABLE + i * 8, fake_peek(first + i * 8, 8), 8);
	fake.reg[REG_CR3] = TABLE;
	assert_int_equal(byte_at_rip(1), NOP);
	assert_int_equal(byte_at_rip(0), NOP);
	fake_poke(TABLE, 0, 8);
	assert_int_equal(byte_at_rip(1), -1);
	fake.reg[REG_CR3] = first;
	assert_int_equal(byte_at_rip(1), NOP);
	fake.reg[REG_CR3] |= 5; /* a PCID */
	assert_int_equal(byte_at_rip(1), NOP);
}

static void test_rights(void **state)
{
	(void)state;
	assert_int_equal(byte_at_rip(1), NOP);
	fake_mode(64, 3);
	fake.reg[REG_CR0] |= CR0_PG;
	assert_int_equal(byte_at_rip(1), -1); /* the kernel's page, in user code */
	fake_map(GVA, FRAME | P | U);
	assert_int_equal(byte_at_rip(1), NOP);
	assert_int_equal(byte_at_rip(0), NOP);
	fake_mode(64, 0);
	fake.reg[REG_CR0] |= CR0_PG;
	assert_int_equal(byte_at_rip(1), NOP);
	fake.reg[REG_CR4] |= CR4_SMEP;
	assert_int_equal(byte_at_rip(1), -1);
	fake_map(GVA, FRAME | P);
	assert_int_equal(byte_at_rip(1), NOP);
	fake_map(GVA, FRAME | P | NX);
	assert_int_equal(byte_at_rip(1), -1);
	fake.reg[REG_EFER] &= ~EFER_NXE;
	assert_int_equal(byte_at_rip(1), -1); /* a reserved bit */
	fake_map(GVA, FRAME | P);
	assert_int_equal(byte_at_rip(1), NOP);
	fake.reg[REG_EFER] |= EFER_NXE;
	assert_int_equal(byte_at_rip(1), NOP);
	fake.reg[REG_CR0] |= CR0_TS; /* nothing to do with it */
	fake.reg[REG_CR4] |= CR4_SMAP;
	assert_int_equal(byte_at_rip(0), NOP);
}

static void test_modes(void **state)
{
	u64 cr3 = fake.reg[REG_CR3];

	(void)state;
	fake_poke(GVA + 0x100, 0x55, 1); /* the frame of this address */
	assert_int_equal(byte_at_rip(1), NOP);
	fake_mode(32, 0); /* no paging */
	fake.reg[REG_EFER] = EFER_NXE;
	assert_int_equal(byte_at_rip(1), 0x55);
	assert_int_equal(byte_at_rip(1), 0x55);
	fake_mode(16, 0);
	fake.seg[SEG_CS].base = FRAME;
	fake.reg[REG_RIP] = 0x100;
	assert_int_equal(byte_at_rip(1), NOP);
	assert_int_equal(byte_at_rip(1), NOP);
	fake_mode(64, 0);
	fake.reg[REG_CR0] |= CR0_PG;
	fake.reg[REG_RIP] = GVA + 0x100;
	assert_int_equal(byte_at_rip(0), NOP); /* all is as it was */
	/* Compatibility mode: the same tables, but CS has a base. */
	fake.seg[SEG_CS].attr ^= SEG_ATTR_L | SEG_ATTR_DB;
	fake.seg[SEG_CS].base = 0x1000;
	fake_map(GVA + 0x1000, OTHER | P);
	assert_int_equal(byte_at_rip(1), HLT);
	assert_int_equal(fake.reg[REG_CR3], cr3);
}

/* What the nested tables' version guards: the entries are reached through them. */
static void test_nested_tables_changed(void **state)
{
	(void)state;
	assert_int_equal(byte_at_rip(1), NOP);
	fake.partition.space.pt.generation++;
	assert_int_equal(byte_at_rip(1), NOP);
	assert_int_equal(byte_at_rip(0), NOP);
}

/* Where the entry of a level is that translates gva in the tables of setup(). */
static gpa_t entry_address(gva_t gva, unsigned level)
{
	gpa_t table = fake.reg[REG_CR3];

	for (unsigned l = 4; l > level; l--)
		table = fake_peek(table + (gva >> (12 + 9 * (l - 1)) & 511) * 8, 8) & MASK(51, 12);
	return table + (gva >> (12 + 9 * (level - 1)) & 511) * 8;
}

#define ENTRIES 6 /* three pages, and the levels above */

static void mutate(u64 *seed, const gpa_t *entries)
{
	static const u64 flips[] = { P, W, U, A, PS, NX, BIT(13), BIT(40), 0x1000, 0x4000 };
	gpa_t at = entries[unit_random(seed) % ENTRIES];

	switch (unit_random(seed) % 10) {
	case 0: fake.reg[REG_CR4] ^= CR4_SMEP; break;
	case 1: fake.reg[REG_EFER] ^= EFER_NXE; break;
	case 2: fake.reg[REG_CR3] ^= unit_random(seed) % 2 ? 1 : 0x1000; break;
	case 3: fake.seg[SEG_SS].attr ^= SEG_ATTR_DPL; break;
	case 4: fake.seg[SEG_CS].attr ^= SEG_ATTR_L | SEG_ATTR_DB; break;
	case 5: fake_poke(FRAME + unit_random(seed) % 0x3000, unit_random(seed), 1); break;
	case 6: fake.reg[REG_RIP] = GVA + unit_random(seed) % 0x3000; break;
	default: fake_poke(at, fake_peek(at, 8) ^ flips[unit_random(seed) % ARRAY_SIZE(flips)], 8);
	}
}

/* Whatever changes: as one that keeps nothing. */
static void test_like_without(void **state)
{
	struct guest_context c;
	gpa_t entries[ENTRIES];
	u64 seed = 3;
	unsigned hits = 0;

	(void)state;
	for (unsigned i = 0; i < 50000; i++) {
		u8 kept[16] = { 0 }, fresh[16] = { 0 };
		struct code_pages pages;
		unsigned n;

		if (i % 25 == 0) {
			setup(NULL);
			for (unsigned e = 0; e < ENTRIES; e++)
				entries[e] = entry_address(GVA + (e < 3 ? e * 0x1000 : 0),
							   e < 3 ? 1 : e - 1);
		}
		if (unit_random(&seed) % 2)
			mutate(&seed, entries);
		backend->get_context(v, &c);
		walks = 0;
		n = guest_fetch(v, &c, kept, sizeof(kept));
		hits += n && !walks;
		pages = v->code;
		memset(&v->code, 0, sizeof(v->code));
		assert_int_equal(guest_fetch(v, &c, fresh, sizeof(fresh)), n);
		assert_memory_equal(kept, fresh, sizeof(kept));
		v->code = pages;
		if (i % 25 == 24)
			fake_stop(NULL);
	}
	assert_true(hits > 5000);
}

/* --- decoded instructions --- */

static const struct insn *insn_at_rip(unsigned expect_decodes)
{
	const struct insn *insn;
	struct guest_context c;

	decodes = 0;
	backend->get_context(v, &c);
	assert_int_equal(insn_fetch(v, &c, &insn), 0);
	assert_int_equal(decodes, expect_decodes);
	return insn;
}

static void test_insn_kept(void **state)
{
	u64 slot;
	struct guest_context c;

	(void)state;
	backend->get_context(v, &c);
	assert_null(insn_known(v, &c));
	assert_int_equal(insn_at_rip(1)->op, OP_NOP);
	assert_int_equal(insn_at_rip(0)->op, OP_NOP);
	assert_int_equal(insn_known(v, &c)->op, OP_NOP);
	fake_poke(FRAME + 0x100, HLT, 1); /* rewritten */
	assert_null(insn_known(v, &c));
	assert_int_equal(insn_at_rip(1)->op, OP_HLT);
	fake_map(GVA, OTHER | P); /* other code */
	assert_null(insn_known(v, &c));
	assert_int_equal(insn_at_rip(1)->op, OP_HLT); /* other bytes follow */
	slot = INSN_SLOT(fake.reg[REG_RIP]);
	do /* elsewhere, in the same slot: bytes are what counts */
		fake.reg[REG_RIP]++;
	while (INSN_SLOT(fake.reg[REG_RIP]) != slot);
	assert_int_equal(insn_at_rip(0)->op, OP_HLT);
	fake_map(GVA, FRAME | P);
	assert_int_equal(insn_at_rip(1)->op, OP_NOP);
}

static void test_insn_across_pages(void **state)
{
	(void)state;
	fake_poke(FRAME + 0xffc, 0x44c74890, 4); /* mov qword [rax + rcx + 0x12], ... */
	fake_poke(FRAME + 0x1000, 0x0000000022221211, 8);
	fake.reg[REG_RIP] = GVA + 0xffd;
	assert_int_equal(insn_at_rip(1)->src.imm, 0x2222);
	assert_int_equal(insn_at_rip(0)->length, 9);
	fake_poke(FRAME + 0x1002, 0x3333, 2);
	assert_int_equal(insn_at_rip(1)->src.imm, 0x3333);
	fake_map(GVA + 0x1000, OTHER | P);
	assert_int_equal(insn_at_rip(1)->src.imm, (u64)(s32)0xf4f4f4f4);
}

/* The code size is part of the question. */
static void test_insn_of_a_mode(void **state)
{
	(void)state;
	fake_poke(FRAME + 0x100, 0x9090904890909090, 8);
	fake_poke(FRAME + 0x104, 0x90c0ff48, 4); /* 64-bit: inc rax; else dec eax */
	fake.reg[REG_RIP] = GVA + 0x104;
	assert_int_equal(insn_at_rip(1)->op, OP_INC);
	fake.seg[SEG_CS].attr ^= SEG_ATTR_L | SEG_ATTR_DB;
	assert_int_equal(insn_at_rip(1)->op, OP_DEC);
	assert_int_equal(insn_at_rip(0)->op, OP_DEC);
	fake.seg[SEG_CS].attr ^= SEG_ATTR_DB;
	assert_int_equal(insn_at_rip(1)->op_size, 2);
	fake.seg[SEG_CS].attr ^= SEG_ATTR_L;
	assert_int_equal(insn_at_rip(1)->op, OP_INC);
}

static void test_insn_errors(void **state)
{
	const struct insn *insn;
	struct guest_context c;

	(void)state;
	fake_poke(FRAME + 0x100, 0x0b0f, 2); /* UD2 */
	backend->get_context(v, &c);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(insn_fetch(v, &c, &insn), -EINVAL);
		assert_null(insn_known(v, &c));
	}
	/* At the end of what is mapped: whole, or not. */
	fake_map(GVA + 0x1000, 0);
	fake.reg[REG_RIP] = GVA + 0xfff;
	assert_int_equal(insn_at_rip(1)->op, OP_NOP);
	assert_int_equal(insn_at_rip(1)->op, OP_NOP);
	fake_poke(FRAME + 0xfff, 0x8b, 1);
	backend->get_context(v, &c);
	assert_int_equal(insn_fetch(v, &c, &insn), -EFAULT);
	fake_map(GVA, 0);
	assert_int_equal(insn_fetch(v, &c, &insn), -EFAULT);
	assert_int_equal(fake.vector, -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fake_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_kept),
		TEST(test_page_crossing),
		TEST(test_tables_changed),
		TEST(test_to_other_code),
		TEST(test_large_pages),
		TEST(test_address_spaces),
		TEST(test_rights),
		TEST(test_modes),
		TEST(test_nested_tables_changed),
		cmocka_unit_test(test_like_without),
		TEST(test_insn_kept),
		TEST(test_insn_across_pages),
		TEST(test_insn_of_a_mode),
		TEST(test_insn_errors),
	};

	return cmocka_run_group_tests_name("fetch", tests, NULL, NULL);
}
