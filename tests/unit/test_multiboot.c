// SOURCES: vmm/load/load.c vmm/load/loader.c vmm/load/layout.c vmm/load/entry.c vmm/load/linux.c
// SOURCES: vmm/load/kimage.c vmm/load/emit.c vmm/load/multiboot1.c vmm/load/multiboot2.c
// SOURCES: vmm/load/multiboot2_info.c vmm/load/bootsector.c lib/elf.c tests/unit/stubs/guestmem.c
/* Multiboot and Multiboot2 kernels: ELF of both classes and by addresses, modules, information. */
#include "tests/unit/stubs/unit.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#undef PF_W /* of segments there, of page faults here */

#include "error.h"
#include "tests/unit/stubs/guestmem.h"

#define MB1_MAGIC 0x1badb002u
#define MB2_MAGIC 0xe85250d6u
#define TEXT 0x100000
#define VIRT 0xffffffff80000000ull
#define HEADER_AT 0x200 /* in every image here; the text begins there, too */
#define SIZE 0x400

static u8 image[SIZE];
static struct load_request req;
static struct load_entry entry;

static void put32(u64 at, u32 value)
{
	memcpy(image + at, &value, sizeof(value));
}

static void clear(void)
{
	unsigned i;

	memset(image, 0, sizeof(image));
	for (i = HEADER_AT; i < SIZE; i++)
		image[i] = (u8)(i * 5 + 1);
	guestmem_request(&req, 16 * MIB, image, SIZE);
	req.cmdline = "a=1 b";
}

/* One segment of text and bss, one of data below 1 MiB. */
static void make_elf64(void)
{
	Elf64_Ehdr e = { .e_ident = ELFMAG,
			 .e_machine = EM_X86_64,
			 .e_entry = VIRT + TEXT + 0x80,
			 .e_phoff = sizeof(e),
			 .e_phentsize = sizeof(Elf64_Phdr),
			 .e_phnum = 3 };
	Elf64_Phdr p[3] = {
		{ .p_type = PT_LOAD,
		  .p_offset = HEADER_AT,
		  .p_vaddr = VIRT + TEXT,
		  .p_paddr = TEXT,
		  .p_filesz = 0x200,
		  .p_memsz = 0x5000 },
		{ .p_type = PT_LOAD,
		  .p_offset = 0x300,
		  .p_vaddr = 0x9000,
		  .p_paddr = 0x9000,
		  .p_filesz = 0x80,
		  .p_memsz = 0x100 },
		{ .p_type = PT_LOAD }, /* empty, at 0 */
	};

	e.e_ident[EI_CLASS] = ELFCLASS64;
	e.e_ident[EI_DATA] = ELFDATA2LSB;
	memcpy(image, &e, sizeof(e));
	memcpy(image + sizeof(e), p, sizeof(p));
}

static void make_elf32(u32 entry_address)
{
	Elf32_Ehdr e = { .e_ident = ELFMAG,
			 .e_machine = EM_386,
			 .e_entry = entry_address,
			 .e_phoff = sizeof(e),
			 .e_phentsize = sizeof(Elf32_Phdr),
			 .e_phnum = 1 };
	Elf32_Phdr p = { .p_type = PT_LOAD,
			 .p_offset = HEADER_AT,
			 .p_vaddr = 0xc0000000 + TEXT,
			 .p_paddr = TEXT,
			 .p_filesz = 0x200,
			 .p_memsz = 0x300 };

	e.e_ident[EI_CLASS] = ELFCLASS32;
	e.e_ident[EI_DATA] = ELFDATA2LSB;
	memcpy(image, &e, sizeof(e));
	memcpy(image + sizeof(e), &p, sizeof(p));
}

static void make_mb1(u32 flags)
{
	put32(HEADER_AT, MB1_MAGIC);
	put32(HEADER_AT + 4, flags);
	put32(HEADER_AT + 8, -(MB1_MAGIC + flags));
}

static void make_mb1_addresses(u32 header, u32 load, u32 load_end, u32 bss_end, u32 entry_address)
{
	make_mb1(0x10003);
	put32(HEADER_AT + 12, header);
	put32(HEADER_AT + 16, load);
	put32(HEADER_AT + 20, load_end);
	put32(HEADER_AT + 24, bss_end);
	put32(HEADER_AT + 28, entry_address);
}

static u32 mb2_at;

static void mb2_begin(void)
{
	mb2_at = HEADER_AT + 16;
}

static void mb2_tag(u16 type, u16 flags, u32 words, const u32 *word)
{
	put32(mb2_at, type | (u32)flags << 16);
	put32(mb2_at + 4, 8 + words * 4);
	if (words)
		memcpy(image + mb2_at + 8, word, words * 4);
	mb2_at = ROUND_UP(mb2_at + 8 + words * 4, 8);
}

static void mb2_end(void)
{
	u32 length;

	mb2_tag(0, 0, 0, NULL);
	length = mb2_at - HEADER_AT;
	put32(HEADER_AT, MB2_MAGIC);
	put32(HEADER_AT + 4, 0);
	put32(HEADER_AT + 8, length);
	put32(HEADER_AT + 12, -(MB2_MAGIC + length));
}

static int setup_mb1(void **state)
{
	(void)state;
	clear();
	make_elf64();
	make_mb1(3);
	return 0;
}

static int setup_mb2(void **state)
{
	(void)state;
	clear();
	make_elf64();
	mb2_begin();
	mb2_end();
	return 0;
}

static void refused(int error, const char *why)
{
	assert_int_equal(guestmem_load(&req, &entry), error);
	if (!strstr(guestmem_message, why))
		fail_msg("\"%s\" does not say \"%s\"", guestmem_message, why);
}

static void check_entry(u64 rip, u64 magic)
{
	assert_int_equal(entry.mode, ENTRY_PROTECTED);
	assert_int_equal(entry.rip, rip);
	assert_int_equal(entry.gpr[REG_RAX], magic);
	assert_int_equal(entry.rflags, RFLAGS_FIXED);
	assert_int_equal(entry.cr0 & (CR0_PE | CR0_PG), CR0_PE);
	assert_int_equal(entry.cr4, 0);
	assert_int_equal(entry.efer, 0);
	assert_int_equal(entry.seg[SEG_CS].attr, 0xc09b);
	assert_int_equal(entry.seg[SEG_CS].limit, 0xffffffff);
	assert_int_equal(entry.seg[SEG_DS].attr, 0xc093);
	assert_int_equal(entry.seg[SEG_SS].limit, 0xffffffff);
	assert_int_equal(entry.gpr[REG_RBX] % 8, 0);
}

static void check_elf64_contents(void)
{
	static const u8 zeros[0x4e00];

	assert_memory_equal(guestmem(TEXT), image + HEADER_AT, 0x200);
	assert_memory_equal(guestmem(TEXT + 0x200), zeros, sizeof(zeros));
	assert_memory_equal(guestmem(0x9000), image + 0x300, 0x80);
	assert_memory_equal(guestmem(0x9080), zeros, 0x80);
}

static const u8 module_a[5000] = { 1, 2, 3 };
static const u8 module_b[1] = { 9 };
static const struct load_file modules[] = {
	{ .data = module_a, .size = sizeof(module_a), .name = "a", .cmdline = "a one two" },
	{ .data = module_b, .size = sizeof(module_b), .name = "b", .cmdline = "b" },
	{ .data = module_b, .size = 0, .name = "empty", .cmdline = "" },
};

static void test_mb1_elf64(void **state)
{
	u32 info, i;

	(void)state;
	memset(guestmem(TEXT), 0xee, 0x5000);
	assert_string_equal(load_recognize(image, SIZE), "Multiboot");
	assert_int_equal(guestmem_load(&req, &entry), 0);
	check_entry(TEXT + 0x80, 0x2badb002);
	check_elf64_contents();
	info = (u32)entry.gpr[REG_RBX];
	assert_int_equal(guestmem_u32(info), 0x24d); /* memory, cmdline, modules, mmap, loader */
	assert_int_equal(guestmem_u32(info + 4), 639);
	assert_int_equal(guestmem_u32(info + 8), 15 * 1024);
	assert_string_equal((char *)guestmem(guestmem_u32(info + 16)), "a=1 b");
	assert_int_equal(guestmem_u32(info + 20), 0);
	assert_string_equal((char *)guestmem(guestmem_u32(info + 64)), "Partita");
	assert_int_equal(guestmem_u32(info + 44), req.e820_count * 24);
	for (i = 0; i < req.e820_count; i++) {
		u32 at = guestmem_u32(info + 48) + i * 24;

		assert_int_equal(guestmem_u32(at), 20);
		assert_int_equal(guestmem_u64(at + 4), req.e820[i].base);
		assert_int_equal(guestmem_u64(at + 12), req.e820[i].size);
		assert_int_equal(guestmem_u32(at + 20), req.e820[i].type);
	}
}

static void test_mb1_modules(void **state)
{
	u32 info, mods, i;

	(void)state;
	req.module = modules;
	req.module_count = ARRAY_SIZE(modules);
	assert_int_equal(guestmem_load(&req, &entry), 0);
	check_elf64_contents();
	info = (u32)entry.gpr[REG_RBX];
	assert_int_equal(guestmem_u32(info + 20), 3);
	mods = guestmem_u32(info + 24);
	for (i = 0; i < 3; i++) {
		u32 start = guestmem_u32(mods + i * 16);
		u32 end = guestmem_u32(mods + i * 16 + 4);

		assert_int_equal(start % 4096, 0);
		assert_true(start >= TEXT + 0x5000);
		assert_int_equal(end - start, modules[i].size);
		assert_memory_equal(guestmem(start), modules[i].data, modules[i].size);
		assert_string_equal((char *)guestmem(guestmem_u32(mods + i * 16 + 8)),
				    modules[i].cmdline);
	}
	assert_string_equal((char *)guestmem(guestmem_u32(info + 16)), "a=1 b");
}

static void test_mb1_elf32(void **state)
{
	(void)state;
	clear();
	make_elf32(0xc0000000 + TEXT + 0x40); /* the entry as a virtual address */
	make_mb1(0);
	assert_int_equal(guestmem_load(&req, &entry), 0);
	check_entry(TEXT + 0x40, 0x2badb002);
	assert_memory_equal(guestmem(TEXT), image + HEADER_AT, 0x200);
	make_elf32(TEXT + 0x44); /* as the physical one */
	assert_int_equal(guestmem_load(&req, &entry), 0);
	check_entry(TEXT + 0x44, 0x2badb002);
	make_elf32(0x44);
	refused(-ENOEXEC, "the entry 0x44 is in no segment");
}

static void test_mb1_addresses(void **state)
{
	static const u8 zeros[0x1000];

	(void)state;
	clear();
	make_mb1_addresses(TEXT + 0x100, TEXT, 0, 0,
			   TEXT + 0x10); /* all of the file from 0x100 on */
	memset(guestmem(TEXT), 0xee, 0x10000);
	assert_int_equal(guestmem_load(&req, &entry), 0);
	check_entry(TEXT + 0x10, 0x2badb002);
	assert_memory_equal(guestmem(TEXT), image + 0x100, SIZE - 0x100);
	assert_int_equal(*guestmem(TEXT + SIZE - 0x100), 0xee);
	make_mb1_addresses(TEXT, TEXT, TEXT + 0x100, TEXT + 0x1100, TEXT);
	memset(guestmem(TEXT), 0xee, 0x10000);
	assert_int_equal(guestmem_load(&req, &entry), 0);
	assert_memory_equal(guestmem(TEXT), image + 0x200, 0x100);
	assert_memory_equal(guestmem(TEXT + 0x100), zeros, 0x1000);
	assert_int_equal(*guestmem(TEXT + 0x1100), 0xee);
}

static void test_mb1_addresses_refused(void **state)
{
	(void)state;
	clear();
	make_mb1_addresses(TEXT, TEXT + 4, 0, 0, TEXT);
	refused(-ENOEXEC, "damaged");
	make_mb1_addresses(TEXT + HEADER_AT + 4, TEXT, 0, 0, TEXT);
	refused(-ENOEXEC, "damaged");
	make_mb1_addresses(TEXT, TEXT, TEXT - 1, 0, TEXT);
	refused(-ENOEXEC, "load end is before");
	make_mb1_addresses(TEXT, TEXT, TEXT + 0x201, 0, TEXT);
	refused(-ENOEXEC, "truncated: the header asks for 1025 bytes, the file has 1024");
	make_mb1_addresses(TEXT, TEXT, 0, 0xffffffff, TEXT);
	refused(-E2BIG, "no RAM in the partition's 16 MiB");
	make_mb1_addresses(0xfffffff0, 0xfffffff0, 0, 0, 0xfffffff0);
	refused(-E2BIG, "no RAM");
	make_mb1_addresses(TEXT, TEXT, 0, 0, TEXT - 1);
	refused(-ENOEXEC, "the entry 0xfffff is outside the kernel");
	make_mb1_addresses(0xe0000, 0xe0000, 0, 0, 0xe0000); /* over the ACPI tables */
	refused(-E2BIG, "no RAM");
	req.kernel.size = HEADER_AT + 28; /* cuts the header's address fields */
	refused(-ENOEXEC, "truncated: no whole Multiboot header");
}

static void test_mb1_flags(void **state)
{
	(void)state;
	make_mb1(0x7); /* a video mode is a wish */
	assert_int_equal(guestmem_load(&req, &entry), 0);
	make_mb1(0xb);
	refused(-ENOEXEC, "requires features 0xb");
	make_mb1(0xffff0003 & ~0x10000u); /* the upper half is optional */
	assert_int_equal(guestmem_load(&req, &entry), 0);
	put32(HEADER_AT + 8, 0); /* a wrong checksum: not a header */
	refused(-ENOEXEC, "an ELF file without a Multiboot header");
}

/* The header must lie wholly within the first 8 KiB. */
static void test_mb1_search(void **state)
{
	u8 *large = calloc(1, 16384);
	u32 header[3] = { MB1_MAGIC, 0, -MB1_MAGIC };

	(void)state;
	memcpy(large + 8180, header, sizeof(header));
	assert_string_equal(load_recognize(large, 16384), "Multiboot");
	memset(large, 0, 16384);
	memcpy(large + 8184, header, sizeof(header));
	assert_null(load_recognize(large, 16384));
	memset(large, 0, 16384);
	memcpy(large + 2, header, sizeof(header)); /* not aligned */
	assert_null(load_recognize(large, 16384));
	free(large);
}

static void test_elf_refused(void **state)
{
	Elf64_Ehdr *e = (Elf64_Ehdr *)image;
	Elf64_Phdr *p = (Elf64_Phdr *)(image + sizeof(*e));

	(void)state;
	e->e_machine = EM_AARCH64;
	refused(-ENOEXEC, "another processor (machine 183)");
	e->e_machine = EM_X86_64;
	p[0].p_paddr = ~0ull - 0x1000;
	refused(-E2BIG, "beyond 4 GiB");
	p[0].p_paddr = TEXT;
	p[0].p_memsz = ~0ull - TEXT + 1;
	refused(-E2BIG, "beyond 4 GiB");
	p[0].p_memsz = 16 * MIB - TEXT + 1;
	refused(-E2BIG, "needs 0x100000..0x1000001, which is no RAM in the partition's 16 MiB");
	p[0].p_memsz = 0x100;
	refused(-ENOEXEC, "larger than its memory");
	p[0].p_memsz = 0x200;
	req.kernel.size = SIZE - 1;
	refused(-ENOEXEC, "truncated: an ELF segment lies beyond the end");
	req.kernel.size = SIZE;
	p[0].p_type = p[1].p_type = PT_NOTE;
	refused(-ENOEXEC, "without anything to load");
}

static void test_modules_refused(void **state)
{
	struct load_file many[17];
	struct load_file large = { .data = image, .size = 15 * MIB - 0x5000 + 1, .cmdline = "" };
	unsigned i;

	(void)state;
	for (i = 0; i < 17; i++)
		many[i] = modules[1];
	req.module = many;
	req.module_count = 16;
	assert_int_equal(guestmem_load(&req, &entry), 0);
	req.module_count = 17;
	refused(-E2BIG, "17 modules; at most 16");
	req.module = &large;
	req.module_count = 1;
	refused(-E2BIG, "15340 KiB more do not fit into the partition's 16 MiB");
	large.size = ~0ull;
	refused(-E2BIG, "do not fit");
}

/* A kernel that lies where the information would go gets it elsewhere. */
static void test_info_avoids_kernel(void **state)
{
	(void)state;
	clear();
	make_mb1_addresses(0x8000, 0x8000, 0, 0x10001, 0x8000);
	assert_int_equal(guestmem_load(&req, &entry), 0);
	assert_true(entry.gpr[REG_RBX] >= 0x100000);
	assert_int_equal(guestmem_u32(entry.gpr[REG_RBX]), 0x24d);
	make_mb1_addresses(0x8000, 0x8000, 0, 0x10000, 0x8000);
	assert_int_equal(guestmem_load(&req, &entry), 0);
	assert_int_equal(entry.gpr[REG_RBX], 0x10000);
}

/* The tag with this type, or 0. */
static u64 mb2_find(u32 type, unsigned which)
{
	u64 info = entry.gpr[REG_RBX];
	u64 end = info + guestmem_u32(info);
	u64 at;

	assert_int_equal(guestmem_u32(end - 8), 0); /* the end tag is the last */
	assert_int_equal(guestmem_u32(end - 4), 8);
	for (at = info + 8; at < end; at = ROUND_UP(at + guestmem_u32(at + 4), 8)) {
		assert_true(guestmem_u32(at + 4) >= 8);
		if (guestmem_u32(at) == type && which-- == 0)
			return at;
	}
	assert_int_equal(at, end);
	return 0;
}

static void test_mb2_information(void **state)
{
	u64 at;
	u32 i;

	(void)state;
	memcpy(guestmem(0xe0000), "RSD PTR xyz", 11);
	req.rsdp = 0xe0000;
	req.module = modules;
	req.module_count = ARRAY_SIZE(modules);
	assert_string_equal(load_recognize(image, SIZE), "Multiboot2");
	assert_int_equal(guestmem_load(&req, &entry), 0);
	check_entry(TEXT + 0x80, 0x36d76289);
	check_elf64_contents();
	assert_string_equal((char *)guestmem(mb2_find(1, 0) + 8), "a=1 b");
	assert_int_equal(guestmem_u32(mb2_find(1, 0) + 4), 8 + 6);
	assert_string_equal((char *)guestmem(mb2_find(2, 0) + 8), "Partita");
	for (i = 0; i < 3; i++) {
		at = mb2_find(3, i);
		assert_int_equal(guestmem_u32(at + 8) % 4096, 0);
		assert_int_equal(guestmem_u32(at + 12) - guestmem_u32(at + 8), modules[i].size);
		assert_memory_equal(guestmem(guestmem_u32(at + 8)), modules[i].data,
				    modules[i].size);
		assert_string_equal((char *)guestmem(at + 16), modules[i].cmdline);
	}
	assert_int_equal(mb2_find(3, 3), 0);
	at = mb2_find(4, 0);
	assert_int_equal(guestmem_u32(at + 8), 639);
	assert_int_equal(guestmem_u32(at + 12), 15 * 1024);
	at = mb2_find(6, 0);
	assert_int_equal(guestmem_u32(at + 4), 16 + req.e820_count * 24);
	assert_int_equal(guestmem_u32(at + 8), 24);
	for (i = 0; i < req.e820_count; i++) {
		assert_int_equal(guestmem_u64(at + 16 + i * 24), req.e820[i].base);
		assert_int_equal(guestmem_u64(at + 24 + i * 24), req.e820[i].size);
		assert_int_equal(guestmem_u32(at + 32 + i * 24), req.e820[i].type);
	}
	assert_int_equal(guestmem_u32(mb2_find(14, 0) + 4), 8 + 20);
	assert_int_equal(guestmem_u32(mb2_find(15, 0) + 4), 8 + 36);
	assert_memory_equal(guestmem(mb2_find(15, 0) + 8), "RSD PTR xyz", 11);
	assert_int_equal(guestmem_u32(mb2_find(21, 0) + 8), 0x9000);
}

static void test_mb2_requests(void **state)
{
	static const u32 known[] = { 1, 2, 3, 4, 6, 21 };
	static const u32 framebuffer[] = { 6, 8 };
	static const u32 acpi[] = { 15 };

	(void)state;
	mb2_begin();
	mb2_tag(1, 0, 6, known);
	mb2_end();
	assert_int_equal(guestmem_load(&req, &entry), 0);
	assert_int_equal(mb2_find(15, 0), 0);
	mb2_begin();
	mb2_tag(1, 1, 2, framebuffer); /* optional */
	mb2_end();
	assert_int_equal(guestmem_load(&req, &entry), 0);
	mb2_begin();
	mb2_tag(1, 0, 2, framebuffer);
	mb2_end();
	refused(-ENOEXEC, "requires information 8");
	mb2_begin();
	mb2_tag(1, 0, 1, acpi);
	mb2_end();
	refused(-ENOEXEC, "requires information 15");
	req.rsdp = 0xe0000;
	assert_int_equal(guestmem_load(&req, &entry), 0);
}

static void test_mb2_tags(void **state)
{
	static const u32 zeros[4];
	u32 type;

	(void)state;
	for (type = 4; type <= 11; type++) {
		bool required_refused = type == 5 || type == 7 || type == 11;

		if (type == 10)
			continue;
		mb2_begin();
		mb2_tag((u16)type, 1, 4, zeros);
		mb2_end();
		assert_int_equal(guestmem_load(&req, &entry), 0);
		mb2_begin();
		mb2_tag((u16)type, 0, 4, zeros);
		mb2_end();
		assert_int_equal(guestmem_load(&req, &entry), required_refused ? -ENOEXEC : 0);
	}
	for (type = 2; type <= 10; type += type == 3 ? 7 : 1) { /* 2, 3, 10: too short */
		mb2_begin();
		mb2_tag((u16)type, 0, 0, NULL);
		mb2_end();
		refused(-ENOEXEC, "is too short");
	}
}

static void test_mb2_addresses(void **state)
{
	u32 address[4] = { TEXT, TEXT, TEXT + 0x100, TEXT + 0x1000 };
	u32 start = TEXT + 0x20;

	(void)state;
	clear();
	mb2_begin();
	mb2_tag(2, 0, 4, address);
	mb2_end();
	refused(-ENOEXEC, "an address tag and no entry");
	mb2_begin();
	mb2_tag(2, 0, 4, address);
	mb2_tag(3, 0, 1, &start);
	mb2_end();
	assert_int_equal(guestmem_load(&req, &entry), 0);
	check_entry(start, 0x36d76289);
	assert_memory_equal(guestmem(TEXT), image + HEADER_AT, 0x100);
	assert_int_equal(guestmem_u32(TEXT + 0x100), 0);
	/* An ELF file's own entry is overruled. */
	setup_mb2(NULL);
	mb2_begin();
	mb2_tag(3, 0, 1, &start);
	mb2_end();
	assert_int_equal(guestmem_load(&req, &entry), 0);
	check_entry(start, 0x36d76289);
	check_elf64_contents();
}

static void test_mb2_relocatable(void **state)
{
	u32 place[4] = { 0x400000, 0x800000, 0x200000, 0 };

	(void)state;
	clear();
	make_elf32(TEXT + 0x40);
	mb2_begin();
	mb2_tag(10, 0, 4, place);
	mb2_end();
	assert_int_equal(guestmem_load(&req, &entry), 0);
	check_entry(0x400040, 0x36d76289);
	assert_memory_equal(guestmem(0x400000), image + HEADER_AT, 0x200);
	assert_int_equal(guestmem_u32(TEXT), 0);
	assert_int_equal(guestmem_u32(mb2_find(21, 0) + 8), 0x400000);
	place[0] = 0;
	mb2_begin();
	mb2_tag(10, 0, 4, place);
	mb2_end();
	assert_int_equal(guestmem_load(&req, &entry), 0); /* where it says itself */
	check_entry(TEXT + 0x40, 0x36d76289);
	place[0] = 0x700001;
	place[1] = 0x8002fe;
	mb2_begin();
	mb2_tag(10, 0, 4, place);
	mb2_end();
	refused(-E2BIG, "no place for 0 KiB between 0x700001 and 0x8002fe");
	place[2] = 3;
	mb2_begin();
	mb2_tag(10, 0, 4, place);
	mb2_end();
	refused(-ENOEXEC, "damaged: alignment 0x3");
}

static void test_mb2_header(void **state)
{
	u32 length;

	(void)state;
	memcpy(&length, image + HEADER_AT + 8, 4);
	put32(HEADER_AT + 8, length - 1); /* the end tag sticks out */
	put32(HEADER_AT + 12, -(MB2_MAGIC + length - 1));
	refused(-ENOEXEC, "has no end");
	put32(HEADER_AT + 8, 0xffffffff);
	put32(HEADER_AT + 12, -(MB2_MAGIC + 0xffffffff));
	assert_int_equal(guestmem_load(&req, &entry), 0);
	put32(HEADER_AT + 20, 7); /* an end tag it is all the same */
	assert_int_equal(guestmem_load(&req, &entry), 0);
	put32(HEADER_AT + 16, 0x10000 | 99); /* optional, unknown, too short */
	refused(-ENOEXEC, "has no end");
	put32(HEADER_AT + 4, 4); /* MIPS */
	put32(HEADER_AT + 12, -(MB2_MAGIC + 4 + 0xffffffff));
	refused(-ENOEXEC, "another processor");
}

static void test_no_memory(void **state)
{
	long n;

	(void)state;
	req.module = modules;
	req.module_count = ARRAY_SIZE(modules);
	req.rsdp = 0xe0000;
	for (n = 0;; n++) {
		guestmem_fail_after(n);
		if (guestmem_load(&req, &entry) == 0)
			break;
	}
	assert_true(n > 10);
}

static void test_torture(void **state)
{
	(void)state;
	req.module = modules;
	req.module_count = ARRAY_SIZE(modules);
	guestmem_torture(&req, 20000, 0x240);
}

static void test_torture_addresses(void **state)
{
	(void)state;
	clear();
	make_mb1_addresses(TEXT, TEXT, TEXT + 0x100, TEXT + 0x1000, TEXT);
	guestmem_torture(&req, 20000, 0x220);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_mb1_elf64, setup_mb1),
		cmocka_unit_test_setup(test_mb1_modules, setup_mb1),
		cmocka_unit_test(test_mb1_elf32),
		cmocka_unit_test(test_mb1_addresses),
		cmocka_unit_test(test_mb1_addresses_refused),
		cmocka_unit_test_setup(test_mb1_flags, setup_mb1),
		cmocka_unit_test(test_mb1_search),
		cmocka_unit_test_setup(test_elf_refused, setup_mb1),
		cmocka_unit_test_setup(test_elf_refused, setup_mb2),
		cmocka_unit_test_setup(test_modules_refused, setup_mb1),
		cmocka_unit_test_setup(test_modules_refused, setup_mb2),
		cmocka_unit_test(test_info_avoids_kernel),
		cmocka_unit_test_setup(test_mb2_information, setup_mb2),
		cmocka_unit_test_setup(test_mb2_requests, setup_mb2),
		cmocka_unit_test_setup(test_mb2_tags, setup_mb2),
		cmocka_unit_test(test_mb2_addresses),
		cmocka_unit_test(test_mb2_relocatable),
		cmocka_unit_test_setup(test_mb2_header, setup_mb2),
		cmocka_unit_test_setup(test_no_memory, setup_mb1),
		cmocka_unit_test_setup(test_no_memory, setup_mb2),
		cmocka_unit_test_setup(test_torture, setup_mb1),
		cmocka_unit_test_setup(test_torture, setup_mb2),
		cmocka_unit_test(test_torture_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
