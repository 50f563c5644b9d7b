// SOURCES: vmm/load/load.c vmm/load/loader.c vmm/load/layout.c vmm/load/entry.c vmm/load/linux.c
// SOURCES: vmm/load/kimage.c vmm/load/emit.c vmm/load/multiboot1.c vmm/load/multiboot2.c
// SOURCES: vmm/load/multiboot2_info.c vmm/load/bootsector.c lib/elf.c tests/unit/stubs/guestmem.c
/*
 * vmm/load/linux.c: a synthetic bzImage in all its variations, and Debian's kernel if it is there.
 */
#include "tests/unit/stubs/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "tests/unit/stubs/guestmem.h"

#define SECTS 3
#define PAYLOAD 8192
#define SIZE ((SECTS + 1) * 512 + PAYLOAD)
#define PREF 0x1000000ull
#define INIT_SIZE 0x300000ull
#define ZERO_PAGE 0x10000ull
#define CMDLINE 0x20000ull

static u8 image[SIZE];
static struct load_request req;
static struct load_entry entry;

static void put(u64 at, u64 value, unsigned size)
{
	memcpy(image + at, &value, size);
}

static int setup(void **state)
{
	unsigned i;

	(void)state;
	memset(image, 0, sizeof(image));
	for (i = 0; i < PAYLOAD; i++)
		image[(SECTS + 1) * 512 + i] = (u8)(i * 7 + i / 256);
	image[0x1f1] = SECTS;
	put(0x1f4, PAYLOAD / 16, 4);
	put(0x1fe, 0xaa55, 2);
	image[0x200] = 0xeb;
	image[0x201] = 0x6a;
	memcpy(image + 0x202, "HdrS", 4);
	put(0x206, 0x020f, 2);
	image[0x211] = 1;	   /* LOADED_HIGH */
	put(0x22c, 0x7fffffff, 4); /* initrd_addr_max */
	put(0x230, 0x200000, 4);   /* kernel_alignment */
	image[0x234] = 1;	   /* relocatable */
	put(0x236, 1, 2);	   /* XLF_KERNEL_64 */
	put(0x238, 2047, 4);	   /* cmdline_size */
	put(0x258, PREF, 8);
	put(0x260, INIT_SIZE, 4);
	guestmem_request(&req, 256 * MIB, image, sizeof(image));
	return 0;
}

static void refused(int error, const char *why)
{
	assert_int_equal(guestmem_load(&req, &entry), error);
	if (!strstr(guestmem_message, why))
		fail_msg("\"%s\" does not say \"%s\"", guestmem_message, why);
}

static void check_page_tables(u64 cr3)
{
	u64 pdpt = guestmem_u64(cr3) & ~0xfffull;
	u64 i;

	assert_int_equal(guestmem_u64(cr3) & 3, 3);
	for (i = 1; i < 512; i++)
		assert_int_equal(guestmem_u64(cr3 + i * 8), 0);
	for (i = 0; i < 2048; i++) {
		u64 pd = guestmem_u64(pdpt + i / 512 * 8);

		assert_int_equal(pd & 0xfff, 3);
		assert_int_equal(guestmem_u64((pd & ~0xfffull) + i % 512 * 8), i << 21 | 0x83);
	}
	for (i = 4; i < 512; i++)
		assert_int_equal(guestmem_u64(pdpt + i * 8), 0);
}

/* boot.rst, 64-bit boot protocol: long mode, flat segments by these selectors, RSI, IF clear. */
static void check_entry(u64 rip)
{
	const struct segment *cs = &entry.seg[SEG_CS];

	assert_int_equal(entry.mode, ENTRY_LONG);
	assert_int_equal(entry.rip, rip);
	assert_int_equal(entry.gpr[REG_RSI], ZERO_PAGE);
	assert_int_equal(entry.rflags, RFLAGS_FIXED);
	assert_int_equal(entry.cr0 & (CR0_PG | CR0_PE), CR0_PG | CR0_PE);
	assert_int_equal(entry.cr4, CR4_PAE);
	assert_int_equal(entry.efer, EFER_LME | EFER_LMA);
	assert_int_equal(cs->selector, 0x10);
	assert_int_equal(cs->attr, 0xa09b);
	assert_int_equal(entry.seg[SEG_DS].selector, 0x18);
	assert_int_equal(entry.seg[SEG_SS].attr, 0xc093);
	assert_int_equal(entry.seg[SEG_TR].attr, 0x8b);
	assert_true(guestmem_u64(entry.seg[SEG_GDTR].base + 0x10) == 0x00af9b000000ffff);
	assert_true(guestmem_u64(entry.seg[SEG_GDTR].base + 0x18) == 0x00cf93000000ffff);
	assert_int_equal(entry.seg[SEG_GDTR].limit, 31);
	check_page_tables(entry.cr3);
}

static void test_good(void **state)
{
	unsigned i;

	(void)state;
	req.cmdline = "console=ttyS0 quiet";
	req.rsdp = 0xe0000;
	assert_string_equal(load_recognize(image, SIZE), "Linux bzImage");
	assert_int_equal(guestmem_load(&req, &entry), 0);
	check_entry(PREF + 0x200);
	assert_memory_equal(guestmem(PREF), image + (SECTS + 1) * 512, PAYLOAD);
	assert_string_equal((char *)guestmem(CMDLINE), "console=ttyS0 quiet");
	/* The zero page: the header as it was but for what the loader fills in. */
	assert_memory_equal(guestmem(ZERO_PAGE + 0x200), image + 0x200, 0x10);
	assert_memory_equal(guestmem(ZERO_PAGE + 0x22c), image + 0x22c, 0x26c - 0x22c);
	assert_int_equal(guestmem_u32(ZERO_PAGE + 0x26c), 0);
	assert_int_equal(guestmem_u32(ZERO_PAGE), 0);
	assert_int_equal(*guestmem(ZERO_PAGE + 0x1ef), 0); /* the sentinel */
	assert_int_equal(guestmem_u16(ZERO_PAGE + 0x1fa), 0xffff);
	assert_int_equal(*guestmem(ZERO_PAGE + 0x210), 0xff);
	assert_int_equal(guestmem_u32(ZERO_PAGE + 0x214), PREF);
	assert_int_equal(guestmem_u32(ZERO_PAGE + 0x218), 0);
	assert_int_equal(guestmem_u32(ZERO_PAGE + 0x228), CMDLINE);
	assert_int_equal(guestmem_u64(ZERO_PAGE + 0x070), 0xe0000);
	assert_int_equal(*guestmem(ZERO_PAGE + 0x1e8), req.e820_count);
	for (i = 0; i < req.e820_count; i++) {
		assert_int_equal(guestmem_u64(ZERO_PAGE + 0x2d0 + i * 20), req.e820[i].base);
		assert_int_equal(guestmem_u64(ZERO_PAGE + 0x2d8 + i * 20), req.e820[i].size);
		assert_int_equal(guestmem_u32(ZERO_PAGE + 0x2e0 + i * 20), req.e820[i].type);
	}
}

static void test_initrd(void **state)
{
	u8 a[4097], b[10];
	struct load_file files[2] = { { .data = a, .size = sizeof(a), .name = "a" },
				      { .data = b, .size = sizeof(b), .name = "b" } };
	u64 at;

	(void)state;
	memset(a, 0xaa, sizeof(a));
	memset(b, 0xbb, sizeof(b));
	req.initrd = files;
	req.initrd_count = 2;
	assert_int_equal(guestmem_load(&req, &entry), 0);
	at = guestmem_u32(ZERO_PAGE + 0x218);
	assert_int_equal(guestmem_u32(ZERO_PAGE + 0x21c), 4100 + 10);
	assert_int_equal(at, 256 * MIB - 8192); /* page-aligned, as high as it can be */
	assert_memory_equal(guestmem(at), a, sizeof(a));
	assert_int_equal(guestmem_u32(at + 4096) & 0xffffff00, 0);
	assert_memory_equal(guestmem(at + 4100), b, sizeof(b));

	put(0x22c, 0x7ffffff, 4); /* the kernel wants it below 128 MiB */
	assert_int_equal(guestmem_load(&req, &entry), 0);
	assert_int_equal(guestmem_u32(ZERO_PAGE + 0x218), 128 * MIB - 8192);
}

static void test_initrd_too_large(void **state)
{
	u8 byte = 1;
	struct load_file files[2] = { { .data = &byte, .size = 1, .name = "a" },
				      { .data = &byte, .size = 1, .name = "b" } };

	(void)state;
	req.initrd = files;
	req.initrd_count = 1;
	put(0x22c, PREF + INIT_SIZE - 2, 4); /* ends one byte inside the kernel's memory */
	refused(-E2BIG, "kernel and initrd (3072 and 0 KiB) do not fit");
	put(0x22c, 0x7fffffff, 4);
	files[0].size = 256 * MIB - PREF - INIT_SIZE + 1;
	refused(-E2BIG, "do not fit into the partition's 256 MiB");
	files[0].size = ~0ull; /* of which the second would make 1 */
	req.initrd_count = 2;
	refused(-E2BIG, "do not fit");
}

static void test_cmdline_length(void **state)
{
	char text[3000];

	(void)state;
	memset(text, 'a', sizeof(text));
	text[2047] = '\0';
	req.cmdline = text;
	assert_int_equal(guestmem_load(&req, &entry), 0);
	text[2047] = 'a';
	text[2048] = '\0';
	refused(-E2BIG, "the command line has 2048 characters, the kernel takes 2047");
}

/* Where the preferred address is not free: at the lowest aligned one, or nowhere. */
static void test_placement(void **state)
{
	(void)state;
	guestmem_request(&req, 8 * MIB, image, SIZE);
	assert_int_equal(guestmem_load(&req, &entry), 0);
	check_entry(2 * MIB + 0x200);
	assert_memory_equal(guestmem(2 * MIB), image + (SECTS + 1) * 512, PAYLOAD);
	put(0x230, 3 * MIB, 4);
	refused(-ENOEXEC, "damaged: kernel alignment");
	put(0x230, 0, 4);
	refused(-ENOEXEC, "damaged: kernel alignment");
	put(0x230, 0x200000, 4);
	image[0x234] = 0;
	refused(-E2BIG, "needs 3072 KiB at 0x1000000, the partition has 8 MiB");
	image[0x234] = 1;
	guestmem_request(&req, 5 * MIB - 4096, image, SIZE);
	refused(-E2BIG, "needs 3072 KiB");
	guestmem_request(&req, 5 * MIB, image, SIZE);
	assert_int_equal(guestmem_load(&req, &entry), 0);
	guestmem_request(&req, 1 * MIB, image, SIZE);
	refused(-E2BIG, "needs 3072 KiB");
	/* Above 4 GiB there is RAM, but neither our page tables nor 32-bit fields reach it. */
	guestmem_request(&req, 5 * GIB, image, SIZE);
	put(0x258, 4 * GIB, 8);
	assert_int_equal(guestmem_load(&req, &entry), 0);
	check_entry(2 * MIB + 0x200);
	put(0x258, ~0ull - 100, 8);
	assert_int_equal(guestmem_load(&req, &entry), 0);
	check_entry(2 * MIB + 0x200);
	put(0x258, 0x8000, 8); /* low memory is ours */
	assert_int_equal(guestmem_load(&req, &entry), 0);
	check_entry(2 * MIB + 0x200);
}

static void test_kinds(void **state)
{
	(void)state;
	put(0x206, 0x020b, 2);
	refused(-ENOEXEC, "boot protocol 2.11 has no 64-bit entry");
	setup(NULL);
	put(0x236, 0, 2);
	refused(-ENOEXEC, "a kernel without the 64-bit entry");
	setup(NULL);
	image[0x211] = 0;
	refused(-ENOEXEC, "zImage");
	setup(NULL);
	put(0x1fe, 0, 2);
	refused(-ENOEXEC, "boot flag");
	setup(NULL);
	image[0x201] = 0x20;
	refused(-ENOEXEC, "damaged");
	setup(NULL);
	put(0x1f4, 0x20, 4);
	refused(-ENOEXEC, "damaged");
}

static void test_truncated(void **state)
{
	char text[100];

	(void)state;
	req.kernel.size = SIZE - 15; /* within the last paragraph of 16 bytes */
	assert_int_equal(guestmem_load(&req, &entry), 0);
	req.kernel.size = SIZE - 16;
	snprintf(text, sizeof(text), "truncated: the header asks for %d bytes, the file has %d",
		 SIZE, SIZE - 16);
	refused(-ENOEXEC, text);
	put(0x1f4, 0, 4);
	req.kernel.size = (SECTS + 1) * 512 - 8;
	refused(-ENOEXEC, "truncated: the header asks for 2048 bytes, the file has 2040");
	req.kernel.size = 0x267;
	refused(-ENOEXEC, "truncated: no whole setup header");
	req.kernel.size = SIZE;
	put(0x1f4, 0xffffffff, 4);
	refused(-ENOEXEC, "truncated: the header asks for 68719478768 bytes");
	image[0x1f1] = 0; /* means 4 */
	put(0x1f4, (SIZE - 5 * 512) / 16, 4);
	assert_int_equal(guestmem_load(&req, &entry), 0);
	assert_memory_equal(guestmem(PREF), image + 5 * 512, SIZE - 5 * 512);
}

static void test_no_memory(void **state)
{
	long n;

	(void)state;
	for (n = 0;; n++) {
		guestmem_request(&req, 64 * MIB, image, SIZE);
		guestmem_fail_after(n);
		if (guestmem_load(&req, &entry) == 0)
			break;
		assert_non_null(strstr(guestmem_message, "no memory left"));
	}
	assert_true(n > 10);
}

static void test_torture(void **state)
{
	(void)state;
	guestmem_request(&req, 64 * MIB, image, SIZE);
	guestmem_torture(&req, 20000, 0x270);
}

static void test_debian(void **state)
{
	FILE *f = fopen("build/linux/vmlinuz", "rb");
	u64 size;
	u8 *data;

	(void)state;
	if (!f)
		skip();
	fseek(f, 0, SEEK_END);
	size = (u64)ftell(f);
	rewind(f);
	data = malloc(size);
	assert_int_equal(fread(data, 1, size, f), size);
	fclose(f);
	guestmem_request(&req, 256 * MIB, data, size);
	req.cmdline = "console=ttyS0";
	assert_int_equal(guestmem_load(&req, &entry), 0);
	assert_int_equal(entry.rip, 0x1000200);
	assert_memory_equal(guestmem(0x1000000), data + (data[0x1f1] + 1) * 512, 0x100000);
	req.kernel.size = 1000000;
	refused(-ENOEXEC, "truncated: the header asks for");
	guestmem_request(&req, 64 * MIB, data, size); /* the default size */
	assert_int_equal(guestmem_load(&req, &entry), 0);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_good, setup),
		cmocka_unit_test_setup(test_initrd, setup),
		cmocka_unit_test_setup(test_initrd_too_large, setup),
		cmocka_unit_test_setup(test_cmdline_length, setup),
		cmocka_unit_test_setup(test_placement, setup),
		cmocka_unit_test_setup(test_kinds, setup),
		cmocka_unit_test_setup(test_truncated, setup),
		cmocka_unit_test_setup(test_no_memory, setup),
		cmocka_unit_test_setup(test_torture, setup),
		cmocka_unit_test(test_debian),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
