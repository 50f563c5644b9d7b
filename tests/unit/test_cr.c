// SOURCES: vmm/cr.c tests/unit/stubs/vcpu.c
// SOURCES: mm/gmem.c mm/gpspace.c mm/pt.c mm/pt_format.c mm/frame.c mm/memmap.c
// SOURCES: tests/unit/stubs/arena.c tests/unit/stubs/frames.c tests/unit/stubs/panic.c
/*
 * What MOV to a control register refuses: each case would else be a guest state that VM entry
 * refuses.
 */
#include "tests/unit/stubs/unit.h"

#include <string.h>

#include "error.h"
#include "kernel/cpu.h"
#include "tests/unit/stubs/vcpu.h"
#include "vmm/cpuid.h"
#include "vmm/cr.h"

#define PDPT 0x5000ull

static struct vcpu *const v = &fake.vcpu;

u64 cpuid_cr4_mask(const struct vcpu *vcpu)
{
	(void)vcpu;
	return CR4_PAE | CR4_PGE | CR4_PCIDE | CR4_PSE;
}

u64 cpuid_efer_mask(const struct vcpu *vcpu)
{
	(void)vcpu;
	return EFER_SCE | EFER_LME | EFER_NXE;
}

unsigned cpuid_phys_bits(const struct vcpu *vcpu)
{
	(void)vcpu;
	return 40;
}

static void put_pdpte(unsigned i, u64 value)
{
	assert_int_equal(gmem_write(&fake.partition.space, PDPT + 8 * i, &value, sizeof(value)), 0);
}

/* Protected mode without paging, PAE and four entries prepared. */
static int setup(void **state)
{
	fake_start(state);
	fake.seg[SEG_CS].attr = SEG_ATTR_P | SEG_ATTR_S | SEG_ATTR_DB | 11;
	fake.seg[SEG_TR].attr = SEG_ATTR_P | 11;
	fake.reg[REG_CR0] = CR0_PE | CR0_ET;
	fake.reg[REG_CR3] = PDPT;
	fake.reg[REG_CR4] = CR4_PAE;
	fake.reg[REG_EFER] = 0;
	for (unsigned i = 0; i < 4; i++)
		put_pdpte(i, 0x6001);
	cpu_features.intel_like = true;
	return 0;
}

static void test_pae_entries(void **state)
{
	(void)state;
	put_pdpte(3, 0x6001 | BIT(40));
	assert_int_equal(cr0_write(v, CR0_PE | CR0_PG), -EINVAL);
	assert_false(fake.reg[REG_CR0] & CR0_PG);
	put_pdpte(3, 0x6001 | BIT(1));
	assert_int_equal(cr0_write(v, CR0_PE | CR0_PG), -EINVAL);
	put_pdpte(3, BIT(40) | BIT(1)); /* not present: the rest is ignored */
	assert_int_equal(cr0_write(v, CR0_PE | CR0_PG), 0);
	assert_true(fake.reg[REG_CR0] & CR0_PG);
	put_pdpte(0, 0x6001 | BIT(63));
	assert_int_equal(cr3_write(v, PDPT | 0x18), -EINVAL);
	put_pdpte(0, 0);
	assert_int_equal(cr3_write(v, PDPT), 0);
}

static void test_pae_outside_ram(void **state)
{
	(void)state;
	fake.reg[REG_CR3] = 0xd0000000;
	assert_int_equal(cr0_write(v, CR0_PE | CR0_PG), -EINVAL);
}

static void test_long_mode(void **state)
{
	(void)state;
	fake.reg[REG_EFER] = EFER_LME;
	put_pdpte(0, ~0ull); /* a PML4 is not read before it is used */
	fake.seg[SEG_TR].attr = SEG_ATTR_P | SEG_TYPE_BUSY_TSS16;
	assert_int_equal(cr0_write(v, CR0_PE | CR0_PG), -EINVAL);
	cpu_features.intel_like = false;
	assert_int_equal(cr0_write(v, CR0_PE | CR0_PG), 0);
	assert_int_equal(fake.reg[REG_EFER], EFER_LME | EFER_LMA);
	assert_int_equal(cr0_write(v, CR0_PE), 0);
	assert_int_equal(fake.reg[REG_EFER], EFER_LME);
	fake.reg[REG_CR4] = 0;
	assert_int_equal(cr0_write(v, CR0_PE | CR0_PG), -EINVAL);
	fake.reg[REG_CR4] = CR4_PAE;
	fake.seg[SEG_CS].attr |= SEG_ATTR_L;
	assert_int_equal(cr0_write(v, CR0_PE | CR0_PG), -EINVAL);
}

static void test_cr0_bits(void **state)
{
	(void)state;
	assert_int_equal(cr0_write(v, BIT(32)), -EINVAL);
	assert_int_equal(cr0_write(v, CR0_PG), -EINVAL);
	assert_int_equal(cr0_write(v, CR0_PE | CR0_NW), -EINVAL);
	assert_int_equal(cr0_write(v, CR0_PE | 0x1ff8ffc0), 0); /* reserved ones are ignored */
	assert_int_equal(fake.reg[REG_CR0], CR0_PE | CR0_ET);
}

static void test_cr4_and_efer(void **state)
{
	(void)state;
	assert_int_equal(cr4_write(v, BIT(12)), -EINVAL);
	assert_int_equal(cr4_write(v, CR4_PAE | CR4_PCIDE), -EINVAL); /* not in long mode */
	assert_int_equal(efer_write(v, EFER_SVME), -EINVAL);
	assert_int_equal(efer_write(v, EFER_LME | EFER_LMA), 0); /* LMA is not software's to set */
	assert_int_equal(fake.reg[REG_EFER], EFER_LME);
	assert_int_equal(cr0_write(v, CR0_PE | CR0_PG), 0);
	assert_int_equal(efer_write(v, 0), -EINVAL);
	assert_int_equal(cr4_write(v, 0), -EINVAL);
	assert_int_equal(cr3_write(v, BIT(40)), -EINVAL);
	assert_int_equal(cr4_write(v, CR4_PAE | CR4_PCIDE), 0);
	assert_int_equal(cr0_write(v, CR0_PE), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_pae_entries, setup),
		cmocka_unit_test_setup(test_pae_outside_ram, setup),
		cmocka_unit_test_setup(test_long_mode, setup),
		cmocka_unit_test_setup(test_cr0_bits, setup),
		cmocka_unit_test_setup(test_cr4_and_efer, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
