/* ELF headers. Fields are read by copying: nothing in a file needs to be aligned. */
#include "lib/elf.h"

#include "error.h"
#include "lib/string.h"

#define ELF_MAGIC "\177ELF"
#define ELF_MAGIC_SIZE 4
#define ELF_IDENT_CLASS 4
#define ELF_IDENT_DATA 5
#define ELF_CLASS_32 1
#define ELF_CLASS_64 2
#define ELF_DATA_LITTLE 1
#define ELF_PHNUM_ELSEWHERE 0xffff /* PN_XNUM */

struct elf32_header {
	u8 ident[16];
	u16 type, machine;
	u32 version, entry, phoff, shoff, flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf64_header {
	u8 ident[16];
	u16 type, machine;
	u32 version;
	u64 entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf32_phdr {
	u32 type, offset, vaddr, paddr, filesz, memsz, flags, align;
};

struct elf64_phdr {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};

static_assert(sizeof(struct elf32_header) == 52, "gABI figure 4-3");
static_assert(sizeof(struct elf64_header) == 64, "gABI figure 4-3");
static_assert(sizeof(struct elf32_phdr) == 32, "gABI figure 5-1");
static_assert(sizeof(struct elf64_phdr) == 56, "gABI figure 5-1");

static int elf_fail(const char **reason, const char *text)
{
	*reason = text;
	return -ENOEXEC;
}

bool elf_recognize(const u8 *data, u64 size)
{
	return size >= ELF_MAGIC_SIZE && memcmp(data, ELF_MAGIC, ELF_MAGIC_SIZE) == 0;
}

static void elf_read_header32(struct elf *elf)
{
	struct elf32_header h;

	memcpy(&h, elf->data, sizeof(h));
	elf->machine = h.machine;
	elf->entry = h.entry;
	elf->phoff = h.phoff;
	elf->phentsize = h.phentsize;
	elf->phnum = h.phnum;
}

static void elf_read_header64(struct elf *elf)
{
	struct elf64_header h;

	memcpy(&h, elf->data, sizeof(h));
	elf->machine = h.machine;
	elf->entry = h.entry;
	elf->phoff = h.phoff;
	elf->phentsize = h.phentsize;
	elf->phnum = h.phnum;
}

static int elf_check_phdrs(const struct elf *elf, const char **reason)
{
	size_t least = elf->is64 ? sizeof(struct elf64_phdr) : sizeof(struct elf32_phdr);

	if (elf->phnum == 0 || elf->phnum == ELF_PHNUM_ELSEWHERE)
		return elf_fail(reason, "an ELF file without program headers");
	if (elf->phentsize < least)
		return elf_fail(reason, "damaged: ELF program headers are too small");
	if (elf->phoff > elf->size || (u64)elf->phnum * elf->phentsize > elf->size - elf->phoff)
		return elf_fail(reason, "truncated: the ELF program headers lie beyond the end");
	return 0;
}

int elf_open(struct elf *elf, const u8 *data, u64 size, const char **reason)
{
	if (!elf_recognize(data, size))
		return elf_fail(reason, "not an ELF file");
	elf->data = data;
	elf->size = size;
	if (size < sizeof(struct elf32_header))
		return elf_fail(reason, "truncated: no whole ELF header");
	if (data[ELF_IDENT_DATA] != ELF_DATA_LITTLE)
		return elf_fail(reason, "an ELF file of the other byte order");
	if (data[ELF_IDENT_CLASS] != ELF_CLASS_32 && data[ELF_IDENT_CLASS] != ELF_CLASS_64)
		return elf_fail(reason, "damaged: an ELF file of no known class");
	elf->is64 = data[ELF_IDENT_CLASS] == ELF_CLASS_64;
	if (elf->is64 && size < sizeof(struct elf64_header))
		return elf_fail(reason, "truncated: no whole ELF header");
	if (elf->is64)
		elf_read_header64(elf);
	else
		elf_read_header32(elf);
	return elf_check_phdrs(elf, reason);
}

static void elf_read_phdr32(const u8 *at, struct elf_segment *s)
{
	struct elf32_phdr p;

	memcpy(&p, at, sizeof(p));
	*s = (struct elf_segment){ p.type, p.offset, p.filesz, p.memsz, p.vaddr, p.paddr };
}

static void elf_read_phdr64(const u8 *at, struct elf_segment *s)
{
	struct elf64_phdr p;

	memcpy(&p, at, sizeof(p));
	*s = (struct elf_segment){ p.type, p.offset, p.filesz, p.memsz, p.vaddr, p.paddr };
}

int elf_segment(const struct elf *elf, unsigned index, struct elf_segment *s, const char **reason)
{
	const u8 *at = elf->data + elf->phoff + (u64)index * elf->phentsize;

	if (elf->is64)
		elf_read_phdr64(at, s);
	else
		elf_read_phdr32(at, s);
	if (s->type != ELF_PT_LOAD)
		return 0;
	if (s->filesz > s->memsz)
		return elf_fail(reason, "damaged: an ELF segment is larger than its memory");
	if (s->offset > elf->size || s->filesz > elf->size - s->offset)
		return elf_fail(reason, "truncated: an ELF segment lies beyond the end");
	return 0;
}
