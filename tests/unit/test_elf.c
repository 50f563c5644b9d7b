// SOURCES: lib/elf.c
/* lib/elf.c: good files of both classes, every way of being damaged, truncation at every byte. */
#include "tests/unit/stubs/unit.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "lib/elf.h"

static const char *reason;

struct file64 {
	Elf64_Ehdr e;
	Elf64_Phdr p[3];
	u8 text[64];
};

struct file32 {
	Elf32_Ehdr e;
	Elf32_Phdr p[2];
	u8 text[64];
};

static struct file64 make64(void)
{
	struct file64 f = {
		.e = { .e_ident = ELFMAG,
		       .e_machine = EM_X86_64,
		       .e_entry = 0xffffffff80100010,
		       .e_phoff = offsetof(struct file64, p),
		       .e_phentsize = sizeof(Elf64_Phdr),
		       .e_phnum = 3 },
		.p = { { .p_type = PT_LOAD,
			 .p_offset = offsetof(struct file64, text),
			 .p_vaddr = 0xffffffff80100000,
			 .p_paddr = 0x100000,
			 .p_filesz = 64,
			 .p_memsz = 4096 },
		       { .p_type = PT_NOTE, .p_offset = ~0ull, .p_filesz = ~0ull },
		       { .p_type = PT_LOAD, .p_memsz = 1 } },
	};

	f.e.e_ident[EI_CLASS] = ELFCLASS64;
	f.e.e_ident[EI_DATA] = ELFDATA2LSB;
	return f;
}

static struct file32 make32(void)
{
	struct file32 f = {
		.e = { .e_ident = ELFMAG,
		       .e_machine = EM_386,
		       .e_entry = 0x100000,
		       .e_phoff = offsetof(struct file32, p),
		       .e_phentsize = sizeof(Elf32_Phdr),
		       .e_phnum = 1 },
		.p = { { .p_type = PT_LOAD,
			 .p_offset = offsetof(struct file32, text),
			 .p_vaddr = 0xc0100000,
			 .p_paddr = 0x100000,
			 .p_filesz = 64,
			 .p_memsz = 100 } },
	};

	f.e.e_ident[EI_CLASS] = ELFCLASS32;
	f.e.e_ident[EI_DATA] = ELFDATA2LSB;
	return f;
}

static int open_bytes(struct elf *elf, const void *data, u64 size)
{
	reason = NULL;
	return elf_open(elf, data, size, &reason);
}

static void refused(const void *data, u64 size, const char *why)
{
	struct elf elf;

	assert_int_equal(open_bytes(&elf, data, size), -ENOEXEC);
	assert_non_null(strstr(reason, why));
}

static void test_good64(void **state)
{
	struct file64 f = make64();
	struct elf elf;
	struct elf_segment s;

	(void)state;
	assert_int_equal(open_bytes(&elf, &f, sizeof(f)), 0);
	assert_true(elf.is64);
	assert_int_equal(elf.machine, ELF_MACHINE_X86_64);
	assert_true(elf.entry == 0xffffffff80100010);
	assert_int_equal(elf.phnum, 3);
	assert_int_equal(elf_segment(&elf, 0, &s, &reason), 0);
	assert_int_equal(s.type, ELF_PT_LOAD);
	assert_true(s.vaddr == 0xffffffff80100000);
	assert_int_equal(s.paddr, 0x100000);
	assert_int_equal(s.filesz, 64);
	assert_int_equal(s.memsz, 4096);
	/* What is not loaded may say what it likes. */
	assert_int_equal(elf_segment(&elf, 1, &s, &reason), 0);
	assert_int_equal(elf_segment(&elf, 2, &s, &reason), 0);
}

static void test_good32(void **state)
{
	struct file32 f = make32();
	struct elf elf;
	struct elf_segment s;

	(void)state;
	assert_int_equal(open_bytes(&elf, &f, sizeof(f)), 0);
	assert_false(elf.is64);
	assert_int_equal(elf.machine, ELF_MACHINE_386);
	assert_int_equal(elf_segment(&elf, 0, &s, &reason), 0);
	assert_int_equal(s.vaddr, 0xc0100000);
	assert_int_equal(s.paddr, 0x100000);
}

static void test_headers(void **state)
{
	struct file64 f = make64();

	(void)state;
	refused("no", 2, "not an ELF file");
	f.e.e_ident[EI_DATA] = ELFDATA2MSB;
	refused(&f, sizeof(f), "byte order");
	f = make64();
	f.e.e_ident[EI_CLASS] = 3;
	refused(&f, sizeof(f), "class");
	f = make64();
	f.e.e_phnum = 0;
	refused(&f, sizeof(f), "without program headers");
	f.e.e_phnum = PN_XNUM;
	refused(&f, sizeof(f), "without program headers");
	f.e.e_phnum = 100;
	refused(&f, sizeof(f), "beyond the end");
	f = make64();
	f.e.e_phentsize = sizeof(Elf64_Phdr) - 1;
	refused(&f, sizeof(f), "too small");
	f = make64();
	f.e.e_phoff = ~0ull - 8;
	refused(&f, sizeof(f), "beyond the end");
}

static void segment_refused(struct file64 f, const char *why)
{
	struct elf elf;
	struct elf_segment s;

	assert_int_equal(open_bytes(&elf, &f, sizeof(f)), 0);
	assert_int_equal(elf_segment(&elf, 0, &s, &reason), -ENOEXEC);
	assert_non_null(strstr(reason, why));
}

static void test_segments(void **state)
{
	struct file64 f = make64();

	(void)state;
	f.p[0].p_memsz = 63;
	segment_refused(f, "larger than its memory");
	f = make64();
	f.p[0].p_offset++;
	segment_refused(f, "beyond the end");
	f = make64();
	f.p[0].p_offset = ~0ull;
	segment_refused(f, "beyond the end");
	f = make64();
	f.p[0].p_filesz = f.p[0].p_memsz = ~0ull - 1;
	segment_refused(f, "beyond the end");
}

static void walk(const u8 *data, u64 size)
{
	struct elf elf;
	struct elf_segment s;
	unsigned i;

	if (open_bytes(&elf, data, size) != 0) {
		assert_non_null(reason);
		return;
	}
	for (i = 0; i < elf.phnum; i++)
		if (elf_segment(&elf, i, &s, &reason) == 0 && s.type == ELF_PT_LOAD && s.filesz)
			assert_true(data[s.offset + s.filesz - 1] <= 0xff);
}

/* In a heap block of its exact size, so that AddressSanitizer sees a byte too far. */
static void walk_copy(const void *data, u64 size)
{
	u8 *copy = malloc(size ? size : 1);

	memcpy(copy, data, size);
	walk(copy, size);
	free(copy);
}

static void test_truncated_and_mutated(void **state)
{
	struct file64 f = make64();
	struct file32 g = make32();
	u64 seed = 7;
	u64 i;

	(void)state;
	for (i = 0; i < sizeof(f); i++)
		walk_copy(&f, i);
	for (i = 0; i < sizeof(g); i++)
		walk_copy(&g, i);
	for (i = 0; i < 100000; i++) {
		u64 r = unit_random(&seed);

		f = make64();
		g = make32();
		((u8 *)&f)[4 + r % (sizeof(f) - 4)] = (u8)(r >> 32);
		((u8 *)&f)[4 + (r >> 16) % (sizeof(f) - 4)] = (u8)(r >> 40);
		((u8 *)&g)[4 + r % (sizeof(g) - 4)] = (u8)(r >> 32);
		walk_copy(&f, sizeof(f));
		walk_copy(&g, sizeof(g));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good64),
		cmocka_unit_test(test_good32),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_truncated_and_mutated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
