#pragma once
/* The kernels of both Multiboot versions, their modules, and the information they are given. */
#include "lib/elf.h"
#include "vmm/load/loader.h"

/* kimage.c */
struct kimage {
	struct elf elf;
	bool is_elf;
	u64 lo, hi; /* the memory that the kernel covers */
	u64 entry;
	u64 relocation; /* added to every address, modulo 2^64 */
	/* Of one that is not loaded as an ELF file: */
	u64 offset, filesz; /* what of the file goes to lo */
};

/* Addresses of a Multiboot header, for kernels in any format ("a.out kludge"). */
struct kimage_addresses {
	u64 header_offset; /* where the header is in the file */
	u32 header_addr, load_addr, load_end, bss_end, entry;
};

MUST_CHECK int kimage_open_elf(struct loader *l, struct kimage *k);
MUST_CHECK int kimage_open_addresses(struct loader *l, struct kimage *k,
				     const struct kimage_addresses *a);
/* Copies it to lo + relocation and up; lo, hi and entry are then the real ones. */
MUST_CHECK int kimage_load(struct loader *l, struct kimage *k);

#define KIMAGE_MODULES 16

struct kimage_modules {
	u64 end; /* of kernel and modules */
	u64 base[KIMAGE_MODULES];
};

/* Modules behind the kernel, each at a page of its own. */
MUST_CHECK int kimage_load_modules(struct loader *l, const struct kimage *k,
				   struct kimage_modules *m);

/* emit.c: boot information, written piece by piece; first dry, to learn its size. */
struct emitter {
	struct loader *l;
	u64 base, used;
	bool dry;
	int error; /* the first one */
};

void emit_bytes(struct emitter *e, const void *data, u64 size);
/* With its terminating 0; returns its address. */
u64 emit_string(struct emitter *e, const char *s);
void emit_align(struct emitter *e, u64 align);
/* Ends the dry run: places what it counted where the kernel is not, in low memory if it can be. */
MUST_CHECK int emit_place(struct emitter *e, const struct kimage *k,
			  const struct kimage_modules *m);
/* KiB from 0 on, and from 1 MiB on up to the first hole: what both protocols call basic memory. */
u32 emit_memory_lower(const struct load_request *req);
u32 emit_memory_upper(const struct load_request *req);
