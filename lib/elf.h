#pragma once
/*
 * Reading ELF files (System V gABI, chapters 4 and 5) of either class, little endian. The file is
 * hostile: every offset is checked, and nothing is read outside it.
 */
#include "compiler.h"
#include "types.h"

#define ELF_PT_LOAD 1
#define ELF_MACHINE_386 3
#define ELF_MACHINE_X86_64 62

struct elf {
	const u8 *data;
	u64 size;
	bool is64;
	u16 machine;
	u64 entry;
	u64 phoff; /* the program headers lie wholly inside the file */
	u16 phentsize, phnum;
};

struct elf_segment {
	u32 type;
	u64 offset, filesz; /* of a PT_LOAD: inside the file, and filesz <= memsz */
	u64 memsz, vaddr, paddr;
};

/* True when the file begins as an ELF file does, damaged or not. */
bool elf_recognize(const u8 *data, u64 size);
/* 0, or -ENOEXEC and why. */
MUST_CHECK int elf_open(struct elf *elf, const u8 *data, u64 size, const char **reason);
/* The segment with this index, below phnum. 0, or -ENOEXEC and why. */
MUST_CHECK int elf_segment(const struct elf *elf, unsigned index, struct elf_segment *segment,
			   const char **reason);
