// SOURCES: vmm/load/vmptable.c vmm/load/load.c vmm/load/loader.c vmm/load/layout.c
// SOURCES: vmm/load/entry.c vmm/load/linux.c vmm/load/kimage.c vmm/load/emit.c
// SOURCES: vmm/load/multiboot1.c vmm/load/multiboot2.c vmm/load/multiboot2_info.c
// SOURCES: vmm/load/bootsector.c lib/elf.c tests/unit/stubs/guestmem.c
/*
 * vmm/load/vmptable.c, read by the offsets of the MultiProcessor Specification 1.4, not by our own
 * structures: found where it says, whole, and with every entry that a PC has.
 */
#include "tests/unit/stubs/unit.h"

#include <string.h>

#include "error.h"
#include "tests/unit/stubs/guestmem.h"
#include "vmm/dev/platform.h"
#include "vmm/load/load.h"
#include "vmm/load/vmptable.h"

#define SIGNATURE 0x000306a9
#define FEATURES 0x178bfbff

/* What the table said, entry by entry. */
static struct {
	unsigned cpus, buses, ioapics, interrupts, locals;
	u8 cpu_flags[VCPUS_MAX];
	u8 pin[16];
	u16 flags[16];
	u16 named;
	u8 lint_kind[2];
} seen;

static u8 sum(gpa_t at, u64 size)
{
	u8 s = 0;

	while (size--)
		s += *guestmem(at++);
	return s;
}

/* 4: in the BIOS area, on a paragraph. */
static gpa_t find_pointer(void)
{
	gpa_t at;

	for (at = 0xf0000; at < 0x100000; at += 16)
		if (memcmp(guestmem(at), "_MP_", 4) == 0)
			return at;
	fail_msg("no floating pointer");
	return 0;
}

static void read_processor(gpa_t at)
{
	assert_int_equal(*guestmem(at + 1), seen.cpus); /* APIC ID */
	assert_int_equal(*guestmem(at + 2), VLAPIC_VERSION);
	assert_int_equal(guestmem_u32(at + 4), SIGNATURE);
	assert_int_equal(guestmem_u32(at + 8), FEATURES);
	seen.cpu_flags[seen.cpus++] = *guestmem(at + 3);
}

static void read_ioapic(gpa_t at)
{
	assert_int_equal(*guestmem(at + 1), 0); /* ID */
	assert_int_equal(*guestmem(at + 2), VIOAPIC_VERSION);
	assert_int_equal(*guestmem(at + 3), 1);
	assert_int_equal(guestmem_u32(at + 4), VIOAPIC_BASE);
	seen.ioapics++;
}

static void read_interrupt(gpa_t at)
{
	u8 irq = *guestmem(at + 5);

	assert_int_equal(*guestmem(at + 1), 0); /* INT */
	assert_int_equal(*guestmem(at + 4), 0); /* the bus */
	assert_in_range(irq, 0, 15);
	assert_int_equal(*guestmem(at + 6), 0); /* the I/O APIC */
	seen.pin[irq] = *guestmem(at + 7);
	seen.flags[irq] = guestmem_u16(at + 2);
	seen.named |= (u16)(1 << irq);
	seen.interrupts++;
}

static void read_local(gpa_t at)
{
	u8 lint = *guestmem(at + 7);

	assert_in_range(lint, 0, 1);
	assert_int_equal(*guestmem(at + 6), 0xff); /* of all */
	seen.lint_kind[lint] = *guestmem(at + 1);
	seen.locals++;
}

/* The length of the entry. Types come in ascending order. */
static unsigned read_entry(gpa_t at, u8 *last)
{
	u8 type = *guestmem(at);

	assert_true(type >= *last);
	*last = type;
	switch (type) {
	case 0: read_processor(at); return 20;
	case 1:
		assert_memory_equal(guestmem(at + 1), "\0ISA   ", 7);
		seen.buses++;
		return 8;
	case 2: read_ioapic(at); return 8;
	case 3: read_interrupt(at); return 8;
	case 4: read_local(at); return 8;
	default: fail_msg("entry of type %u", type); return 0;
	}
}

static void read_table(void)
{
	gpa_t pointer = find_pointer(), table, at;
	unsigned i, entries;
	u8 last = 0;

	memset(&seen, 0, sizeof(seen));
	assert_int_equal(sum(pointer, 16), 0);
	assert_int_equal(*guestmem(pointer + 8), 1);
	assert_int_equal(*guestmem(pointer + 9), 4);
	assert_int_equal(*guestmem(pointer + 11), 0); /* not a default configuration */
	assert_int_equal(*guestmem(pointer + 12), 0); /* no IMCR */
	table = guestmem_u32(pointer + 4);
	assert_memory_equal(guestmem(table), "PCMP", 4);
	assert_int_equal(sum(table, guestmem_u16(table + 4)), 0);
	assert_int_equal(*guestmem(table + 6), 4);
	assert_int_equal(guestmem_u32(table + 36), VLAPIC_BASE);
	entries = guestmem_u16(table + 34);
	for (i = 0, at = table + 44; i < entries; i++)
		at += read_entry(at, &last);
	assert_int_equal(at, table + guestmem_u16(table + 4));
	assert_true(at <= 0x100000);
}

static void build(unsigned vcpus)
{
	struct vmptable_config config = { vcpus, SIGNATURE, FEATURES };

	guestmem_reset(1 * MIB);
	assert_int_equal(vmptable_build(NULL, &config), 0);
	read_table();
}

static void test_processors(void **state)
{
	unsigned vcpus, i;

	(void)state;
	for (vcpus = 1; vcpus <= VCPUS_MAX; vcpus++) {
		build(vcpus);
		assert_int_equal(seen.cpus, vcpus);
		assert_int_equal(seen.cpu_flags[0], 3);
		for (i = 1; i < vcpus; i++)
			assert_int_equal(seen.cpu_flags[i], 1);
	}
}

static void test_interrupts(void **state)
{
	u8 irq;

	(void)state;
	build(4);
	assert_int_equal(seen.buses, 1);
	assert_int_equal(seen.ioapics, 1);
	assert_int_equal(seen.interrupts, 15);
	assert_int_equal(seen.named, 0xfffb); /* all but the cascade */
	for (irq = 0; irq < 16; irq++) {
		if (irq == 2)
			continue;
		assert_int_equal(seen.pin[irq], irq == 0 ? 2 : irq);
		assert_int_equal(seen.flags[irq], irq == VPM_SCI_GSI ? 0xd : 0);
	}
	assert_int_equal(seen.locals, 2);
	assert_int_equal(seen.lint_kind[0], 3); /* ExtINT */
	assert_int_equal(seen.lint_kind[1], 1); /* NMI */
}

static void test_failures(void **state)
{
	struct vmptable_config config = { VCPUS_MAX + 1, SIGNATURE, FEATURES };
	long n;

	(void)state;
	guestmem_reset(1 * MIB);
	assert_int_equal(vmptable_build(NULL, &config), -E2BIG);
	config.vcpus = VCPUS_MAX;
	guestmem_reset(512 * KIB);
	assert_int_equal(vmptable_build(NULL, &config), -EFAULT);
	guestmem_reset(1 * MIB);
	for (n = 0; n < 2; n++) {
		guestmem_fail_after(n);
		assert_int_equal(vmptable_build(NULL, &config), -ENOMEM);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_processors),
		cmocka_unit_test(test_interrupts),
		cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
