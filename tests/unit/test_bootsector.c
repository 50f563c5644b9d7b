// SOURCES: vmm/load/load.c vmm/load/loader.c vmm/load/layout.c vmm/load/entry.c vmm/load/linux.c
// SOURCES: vmm/load/kimage.c vmm/load/emit.c vmm/load/multiboot1.c vmm/load/multiboot2.c
// SOURCES: vmm/load/multiboot2_info.c vmm/load/bootsector.c lib/elf.c tests/unit/stubs/guestmem.c
/* vmm/load/bootsector.c, and what vmm/load/load.c takes for one. */
#include "tests/unit/stubs/unit.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "tests/unit/stubs/guestmem.h"

static u8 image[1024];
static struct load_request req;
static struct load_entry entry;

static int setup(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(image); i++)
		image[i] = (u8)(i * 3);
	image[510] = 0x55;
	image[511] = 0xaa;
	guestmem_request(&req, 1 * MIB, image, 512);
	return 0;
}

static void test_good(void **state)
{
	unsigned i;

	(void)state;
	assert_string_equal(load_recognize(image, 512), "boot sector");
	assert_int_equal(guestmem_load(&req, &entry), 0);
	assert_memory_equal(guestmem(0x7c00), image, 512);
	assert_int_equal(entry.mode, ENTRY_REAL);
	assert_int_equal(entry.rip, 0x7c00);
	assert_int_equal(entry.rsp, 0x7c00);
	assert_int_equal(entry.gpr[REG_RDX], 0x80);
	assert_int_equal(entry.cr0 & (CR0_PE | CR0_PG), 0);
	assert_int_equal(entry.rflags, RFLAGS_FIXED);
	assert_int_equal(entry.efer, 0);
	for (i = SEG_ES; i <= SEG_GS; i++) {
		assert_int_equal(entry.seg[i].selector, 0);
		assert_int_equal(entry.seg[i].base, 0);
		assert_int_equal(entry.seg[i].limit, 0xffff);
		assert_int_equal(entry.seg[i].attr, i == SEG_CS ? 0x9b : 0x93);
	}
	assert_int_equal(entry.seg[SEG_IDTR].limit, 0x3ff);
	/* Every vector leads to an IRET. */
	for (i = 0; i < 256; i++)
		assert_int_equal(*guestmem(guestmem_u16(i * 4) + guestmem_u16(i * 4 + 2) * 16),
				 0xcf);
}

static void test_longer(void **state)
{
	u64 most = 0x9fc00 - 0x7c00;
	u8 *large = calloc(1, most + 1);

	(void)state;
	req.kernel.size = 1024;
	assert_int_equal(guestmem_load(&req, &entry), 0);
	assert_memory_equal(guestmem(0x7c00), image, 1024);
	memcpy(large, image, 512);
	req.kernel.data = large;
	req.kernel.size = most;
	assert_int_equal(guestmem_load(&req, &entry), 0);
	req.kernel.size = most + 1;
	assert_int_equal(guestmem_load(&req, &entry), -E2BIG);
	assert_non_null(strstr(guestmem_message, "does not fit below 640 KiB"));
	free(large);
}

static void test_not_recognized(void **state)
{
	(void)state;
	assert_null(load_recognize(image, 511));
	image[510] = 0xaa;
	assert_null(load_recognize(image, 512));
	assert_null(load_recognize(NULL, 0));
	assert_int_equal(guestmem_load(&req, &entry), -ENOEXEC);
	assert_non_null(strstr(guestmem_message, "unknown format"));
	image[510] = 0x55;
	/* An ELF file is none, whatever is at 510. */
	memcpy(image, "\177ELF", 4);
	assert_null(load_recognize(image, 512));
	assert_int_equal(guestmem_load(&req, &entry), -ENOEXEC);
	assert_string_equal(guestmem_message, "kernel: an ELF file without a Multiboot header");
}

static void test_long_name(void **state)
{
	char name[400];

	(void)state;
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	image[510] = 0;
	req.kernel.name = name;
	assert_int_equal(load_image(&req, &entry, guestmem_message), -ENOEXEC);
	assert_int_equal(strlen(guestmem_message), LOAD_MESSAGE - 1);
}

static void test_torture(void **state)
{
	(void)state;
	guestmem_torture(&req, 5000, 512);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_good, setup),
		cmocka_unit_test_setup(test_longer, setup),
		cmocka_unit_test_setup(test_not_recognized, setup),
		cmocka_unit_test_setup(test_long_name, setup),
		cmocka_unit_test_setup(test_torture, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
