// SOURCES: vmm/guestwalk.c vmm/guestwalk_access.c tests/unit/stubs/vcpu.c
// SOURCES: mm/gmem.c mm/gpspace.c mm/pt.c mm/pt_format.c mm/frame.c mm/memmap.c
// SOURCES: tests/unit/stubs/arena.c tests/unit/stubs/frames.c tests/unit/stubs/panic.c
/* The guest's own translation: paging modes, rights, reserved bits, A and D; segments; copies. */
#include "tests/unit/stubs/unit.h"

#include <string.h>

#include "error.h"
#include "tests/unit/stubs/vcpu.h"
#include "vmm/guestwalk.h"
#include "x86/msr.h"

#define P 1u
#define W 2u
#define U 4u
#define A 0x20u
#define D 0x40u
#define PS 0x80u
#define NX BIT(63)

#define GVA 0x80000ull /* a page of the tests, mapped to PAGE */
#define PAGE 0x90000ull

static struct vcpu *const v = &fake.vcpu;

/* The physical address, or -1 with the error code in fake.error_code. */
static u64 walk(gva_t gva, unsigned access)
{
	gpa_t gpa = 0;
	int r = guest_translate(v, gva, access, &gpa, &fake.error_code);

	assert_true(r == 0 || r == -EFAULT);
	return r ? ~0ull : gpa;
}

static void assert_fault(gva_t gva, unsigned access, u32 error)
{
	assert_int_equal(walk(gva, access), ~0ull);
	assert_int_equal(fake.error_code, error);
}

static void test_no_paging(void **state)
{
	(void)state;
	fake_mode(32, 0);
	assert_int_equal(walk(0x12345678, ACCESS_WRITE), 0x12345678);
	assert_int_equal(walk(0x112345678, ACCESS_READ), 0x12345678);
}

static void test_long_mode(void **state)
{
	(void)state;
	fake_long_paging();
	fake_map(GVA, PAGE | P | W | U);
	assert_int_equal(walk(GVA + 0x123, ACCESS_READ), PAGE + 0x123);
	assert_int_equal(fake_entry(GVA, 1), PAGE | P | W | U | A);
	assert_int_equal(walk(GVA + 0xfff, ACCESS_WRITE | ACCESS_USER), PAGE + 0xfff);
	assert_int_equal(fake_entry(GVA, 1), PAGE | P | W | U | A | D);
	assert_fault(GVA + 0x100000000000, ACCESS_READ, 0);
	assert_fault(GVA + 0x100000000000, ACCESS_WRITE | ACCESS_USER, PF_W | PF_U);
	assert_fault(GVA + 0x100000000000, ACCESS_FETCH, PF_I);
	/* 1 GiB and 2 MiB leaves. */
	fake_set_entry(0x4000000000, 3, 0xc0000000 | P | W | PS);
	assert_int_equal(walk(0x4012345678, ACCESS_READ), 0xd2345678);
	fake_set_entry(0x4040000000, 2, 0x00600000 | P | W | PS);
	assert_int_equal(walk(0x4040012345, ACCESS_WRITE), 0x612345);
	assert_int_equal(fake_entry(0x4040000000, 2), 0x600000 | P | W | PS | A | D);
	/* PCID bits are no address. */
	fake.reg[REG_CR3] |= 0x123;
	assert_int_equal(walk(GVA, ACCESS_READ), PAGE);
}

static void test_accessed_dirty(void **state)
{
	(void)state;
	fake_long_paging();
	fake_map(GVA, PAGE | P | W | U);
	for (unsigned level = 2; level <= 4; level++)
		fake_set_entry(GVA, level, fake_entry(GVA, level) & ~(u64)(A | D));
	assert_int_equal(walk(GVA, ACCESS_WRITE | ACCESS_PROBE), PAGE);
	assert_int_equal(fake_entry(GVA, 4) & A, 0);
	assert_int_equal(fake_entry(GVA, 1) & (A | D), 0);
	assert_int_equal(walk(GVA, ACCESS_WRITE), PAGE);
	for (unsigned level = 2; level <= 4; level++)
		assert_int_equal(fake_entry(GVA, level) & (A | D), A);
	/* Not allowed: the leaf is not marked. */
	fake_map(GVA, PAGE | P | U);
	assert_fault(GVA, ACCESS_WRITE, PF_P | PF_W);
	assert_int_equal(fake_entry(GVA, 1), PAGE | P | U);
	/* Tables in ROM stay as they are. */
	fake_poke(FAKE_ROM, PAGE | P | W | U, 8);
	fake_set_entry(0x200000, 2, FAKE_ROM | P | W | U | A);
	assert_int_equal(walk(0x200000, ACCESS_WRITE), PAGE);
	assert_int_equal(fake_peek(FAKE_ROM, 8), PAGE | P | W | U);
}

static void test_rights(void **state)
{
	(void)state;
	fake_long_paging();
	fake_map(GVA, PAGE | P | U);
	assert_fault(GVA, ACCESS_WRITE, PF_P | PF_W);
	assert_fault(GVA, ACCESS_WRITE | ACCESS_USER, PF_P | PF_W | PF_U);
	fake.reg[REG_CR0] &= ~CR0_WP;
	assert_int_equal(walk(GVA, ACCESS_WRITE), PAGE);
	assert_fault(GVA, ACCESS_WRITE | ACCESS_USER, PF_P | PF_W | PF_U);
	fake.reg[REG_CR0] |= CR0_WP;

	fake_map(GVA, PAGE | P | W);
	assert_fault(GVA, ACCESS_READ | ACCESS_USER, PF_P | PF_U);
	fake_map(GVA, PAGE | P | W | U | NX);
	assert_fault(GVA, ACCESS_FETCH, PF_P | PF_I);
	assert_int_equal(walk(GVA, ACCESS_WRITE | ACCESS_USER), PAGE);
	/* What an upper level forbids. */
	fake_map(GVA, PAGE | P | W | U);
	fake_set_entry(GVA, 3, fake_entry(GVA, 3) & ~(u64)W);
	assert_fault(GVA, ACCESS_WRITE, PF_P | PF_W);
	fake_set_entry(GVA, 3, fake_entry(GVA, 3) & ~(u64)U);
	assert_fault(GVA, ACCESS_READ | ACCESS_USER, PF_P | PF_U);
	fake_set_entry(GVA, 4, fake_entry(GVA, 4) | NX);
	assert_fault(GVA, ACCESS_FETCH, PF_P | PF_I);
}

static void test_smep_smap(void **state)
{
	(void)state;
	fake_long_paging();
	fake_map(GVA, PAGE | P | W | U);
	fake.reg[REG_CR4] |= CR4_SMEP;
	assert_fault(GVA, ACCESS_FETCH, PF_P | PF_I);
	assert_int_equal(walk(GVA, ACCESS_FETCH | ACCESS_USER), PAGE);
	assert_int_equal(walk(GVA, ACCESS_WRITE), PAGE);
	fake.reg[REG_CR4] |= CR4_SMAP;
	assert_fault(GVA, ACCESS_READ, PF_P);
	assert_int_equal(walk(GVA, ACCESS_READ | ACCESS_USER), PAGE);
	fake.reg[REG_RFLAGS] |= RFLAGS_AC;
	assert_int_equal(walk(GVA, ACCESS_WRITE), PAGE);
	assert_fault(GVA, ACCESS_READ | ACCESS_IMPLICIT, PF_P);
	fake.reg[REG_EFER] &= ~EFER_NXE;
	fake.reg[REG_CR4] = CR4_PAE;
	assert_fault(GVA + 0x100000000000, ACCESS_FETCH, 0); /* no fetch bit without NX and SMEP */
}

static void test_reserved(void **state)
{
	u64 bits[] = { BIT(40), BIT(51) };

	(void)state;
	fake_long_paging();
	for (unsigned level = 1; level <= 4; level++) {
		for (unsigned i = 0; i < ARRAY_SIZE(bits); i++) {
			u64 good = fake_entry(GVA, level);

			fake_set_entry(GVA, level, good | bits[i]);
			assert_fault(GVA, ACCESS_READ, PF_P | PF_RSVD);
			assert_fault(GVA, ACCESS_WRITE | ACCESS_USER, PF_P | PF_RSVD | PF_W | PF_U);
			fake_set_entry(GVA, level, good);
		}
		assert_int_equal(walk(GVA, ACCESS_READ), GVA);
	}
	fake_set_entry(GVA, 4, fake_entry(GVA, 4) | PS);
	assert_fault(GVA, ACCESS_READ, PF_P | PF_RSVD);
	fake_set_entry(GVA, 4, fake_entry(GVA, 4) & ~(u64)PS);
	fake_map(GVA, PAGE | P | BIT(52)); /* ignored bits */
	assert_int_equal(walk(GVA, ACCESS_READ), PAGE);
	fake.reg[REG_EFER] &= ~EFER_NXE;
	fake_map(GVA, PAGE | P | NX);
	assert_fault(GVA, ACCESS_READ, PF_P | PF_RSVD);
	/* Leaves: the address bits below the page's size, but not PAT. */
	fake_set_entry(0x4000000000, 3, 0xc0000000 | P | PS | BIT(12));
	assert_int_equal(walk(0x4000000000, ACCESS_READ), 0xc0000000);
	fake_set_entry(0x4000000000, 3, 0xc0000000 | P | PS | BIT(29));
	assert_fault(0x4000000000, ACCESS_READ, PF_P | PF_RSVD);
	fake_set_entry(0x4040000000, 2, 0x600000 | P | PS | BIT(13));
	assert_fault(0x4040000000, ACCESS_READ, PF_P | PF_RSVD);
}

/* A table outside RAM reads as ones: present, and reserved bits set. */
static void test_tables_outside_ram(void **state)
{
	(void)state;
	fake_long_paging();
	fake.reg[REG_CR3] = 0xe0000000;
	assert_fault(GVA, ACCESS_READ, PF_P | PF_RSVD);
	fake.reg[REG_CR3] = FAKE_DEVICE;
	assert_fault(GVA, ACCESS_READ, PF_P | PF_RSVD);
	assert_int_equal(fake.access_count, 0);
}

static void test_legacy_32(void **state)
{
	(void)state;
	fake_mode(32, 0);
	fake.reg[REG_CR0] |= CR0_PG | CR0_WP;
	fake.reg[REG_CR3] = 0x100018; /* cache bits are no address */
	fake_poke(0x100000 + 1 * 4, 0x101000 | P | W | U, 4);
	fake_poke(0x101000 + 3 * 4, PAGE | P | W | U, 4);
	assert_int_equal(walk(0x403abc, ACCESS_WRITE), PAGE + 0xabc);
	assert_int_equal(fake_peek(0x100004, 4), 0x101000 | P | W | U | A);
	assert_int_equal(fake_peek(0x10100c, 4), PAGE | P | W | U | A | D);
	assert_int_equal(walk(0xffffffff00403abc, ACCESS_READ), PAGE + 0xabc);
	assert_fault(0x404000, ACCESS_READ, 0);
	assert_fault(0x800000, ACCESS_FETCH | ACCESS_USER, PF_U);
	/* 4 MiB pages only with CR4.PSE; PSE-36 puts address bits 39:32 at 20:13. */
	fake_poke(0x100000 + 2 * 4, 0x00c00000 | 5 << 13 | P | W | PS, 4);
	assert_int_equal(walk(0x812345, ACCESS_READ) >> 32, 0); /* a table, outside RAM: ones */
	fake.reg[REG_CR4] |= CR4_PSE;
	assert_int_equal(walk(0x812345, ACCESS_WRITE), 0x500c12345);
	fake_poke(0x100000 + 2 * 4, 0x00c00000 | BIT(21) | P | W | PS, 4);
	assert_fault(0x812345, ACCESS_READ, PF_P | PF_RSVD);
}

static void test_pae(void **state)
{
	(void)state;
	fake_mode(32, 0);
	fake.reg[REG_CR0] |= CR0_PG | CR0_WP;
	fake.reg[REG_CR4] |= CR4_PAE;
	fake.reg[REG_EFER] = EFER_NXE;
	fake.reg[REG_CR3] = 0x100020;
	fake_poke(0x100020 + 2 * 8, 0x101000 | P, 8);
	fake_poke(0x101000 + 1 * 8, 0x102000 | P | W | U, 8);
	fake_poke(0x102000 + 7 * 8, PAGE | P | W | U, 8);
	assert_int_equal(walk(0x80207010, ACCESS_WRITE | ACCESS_USER), PAGE + 0x10);
	assert_int_equal(fake_peek(0x100030, 8), 0x101000 | P); /* no A bit there */
	assert_int_equal(fake_peek(0x102038, 8), PAGE | P | W | U | A | D);
	fake_poke(0x102038, PAGE | P | W | NX, 8);
	assert_fault(0x80207010, ACCESS_FETCH, PF_P | PF_I);
	fake_poke(0x102038, PAGE | P | W | BIT(52), 8);
	assert_fault(0x80207010, ACCESS_READ, PF_P | PF_RSVD);
	fake_poke(0x101008, 0x600000 | P | W | PS, 8);
	assert_int_equal(walk(0x80207010, ACCESS_READ), 0x607010);
	fake_poke(0x100030, 0x101000 | P | W, 8); /* rights are reserved in a PDPTE */
	assert_fault(0x80207010, ACCESS_READ, PF_P | PF_RSVD);
	assert_fault(0xc0000000, ACCESS_READ, 0);
}

/* Any tables at all end in an address or a fault. */
static void test_random_tables(void **state)
{
	u64 seed = 9;

	(void)state;
	for (unsigned i = 0; i < 0x8000; i += 8)
		fake_poke(0x100000 + i, (unit_random(&seed) & (0x107fff | NX | MASK(63, 59))) | P,
			  8);
	fake.reg[REG_CR0] |= CR0_PG;
	fake.reg[REG_CR3] = 0x100000;
	for (unsigned i = 0; i < 100000; i++) {
		fake.reg[REG_EFER] = i & 1 ? EFER_LMA | EFER_NXE : i & 2 ? EFER_NXE : 0;
		fake.reg[REG_CR4] = i & 1 ? CR4_PAE : i & 4 ? CR4_PAE | CR4_PSE : CR4_PSE;
		walk(unit_random(&seed) >> 16, unit_random(&seed) & 31);
	}
}

/* --- segments --- */

static u64 linear(enum segment_name seg, u64 offset, unsigned size, unsigned access)
{
	gva_t gva = 0;

	fake.vector = -1;
	return guest_linear(v, seg, offset, size, access, &gva) ? ~0ull : gva;
}

static void assert_refused(enum segment_name seg, u64 offset, unsigned size, unsigned access,
			   int vector)
{
	assert_int_equal(linear(seg, offset, size, access), ~0ull);
	assert_int_equal(fake.vector, vector);
	assert_true(fake.has_error);
	assert_int_equal(fake.error_code, 0);
}

static void test_segments_64(void **state)
{
	(void)state;
	fake.seg[SEG_DS].base = fake.seg[SEG_FS].base = 0x1000;
	fake.seg[SEG_DS].attr = SEG_ATTR_UNUSABLE;
	fake.seg[SEG_DS].limit = 0;
	assert_int_equal(linear(SEG_DS, 0xffff800000000000, 8, ACCESS_WRITE), 0xffff800000000000);
	assert_int_equal(linear(SEG_FS, 0x234, 8, ACCESS_READ), 0x1234);
	assert_refused(SEG_DS, 0x800000000000, 1, ACCESS_READ, VEC_GP);
	assert_refused(SEG_DS, 0x7ffffffffffd, 4, ACCESS_READ, VEC_GP);
	assert_refused(SEG_SS, 0x800000000000, 1, ACCESS_READ, VEC_SS);
	assert_refused(SEG_DS, 0xfffffffffffffffd, 4, ACCESS_READ, VEC_GP);
	assert_int_equal(linear(SEG_DS, 0xfffffffffffffffc, 4, ACCESS_READ), 0xfffffffffffffffc);
}

static void test_segments_32(void **state)
{
	(void)state;
	fake_mode(32, 0);
	fake.seg[SEG_DS].base = 0x10000;
	fake.seg[SEG_DS].limit = 0xfff;
	assert_int_equal(linear(SEG_DS, 0xffc, 4, ACCESS_WRITE), 0x10ffc);
	assert_refused(SEG_DS, 0xffd, 4, ACCESS_READ, VEC_GP);
	fake.seg[SEG_SS].limit = 0xfff;
	assert_refused(SEG_SS, 0x1000, 1, ACCESS_READ, VEC_SS);
	assert_refused(SEG_CS, 0, 4, ACCESS_WRITE, VEC_GP);
	assert_int_equal(linear(SEG_CS, 0, 4, ACCESS_READ), 0);
	fake.seg[SEG_CS].attr &= ~2u; /* execute only */
	assert_refused(SEG_CS, 0, 4, ACCESS_READ, VEC_GP);
	fake.seg[SEG_ES].attr = 0x91 | SEG_ATTR_DB; /* read only */
	assert_refused(SEG_ES, 0, 4, ACCESS_WRITE, VEC_GP);
	fake.seg[SEG_ES].attr |= SEG_ATTR_UNUSABLE;
	assert_refused(SEG_ES, 0, 4, ACCESS_READ, VEC_GP);
	/* Expand-down: valid above the limit. */
	fake.seg[SEG_DS].attr = 0x97 | SEG_ATTR_DB;
	assert_refused(SEG_DS, 0xfff, 4, ACCESS_READ, VEC_GP);
	assert_int_equal(linear(SEG_DS, 0xfffffffc, 4, ACCESS_READ), 0xfffc);
	fake.seg[SEG_DS].attr = 0x97;
	assert_refused(SEG_DS, 0xfffe, 4, ACCESS_READ, VEC_GP);
	fake.seg[SEG_GS].base = 0xfffff000;
	assert_int_equal(linear(SEG_GS, 0x2000, 4, ACCESS_READ), 0x1000);
}

static void test_segments_16(void **state)
{
	(void)state;
	fake_mode(16, 0);
	fake.seg[SEG_CS].base = 0x70000;
	assert_int_equal(linear(SEG_CS, 0x100, 2, ACCESS_WRITE),
			 0x70100); /* no types in real mode */
	assert_refused(SEG_DS, 0xffff, 2, ACCESS_READ, VEC_GP);
	fake.seg[SEG_DS].base = 0xffff0;
	assert_int_equal(linear(SEG_DS, 0xffff, 1, ACCESS_READ), 0x10ffef);
	assert_int_equal(guest_code_bits(v), 16);
	fake_mode(32, 3);
	assert_int_equal(guest_code_bits(v), 32);
	assert_int_equal(guest_cpl(v), 3);
	fake_mode(64, 0);
	assert_int_equal(guest_code_bits(v), 64);
	assert_int_equal(guest_cpl(v), 0);
}

/* --- copies --- */

static void test_copy_across_pages(void **state)
{
	u8 in[6000], out[6000] = { 0 };

	(void)state;
	fake_long_paging();
	for (unsigned i = 0; i < sizeof(in); i++)
		in[i] = i * 7;
	fake_map(GVA, PAGE | P | W);
	fake_map(GVA + 0x1000, (PAGE + 0x5000) | P | W);
	fake_map(GVA + 0x2000, (PAGE + 0x3000) | P | W);
	assert_int_equal(guest_write(v, GVA + 0xf00, in, sizeof(in), 0), 0);
	assert_int_equal(guest_read(v, GVA + 0xf00, out, sizeof(out), 0), 0);
	assert_memory_equal(in, out, sizeof(in));
	assert_int_equal(fake_peek(PAGE + 0x5000, 1), in[0x100]);
	assert_int_equal(fake_peek(PAGE + 0x3000, 1), in[0x1100]);
	assert_int_equal(fake.vector, -1);
}

static void test_copy_fault(void **state)
{
	u64 value = 0x1122334455667788;

	(void)state;
	fake_long_paging();
	fake_map(GVA, PAGE | P | W);
	fake_map(GVA + 0x1000, 0);
	assert_int_equal(guest_write(v, GVA + 0xffc, &value, 8, 0), -EFAULT);
	assert_int_equal(fake.vector, VEC_PF);
	assert_int_equal(fake.reg[REG_CR2], GVA + 0x1000);
	assert_int_equal(fake.error_code, PF_W);
	assert_int_equal(fake_peek(PAGE + 0xffc, 4), 0); /* nothing was written */
	assert_int_equal(guest_read(v, GVA, &value, 8, ACCESS_USER), -EFAULT);
	assert_int_equal(fake.error_code, PF_P | PF_U);
}

static void test_devices(void **state)
{
	u64 value = 0x1122334455667788;

	(void)state;
	assert_int_equal(guest_physical_access(v, FAKE_DEVICE + 3, &value, 8, true), 0);
	assert_memory_equal(fake.device + 3, &value, 8);
	assert_int_equal(fake.access_count, 4); /* 1, 4, 2, 1 */
	assert_int_equal(fake.access[0].a.size, 1);
	assert_int_equal(fake.access[1].a.size, 4);
	assert_int_equal(fake.access[1].a.addr, FAKE_DEVICE + 4);
	value = 0;
	assert_int_equal(guest_physical_access(v, FAKE_DEVICE + 3, &value, 8, false), 0);
	assert_int_equal(value, 0x1122334455667788);
	/* ROM: readable; a store goes nowhere, by way of the bus. */
	fake_poke(FAKE_ROM, 0xabcd, 2);
	fake.access_count = 0;
	assert_int_equal(guest_physical_access(v, FAKE_ROM, &value, 2, true), 0);
	assert_int_equal(fake.access_count, 1);
	assert_int_equal(fake_peek(FAKE_ROM, 2), 0xabcd);
	assert_int_equal(guest_physical_access(v, FAKE_ROM, &value, 2, false), 0);
	assert_int_equal((u16)value, 0xabcd);
}

static void test_local_apic(void **state)
{
	u32 value = 0;

	(void)state;
	v->lapic.state.base = 0xfee00000 | APIC_BASE_ENABLE | APIC_BASE_BSP;
	assert_int_equal(guest_physical_access(v, 0xfee000b0, &value, 4, true), 0);
	assert_true(fake.access[0].apic);
	assert_int_equal(fake.access[0].a.addr, 0xb0);
	assert_int_equal(guest_physical_access(v, 0xfee00030, &value, 4, false), 0);
	assert_int_equal(value, 0xa01c0030);
	v->lapic.state.base |= APIC_BASE_X2APIC;
	assert_int_equal(guest_physical_access(v, 0xfee00030, &value, 4, false), 0);
	assert_int_equal(value, 0xffffffff);
	v->lapic.state.base = 0xfee00000;
	assert_int_equal(guest_physical_access(v, 0xfee00030, &value, 4, false), 0);
	assert_false(fake.access[3].apic);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(test_no_paging),
		FAKE_TEST(test_long_mode),
		FAKE_TEST(test_accessed_dirty),
		FAKE_TEST(test_rights),
		FAKE_TEST(test_smep_smap),
		FAKE_TEST(test_reserved),
		FAKE_TEST(test_tables_outside_ram),
		FAKE_TEST(test_legacy_32),
		FAKE_TEST(test_pae),
		FAKE_TEST(test_random_tables),
		FAKE_TEST(test_segments_64),
		FAKE_TEST(test_segments_32),
		FAKE_TEST(test_segments_16),
		FAKE_TEST(test_copy_across_pages),
		FAKE_TEST(test_copy_fault),
		FAKE_TEST(test_devices),
		FAKE_TEST(test_local_apic),
	};

	return cmocka_run_group_tests_name("guestwalk", tests, NULL, NULL);
}
