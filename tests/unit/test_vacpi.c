// SOURCES: vmm/load/vacpi.c vmm/load/vacpi_ssdt.c vmm/load/load.c vmm/load/loader.c
// SOURCES: vmm/load/layout.c vmm/load/entry.c vmm/load/linux.c vmm/load/kimage.c
// SOURCES: vmm/load/emit.c vmm/load/multiboot1.c vmm/load/multiboot2.c
// SOURCES: vmm/load/multiboot2_info.c vmm/load/bootsector.c lib/elf.c
// SOURCES: tests/unit/stubs/guestmem.c
/* vmm/load/vacpi.c: every table is reachable from the root, whole, and says what the PC has. */
#define _GNU_SOURCE /* memmem */
#include "tests/unit/stubs/unit.h"

#include <string.h>

#include "error.h"
#include "tests/unit/stubs/guestmem.h"
#include "vmm/dev/platform.h"
#include "vmm/load/vacpi.h"
#include "vmm/load/vacpi_tables.h"

static gpa_t rsdp;

static u8 sum(gpa_t at, u64 size)
{
	u8 s = 0;

	while (size--)
		s += *guestmem(at++);
	return s;
}

static void build(unsigned vcpus)
{
	guestmem_reset(1 * MIB);
	rsdp = 0;
	assert_int_equal(vacpi_build(NULL, vcpus, &rsdp), 0);
}

/* Inside its area, with this signature and a right checksum. */
static void check_table(gpa_t at, const char *signature)
{
	u32 length = guestmem_u32(at + 4);

	assert_memory_equal(guestmem(at), signature, 4);
	assert_int_equal(at % 16, 0);
	assert_true(at >= LAYOUT_ACPI_BASE);
	assert_true(at + length <= LAYOUT_ACPI_BASE + LAYOUT_ACPI_SIZE);
	assert_int_equal(sum(at, length), 0);
}

/* Through the XSDT; the RSDT must name the same. */
static gpa_t find(const char *signature)
{
	gpa_t rsdt = guestmem_u32(rsdp + 16);
	gpa_t xsdt = guestmem_u64(rsdp + 24);
	u32 count = (guestmem_u32(xsdt + 4) - 36) / 8;
	u32 i;

	assert_int_equal((guestmem_u32(rsdt + 4) - 36) / 4, count);
	for (i = 0; i < count; i++) {
		gpa_t table = guestmem_u64(xsdt + 36 + i * 8);

		assert_int_equal(guestmem_u32(rsdt + 36 + i * 4), table);
		if (memcmp(guestmem(table), signature, 4) == 0)
			return table;
	}
	fail_msg("no %s", signature);
	return 0;
}

static void test_root(void **state)
{
	(void)state;
	build(1);
	assert_int_equal(rsdp, LAYOUT_ACPI_BASE);
	assert_memory_equal(guestmem(rsdp), "RSD PTR ", 8);
	assert_int_equal(sum(rsdp, 20), 0);
	assert_int_equal(sum(rsdp, 36), 0);
	assert_int_equal(*guestmem(rsdp + 15), 2);
	assert_int_equal(guestmem_u32(rsdp + 20), 36);
	check_table(guestmem_u32(rsdp + 16), "RSDT");
	check_table(guestmem_u64(rsdp + 24), "XSDT");
}

static void check_gas(gpa_t at, u64 port, unsigned bits)
{
	assert_int_equal(*guestmem(at), 1);
	assert_int_equal(*guestmem(at + 1), bits);
	assert_int_equal(*guestmem(at + 2), 0);
	assert_int_equal(guestmem_u64(at + 4), port);
}

/* Offsets from ACPI 6.4 table 5.9, not from our own structure. */
static void test_fadt(void **state)
{
	gpa_t fadt;

	(void)state;
	build(1);
	fadt = find("FACP");
	check_table(fadt, "FACP");
	assert_int_equal(guestmem_u32(fadt + 4), 276);
	assert_int_equal(*guestmem(fadt + 8), 6);
	assert_int_equal(guestmem_u16(fadt + 46), VPM_SCI_GSI);
	assert_int_equal(guestmem_u32(fadt + 48), 0); /* SMI_CMD */
	assert_int_equal(guestmem_u32(fadt + 56), VPM1A_EVT);
	assert_int_equal(guestmem_u32(fadt + 64), VPM1A_CNT);
	assert_int_equal(guestmem_u32(fadt + 76), VPM_TIMER);
	assert_int_equal(*guestmem(fadt + 88), 4);
	assert_int_equal(*guestmem(fadt + 89), 2);
	assert_int_equal(*guestmem(fadt + 91), 4);
	assert_int_equal(*guestmem(fadt + 108), 0x32);
	assert_int_equal(guestmem_u16(fadt + 109), 0x7);
	assert_int_equal(guestmem_u32(fadt + 112), 0x465);
	check_gas(fadt + 116, VRESET_PORT, 8);
	assert_int_equal(*guestmem(fadt + 128), VRESET_VALUE);
	check_gas(fadt + 148, VPM1A_EVT, 32);
	check_gas(fadt + 172, VPM1A_CNT, 16);
	check_gas(fadt + 208, VPM_TIMER, 32);
}

static void test_facs_and_dsdt(void **state)
{
	gpa_t fadt, facs, dsdt;

	(void)state;
	build(1);
	fadt = find("FACP");
	facs = guestmem_u32(fadt + 36);
	assert_memory_equal(guestmem(facs), "FACS", 4);
	assert_int_equal(facs % 64, 0);
	assert_int_equal(guestmem_u32(facs + 4), 64);
	dsdt = guestmem_u32(fadt + 40);
	check_table(dsdt, "DSDT");
	assert_int_equal(guestmem_u64(fadt + 140), dsdt);
}

static bool dsdt_has(gpa_t dsdt, const void *bytes, u64 size)
{
	return memmem(guestmem(dsdt), guestmem_u32(dsdt + 4), bytes, size) != NULL;
}

/* An I/O port descriptor, ACPI 6.4 table 6.35. */
static void check_io(gpa_t dsdt, u16 port, u8 length)
{
	u8 io[8] = { 0x47, 1, (u8)port, (u8)(port >> 8), (u8)port, (u8)(port >> 8), 0, length };

	assert_true(dsdt_has(dsdt, io, sizeof(io)));
}

static void check_memory(gpa_t dsdt, u32 base, u32 size)
{
	u8 memory[12] = { 0x86, 9, 0, 1 };

	memcpy(memory + 4, &base, 4);
	memcpy(memory + 8, &size, 4);
	assert_true(dsdt_has(dsdt, memory, sizeof(memory)));
}

/* The ASL repeats addresses of vmm/dev/platform.h. */
static void test_dsdt_addresses(void **state)
{
	static const u8 s5[] = { 0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, VPM_SLP_TYP_S5 };
	gpa_t dsdt;

	(void)state;
	build(1);
	dsdt = guestmem_u32(find("FACP") + 40);
	assert_true(dsdt_has(dsdt, s5, sizeof(s5)));
	check_io(dsdt, VPIC_MASTER_PORT, 2);
	check_io(dsdt, VPIC_SLAVE_PORT, 2);
	check_io(dsdt, VPIC_ELCR_PORT, 2);
	check_io(dsdt, VPIT_PORT, 4);
	check_io(dsdt, VPIT_PORT61, 1);
	check_io(dsdt, VRTC_PORT, 2);
	check_io(dsdt, VPOST_PORT, 1);
	check_io(dsdt, VPORT92, 1);
	check_io(dsdt, VUART_COM1_PORT, 8);
	check_io(dsdt, VPM_BASE, VPM_SIZE);
	check_memory(dsdt, VIOAPIC_BASE, VIOAPIC_SIZE);
	check_memory(dsdt, VLAPIC_BASE, VLAPIC_SIZE);
}

static void test_madt(void **state)
{
	static const u8 rest[] = {
		1, 12, 0,    0, 0, 0, 0xc0, 0xfe, 0,   0, 0, 0, /* IOAPIC 0, GSIs from 0 on */
		2, 10, 0,    0, 2, 0, 0,    0,	  0,   0,	/* IRQ 0 is GSI 2 */
		2, 10, 0,    9, 9, 0, 0,    0,	  0xd, 0,	/* the SCI: active high, level */
		4, 6,  0xff, 0, 0, 1,				/* LINT1 of all is NMI */
	};
	unsigned vcpus, i;

	(void)state;
	for (vcpus = 1; vcpus <= VCPUS_MAX; vcpus++) {
		gpa_t madt;

		build(vcpus);
		madt = find("APIC");
		check_table(madt, "APIC");
		assert_int_equal(guestmem_u32(madt + 36), VLAPIC_BASE);
		assert_int_equal(guestmem_u32(madt + 40), 1);
		for (i = 0; i < vcpus; i++) {
			u8 lapic[8] = { 0, 8, (u8)i, (u8)i, 1 };

			assert_memory_equal(guestmem(madt + 44 + i * 8), lapic, 8);
		}
		assert_memory_equal(guestmem(madt + 44 + vcpus * 8), rest, sizeof(rest));
		assert_int_equal(guestmem_u32(madt + 4), 44 + vcpus * 8 + sizeof(rest));
	}
}

/* One device in \_SB for each processor, with the MADT's UID: ACPI 6.4, 8.4 and 20.2. */
static void test_processors(void **state)
{
	static const u8 name[] = "\\_SB_", hid[] = "\b_HID\rACPI0007", uid[] = "\b_UID\n";
	unsigned vcpus, i;

	(void)state;
	for (vcpus = 1; vcpus <= VCPUS_MAX; vcpus++) {
		gpa_t at, end;

		build(vcpus);
		at = find("SSDT");
		check_table(at, "SSDT");
		end = at + guestmem_u32(at + 4);
		at += 36;
		assert_int_equal(*guestmem(at), 0x10); /* ScopeOp, its length in two bytes */
		assert_int_equal((*guestmem(at + 1) & 15) + *guestmem(at + 2) * 16, end - at - 1);
		assert_int_equal(*guestmem(at + 1) >> 4, 4);
		assert_memory_equal(guestmem(at + 3), name, 5);
		at += 8;
		for (i = 0; i < vcpus; i++, at += 29) {
			assert_memory_equal(guestmem(at),
					    "\x5b\x82\x1b"
					    "C0",
					    5); /* DeviceOp */
			assert_memory_equal(guestmem(at + 7), hid, sizeof(hid));
			assert_memory_equal(guestmem(at + 22), uid, 6);
			assert_int_equal(*guestmem(at + 28), i);
		}
		assert_int_equal(at, end);
	}
}

static void test_failures(void **state)
{
	long n;

	(void)state;
	guestmem_reset(1 * MIB);
	assert_int_equal(vacpi_build(NULL, VCPUS_MAX + 1, &rsdp), -E2BIG);
	guestmem_reset(512 * KIB);
	assert_int_equal(vacpi_build(NULL, 1, &rsdp), -EFAULT);
	guestmem_reset(1 * MIB);
	for (n = 0; n < 8; n++) {
		guestmem_fail_after(n);
		assert_int_equal(vacpi_build(NULL, 1, &rsdp), -ENOMEM);
	}
	guestmem_fail_after(n);
	assert_int_equal(vacpi_build(NULL, 1, &rsdp), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_root),	      cmocka_unit_test(test_fadt),
		cmocka_unit_test(test_facs_and_dsdt), cmocka_unit_test(test_dsdt_addresses),
		cmocka_unit_test(test_madt),	      cmocka_unit_test(test_processors),
		cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
