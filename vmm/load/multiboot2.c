/* Kernels by the Multiboot2 Specification, version 2.0. What they are told: multiboot2_info.c. */
#include "vmm/load/multiboot2.h"

#include "error.h"
#include "lib/string.h"

#define MB2_SEARCH 32768 /* 3.1.1: the header is wholly in here, at a multiple of 8 */
#define MB2_HEADER_MAGIC 0xe85250d6u
#define MB2_BOOT_MAGIC 0x36d76289u
#define MB2_ARCH_I386 0

struct mb2_header {
	u32 magic, architecture, length, checksum;
};

struct mb2_tag {
	u16 type, flags;
	u32 size;
};

#define MB2_TAG_ALIGN 8ull
#define MB2_TAG_OPTIONAL 1 /* in flags: a loader that does not know it may go on */

/* 3.1.3 and following. */
enum {
	MB2_END = 0,
	MB2_INFO_REQUEST = 1,
	MB2_ADDRESS = 2,
	MB2_ENTRY = 3,
	MB2_CONSOLE = 4,
	MB2_FRAMEBUFFER = 5,
	MB2_MODULE_ALIGN = 6,
	MB2_EFI_BOOT_SERVICES = 7,
	MB2_EFI_ENTRY_32 = 8, /* these two count on EFI machines only */
	MB2_EFI_ENTRY_64 = 9,
	MB2_RELOCATABLE = 10,
};

struct mb2_address {
	u32 header_addr, load_addr, load_end_addr, bss_end_addr;
};

struct mb2_relocatable {
	u32 min, max, align, preference;
};

/* What the tags of one header said. */
struct mb2_wishes {
	u64 offset; /* of the header */
	bool has_address, has_entry, has_relocatable;
	struct mb2_address address;
	u32 entry;
	struct mb2_relocatable relocatable;
};

static bool header_find(const u8 *data, u64 size, struct mb2_header *h, u64 *offset)
{
	u64 end = MIN(size, MB2_SEARCH);
	u64 at;

	for (at = 0; at + sizeof(*h) <= end; at += MB2_TAG_ALIGN) {
		memcpy(h, data + at, sizeof(*h));
		if (h->magic == MB2_HEADER_MAGIC &&
		    h->magic + h->architecture + h->length + h->checksum == 0) {
			*offset = at;
			return true;
		}
	}
	return false;
}

bool multiboot2_recognize(const u8 *data, u64 size)
{
	struct mb2_header h;
	u64 offset;

	return header_find(data, size, &h, &offset);
}

/* A list of the information that the kernel cannot do without. */
static int tag_info_request(struct loader *l, const struct mb2_tag *tag, const u8 *body)
{
	u32 count = (tag->size - sizeof(*tag)) / sizeof(u32);
	u32 i;

	for (i = 0; i < count && !(tag->flags & MB2_TAG_OPTIONAL); i++) {
		u32 type = loader_u32(body + i * sizeof(u32));

		if (!multiboot2_has_info(l->req, type))
			return loader_fail(l, -ENOEXEC,
					   "its Multiboot2 header requires information "
					   "%u, which this machine has not",
					   type);
	}
	return 0;
}

/* Copies a tag's body into one of our structures. */
static int tag_copy(struct loader *l, const struct mb2_tag *tag, const u8 *body, void *to, u32 size,
		    bool *has)
{
	if (tag->size < sizeof(*tag) + size)
		return loader_fail(l, -ENOEXEC, "damaged: Multiboot2 header tag %u is too short",
				   tag->type);
	memcpy(to, body, size);
	*has = true;
	return 0;
}

static int tag_unknown(struct loader *l, const struct mb2_tag *tag, const char *what)
{
	if (tag->flags & MB2_TAG_OPTIONAL)
		return 0;
	return loader_fail(l, -ENOEXEC,
			   "its Multiboot2 header requires %s (tag %u), which this "
			   "machine has not",
			   what, tag->type);
}

static int tag_read(struct loader *l, const struct mb2_tag *tag, const u8 *body,
		    struct mb2_wishes *w)
{
	switch (tag->type) {
	case MB2_INFO_REQUEST: return tag_info_request(l, tag, body);
	case MB2_ADDRESS:
		return tag_copy(l, tag, body, &w->address, sizeof(w->address), &w->has_address);
	case MB2_ENTRY: return tag_copy(l, tag, body, &w->entry, sizeof(w->entry), &w->has_entry);
	case MB2_RELOCATABLE:
		return tag_copy(l, tag, body, &w->relocatable, sizeof(w->relocatable),
				&w->has_relocatable);
	case MB2_FRAMEBUFFER: return tag_unknown(l, tag, "a framebuffer");
	case MB2_EFI_BOOT_SERVICES: return tag_unknown(l, tag, "EFI boot services");
	case MB2_CONSOLE:      /* its wish for a console is met by the serial line */
	case MB2_MODULE_ALIGN: /* modules always are */
	case MB2_EFI_ENTRY_32:
	case MB2_EFI_ENTRY_64: return 0;
	default: return tag_unknown(l, tag, "something unknown");
	}
}

static int header_read(struct loader *l, struct mb2_wishes *w)
{
	const struct load_file *f = &l->req->kernel;
	struct mb2_header h;
	struct mb2_tag tag;
	u64 at, end;
	int r;

	if (!header_find(f->data, f->size, &h, &w->offset))
		return loader_fail(l, -ENOEXEC, "no Multiboot2 header");
	if (h.architecture != MB2_ARCH_I386)
		return loader_fail(l, -ENOEXEC, "a Multiboot2 kernel for another processor");
	end = MIN(w->offset + h.length, MIN(f->size, MB2_SEARCH));
	for (at = w->offset + sizeof(h);; at = ROUND_UP(at + tag.size, MB2_TAG_ALIGN)) {
		if (!loader_inside(end, at, sizeof(tag)))
			break;
		memcpy(&tag, f->data + at, sizeof(tag));
		if (tag.type == MB2_END)
			return 0;
		if (tag.size < sizeof(tag) || !loader_inside(end, at, tag.size))
			break;
		r = tag_read(l, &tag, f->data + at + sizeof(tag), w);
		if (r)
			return r;
	}
	return loader_fail(l, -ENOEXEC, "truncated or damaged: the Multiboot2 header has no end");
}

static int kernel_open(struct loader *l, struct kimage *k, const struct mb2_wishes *w)
{
	const struct mb2_address *a = &w->address;
	int r;

	if (w->has_address && !w->has_entry)
		return loader_fail(l, -ENOEXEC,
				   "damaged: its Multiboot2 header has an address tag "
				   "and no entry");
	if (w->has_address)
		return kimage_open_addresses(l, k,
					     &(struct kimage_addresses){
						 .header_offset = w->offset,
						 .header_addr = a->header_addr,
						 .load_addr = a->load_addr,
						 .load_end = a->load_end_addr,
						 .bss_end = a->bss_end_addr,
						 .entry = w->entry,
					     });
	r = kimage_open_elf(l, k);
	if (r == 0 && w->has_entry)
		k->entry = w->entry;
	return r;
}

/* 3.1.12: where the file says if that will do, else at the lowest place that the tag allows. */
static int kernel_place(struct loader *l, struct kimage *k, const struct mb2_wishes *w)
{
	const struct mb2_relocatable *m = &w->relocatable;
	u64 size = k->hi - k->lo;
	u64 cursor = MAX((u64)m->min, LOAD_HIGH);
	u64 base;
	int r;

	if (!w->has_relocatable ||
	    (k->lo >= m->min && k->hi <= m->max + 1ull && loader_ram(l, k->lo, size)))
		return 0;
	if (m->align == 0 || (m->align & (m->align - 1)))
		return loader_fail(l, -ENOEXEC, "damaged: alignment %#x in the relocatable tag",
				   m->align);
	r = loader_place(l, &cursor, size, m->align, &base);
	if (r)
		return r;
	if (base + size > m->max + 1ull)
		return loader_fail(l, -E2BIG, "no place for %llu KiB between %#x and %#x",
				   (unsigned long long)(size / KIB), m->min, m->max);
	k->relocation = base - k->lo;
	return 0;
}

int multiboot2_load(struct loader *l)
{
	struct mb2_wishes w = { 0 };
	struct kimage k = { 0 };
	u64 info;
	int r = header_read(l, &w);

	if (r == 0)
		r = kernel_open(l, &k, &w);
	if (r == 0)
		r = kernel_place(l, &k, &w);
	if (r == 0) /* before the kernel, which may cover the GDT: it is the kernel's to load one */
		r = entry_protected(l, k.entry + k.relocation);
	if (r == 0)
		r = kimage_load(l, &k);
	if (r == 0)
		r = multiboot2_info_load(l, &k, &info);
	if (r)
		return r;
	l->entry->gpr[REG_RAX] = MB2_BOOT_MAGIC;
	l->entry->gpr[REG_RBX] = info;
	return 0;
}
