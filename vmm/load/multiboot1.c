/* Kernels by the Multiboot Specification, version 0.6.96. */
#include "error.h"
#include "lib/string.h"
#include "vmm/load/kimage.h"

#define MB1_SEARCH 8192 /* 3.1: the header is wholly in here, at a multiple of 4 */
#define MB1_HEADER_MAGIC 0x1badb002u
#define MB1_BOOT_MAGIC 0x2badb002u

/* Header flags: a bit of the lower half that the loader does not know is a reason to refuse. */
#define MB1_PAGE_ALIGN BIT(0)
#define MB1_MEMORY_INFO BIT(1)
#define MB1_VIDEO_MODE BIT(2) /* a wish: what is there is told in the information, here nothing */
#define MB1_REQUIREMENTS 0xffffu
#define MB1_KNOWN (MB1_PAGE_ALIGN | MB1_MEMORY_INFO | MB1_VIDEO_MODE)
#define MB1_ADDRESSES BIT(16)

struct mb1_header {
	u32 magic, flags, checksum;
	u32 header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
};

#define MB1_HEADER_SHORT offsetof(struct mb1_header, header_addr)

/* 3.3; the fields behind boot_loader_name are about a PC's firmware, and not valid here. */
#define MB1_INFO_MEMORY BIT(0)
#define MB1_INFO_CMDLINE BIT(2)
#define MB1_INFO_MODULES BIT(3)
#define MB1_INFO_MMAP BIT(6)
#define MB1_INFO_LOADER_NAME BIT(9)
#define MB1_INFO_SIZE 120

struct mb1_info {
	u32 flags, mem_lower, mem_upper, boot_device, cmdline;
	u32 mods_count, mods_addr;
	u32 syms[4];
	u32 mmap_length, mmap_addr;
	u32 drives_length, drives_addr, config_table, boot_loader_name, apm_table;
};

struct mb1_mmap {
	u32 size; /* of the rest */
	u64 base, length;
	u32 type; /* as E820h has it */
} PACKED;

struct mb1_module {
	u32 start, end, string, reserved;
};

static bool header_at(const u8 *data, u64 size, u64 at, struct mb1_header *h)
{
	if (!loader_inside(size, at, MB1_HEADER_SHORT))
		return false;
	memset(h, 0, sizeof(*h));
	memcpy(h, data + at, MB1_HEADER_SHORT);
	return h->magic == MB1_HEADER_MAGIC && h->magic + h->flags + h->checksum == 0;
}

static bool header_find(const u8 *data, u64 size, struct mb1_header *h, u64 *offset)
{
	u64 end = MIN(size, MB1_SEARCH);
	u64 at;

	for (at = 0; at + MB1_HEADER_SHORT <= end; at += 4) {
		if (loader_u32(data + at) == MB1_HEADER_MAGIC && header_at(data, end, at, h)) {
			*offset = at;
			return true;
		}
	}
	return false;
}

bool multiboot1_recognize(const u8 *data, u64 size)
{
	struct mb1_header h;
	u64 offset;

	return header_find(data, size, &h, &offset);
}

static int kernel_open(struct loader *l, struct kimage *k)
{
	const struct load_file *f = &l->req->kernel;
	struct mb1_header h;
	u64 at;

	if (!header_find(f->data, f->size, &h, &at))
		return loader_fail(l, -ENOEXEC, "no Multiboot header");
	if (h.flags & MB1_REQUIREMENTS & ~MB1_KNOWN)
		return loader_fail(l, -ENOEXEC,
				   "its Multiboot header requires features %#x that "
				   "are not known",
				   h.flags & MB1_REQUIREMENTS);
	if (!(h.flags & MB1_ADDRESSES))
		return kimage_open_elf(l, k);
	if (!loader_inside(MIN(f->size, MB1_SEARCH), at, sizeof(h)))
		return loader_fail(l, -ENOEXEC, "truncated: no whole Multiboot header");
	memcpy(&h, f->data + at, sizeof(h));
	return kimage_open_addresses(l, k,
				     &(struct kimage_addresses){
					 .header_offset = at,
					 .header_addr = h.header_addr,
					 .load_addr = h.load_addr,
					 .load_end = h.load_end_addr,
					 .bss_end = h.bss_end_addr,
					 .entry = h.entry_addr,
				     });
}

static void info_modules(struct emitter *e, const struct kimage_modules *m, struct mb1_info *info)
{
	const struct load_request *req = e->l->req;
	u64 string;
	unsigned i;

	info->mods_count = req->module_count;
	info->mods_addr = (u32)(e->base + e->used);
	/* The strings follow the array. */
	string = info->mods_addr + req->module_count * sizeof(struct mb1_module);
	for (i = 0; i < req->module_count; i++) {
		struct mb1_module mod = {
			.start = (u32)m->base[i],
			.end = (u32)(m->base[i] + req->module[i].size),
			.string = (u32)string,
		};

		emit_bytes(e, &mod, sizeof(mod));
		string += strlen(req->module[i].cmdline) + 1;
	}
	for (i = 0; i < req->module_count; i++)
		emit_string(e, req->module[i].cmdline);
	emit_align(e, 4);
}

static void info_mmap(struct emitter *e, struct mb1_info *info)
{
	const struct load_request *req = e->l->req;
	unsigned i;

	info->mmap_addr = (u32)(e->base + e->used);
	info->mmap_length = req->e820_count * sizeof(struct mb1_mmap);
	for (i = 0; i < req->e820_count; i++) {
		struct mb1_mmap entry = {
			.size = sizeof(entry) - sizeof(entry.size),
			.base = req->e820[i].base,
			.length = req->e820[i].size,
			.type = req->e820[i].type,
		};

		emit_bytes(e, &entry, sizeof(entry));
	}
}

static int info_emit(struct emitter *e, const struct kimage_modules *m)
{
	struct mb1_info info = {
		.flags = MB1_INFO_MEMORY | MB1_INFO_CMDLINE | MB1_INFO_MODULES | MB1_INFO_MMAP |
			 MB1_INFO_LOADER_NAME,
		.mem_lower = emit_memory_lower(e->l->req),
		.mem_upper = emit_memory_upper(e->l->req),
	};

	e->used = MB1_INFO_SIZE; /* written last, when the addresses in it are known */
	info_mmap(e, &info);
	info_modules(e, m, &info);
	info.cmdline = (u32)emit_string(e, e->l->req->cmdline);
	info.boot_loader_name = (u32)emit_string(e, LOAD_NAME);
	if (!e->dry && !e->error)
		e->error = loader_write(e->l, e->base, &info, sizeof(info));
	return e->error;
}

static int info_load(struct loader *l, const struct kimage *k, u64 *info)
{
	struct emitter e = { .l = l, .dry = true };
	struct kimage_modules m;
	int r = kimage_load_modules(l, k, &m);

	if (r)
		return r;
	info_emit(&e, &m);
	r = emit_place(&e, k, &m);
	*info = e.base;
	return r == 0 ? info_emit(&e, &m) : r;
}

int multiboot1_load(struct loader *l)
{
	struct kimage k = { 0 };
	u64 info;
	int r = kernel_open(l, &k);

	if (r == 0) /* before the kernel, which may cover the GDT: it is the kernel's to load one */
		r = entry_protected(l, k.entry);
	if (r == 0)
		r = kimage_load(l, &k);
	if (r == 0)
		r = info_load(l, &k, &info);
	if (r)
		return r;
	l->entry->gpr[REG_RAX] = MB1_BOOT_MAGIC;
	l->entry->gpr[REG_RBX] = info;
	return 0;
}
