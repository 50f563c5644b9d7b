/*
 * Kernels of both Multiboot versions: ELF files of either class, loaded by physical addresses, or
 * files of any format whose header says where they go.
 */
#include "vmm/load/kimage.h"

#include "error.h"

static void kimage_cover(struct kimage *k, u64 base, u64 end)
{
	k->lo = MIN(k->lo, base);
	k->hi = MAX(k->hi, end);
}

static int kimage_segment(struct loader *l, const struct kimage *k, unsigned i,
			  struct elf_segment *s)
{
	const char *reason;

	if (elf_segment(&k->elf, i, s, &reason) != 0)
		return loader_fail(l, -ENOEXEC, "%s", reason);
	if (s->type != ELF_PT_LOAD)
		s->memsz = 0;
	if (s->paddr > LOAD_LIMIT || s->memsz > LOAD_LIMIT)
		return loader_fail(l, -E2BIG,
				   "an ELF segment of %#llx bytes at %#llx is beyond "
				   "4 GiB",
				   (unsigned long long)s->memsz, (unsigned long long)s->paddr);
	return 0;
}

/*
 * The entry may be given as the kernel's own virtual address, or as the physical one. The virtual
 * reading comes first, as in GRUB; for a kernel linked to where it is loaded both are the same.
 */
static bool entry_translate(struct kimage *k, const struct elf_segment *s)
{
	if (k->elf.entry < s->vaddr || k->elf.entry - s->vaddr >= s->memsz)
		return false;
	k->entry = k->elf.entry - s->vaddr + s->paddr;
	return true;
}

static int elf_scan(struct loader *l, struct kimage *k)
{
	struct elf_segment s;
	bool translated = false;
	unsigned i;
	int r;

	k->lo = ~0ull;
	k->hi = 0;
	k->entry = k->elf.entry;
	for (i = 0; i < k->elf.phnum; i++) {
		r = kimage_segment(l, k, i, &s);
		if (r)
			return r;
		if (s.memsz == 0)
			continue;
		kimage_cover(k, s.paddr, s.paddr + s.memsz);
		translated = translated || entry_translate(k, &s);
	}
	if (k->hi == 0)
		return loader_fail(l, -ENOEXEC, "an ELF file without anything to load");
	if (k->entry < k->lo || k->entry >= k->hi)
		return loader_fail(l, -ENOEXEC, "the entry %#llx is in no segment",
				   (unsigned long long)k->elf.entry);
	return 0;
}

int kimage_open_elf(struct loader *l, struct kimage *k)
{
	const struct load_file *f = &l->req->kernel;
	const char *reason;

	if (elf_open(&k->elf, f->data, f->size, &reason) != 0)
		return loader_fail(l, -ENOEXEC, "%s", reason);
	if (k->elf.machine != ELF_MACHINE_386 && k->elf.machine != ELF_MACHINE_X86_64)
		return loader_fail(l, -ENOEXEC, "an ELF file for another processor (machine %u)",
				   k->elf.machine);
	k->is_elf = true;
	return elf_scan(l, k);
}

/* Multiboot 0.6.96, 3.1.3; the address tag of Multiboot2 (3.1.5) has the same fields. */
int kimage_open_addresses(struct loader *l, struct kimage *k, const struct kimage_addresses *a)
{
	u64 size = l->req->kernel.size;
	u64 before = (u64)a->header_addr - a->load_addr; /* of the header in the loaded part */

	if (a->load_addr > a->header_addr || before > a->header_offset)
		return loader_fail(l, -ENOEXEC,
				   "damaged: the Multiboot header's addresses put the "
				   "file's beginning before it");
	k->offset = a->header_offset - before;
	k->filesz = a->load_end ? (u64)a->load_end - a->load_addr : size - k->offset;
	if (a->load_end && a->load_end < a->load_addr)
		return loader_fail(l, -ENOEXEC,
				   "damaged: the Multiboot header's load end is before "
				   "its load address");
	if (!loader_inside(size, k->offset, k->filesz))
		return loader_fail(l, -ENOEXEC,
				   "truncated: the header asks for %llu bytes, the "
				   "file has %llu",
				   (unsigned long long)(k->offset + k->filesz),
				   (unsigned long long)size);
	k->is_elf = false;
	k->lo = a->load_addr;
	k->hi = MAX(k->lo + k->filesz, (u64)a->bss_end);
	k->entry = a->entry;
	if (k->entry < k->lo || k->entry >= k->hi)
		return loader_fail(l, -ENOEXEC, "the entry %#llx is outside the kernel",
				   (unsigned long long)k->entry);
	return 0;
}

/* One contiguous piece: bytes of the file, and zeros up to its size in memory. */
static int kimage_piece(struct loader *l, const struct kimage *k, u64 at, u64 offset, u64 filesz,
			u64 memsz)
{
	int r;

	at += k->relocation;
	if (!loader_ram(l, at, memsz))
		return loader_fail(l, -E2BIG,
				   "needs %#llx..%#llx, which is no RAM in the "
				   "partition's %llu MiB",
				   (unsigned long long)at, (unsigned long long)(at + memsz),
				   (unsigned long long)(l->req->memory / MIB));
	r = loader_write(l, at, l->req->kernel.data + offset, filesz);
	return r == 0 ? loader_zero(l, at + filesz, memsz - filesz) : r;
}

static int kimage_load_elf(struct loader *l, const struct kimage *k)
{
	struct elf_segment s;
	unsigned i;
	int r = 0;

	for (i = 0; r == 0 && i < k->elf.phnum; i++) {
		r = kimage_segment(l, k, i, &s);
		if (r == 0 && s.memsz)
			r = kimage_piece(l, k, s.paddr, s.offset, s.filesz, s.memsz);
	}
	return r;
}

int kimage_load(struct loader *l, struct kimage *k)
{
	int r = k->is_elf ? kimage_load_elf(l, k)
			  : kimage_piece(l, k, k->lo, k->offset, k->filesz, k->hi - k->lo);

	k->lo += k->relocation;
	k->hi += k->relocation;
	k->entry += k->relocation;
	return r;
}

int kimage_load_modules(struct loader *l, const struct kimage *k, struct kimage_modules *m)
{
	unsigned i;
	int r = 0;

	if (l->req->module_count > KIMAGE_MODULES)
		return loader_fail(l, -E2BIG, "%u modules; at most %u", l->req->module_count,
				   KIMAGE_MODULES);
	m->end = MAX(k->hi, LOAD_HIGH);
	for (i = 0; r == 0 && i < l->req->module_count; i++) {
		const struct load_file *f = &l->req->module[i];

		r = loader_place(l, &m->end, f->size, LOAD_ALIGN, &m->base[i]);
		if (r == 0)
			r = loader_write(l, m->base[i], f->data, f->size);
	}
	return r;
}
