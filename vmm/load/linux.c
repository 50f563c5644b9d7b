/*
 * Linux bzImages by the 64-bit boot protocol: Documentation/arch/x86/boot.rst, "The Real-Mode
 * Kernel Header" and "64-bit Boot Protocol"; the zero page is in zero-page.rst.
 */
#include "error.h"
#include "lib/string.h"
#include "vmm/load/loader.h"

/* The setup header, as offsets in the image and in the zero page alike. */
#define HDR_SETUP_SECTS 0x1f1
#define HDR_SYSSIZE 0x1f4
#define HDR_VID_MODE 0x1fa
#define HDR_BOOT_FLAG 0x1fe
#define HDR_JUMP_LENGTH 0x201 /* the header ends this far behind the next byte */
#define HDR_MAGIC 0x202
#define HDR_VERSION 0x206
#define HDR_TYPE_OF_LOADER 0x210
#define HDR_LOADFLAGS 0x211
#define HDR_CODE32_START 0x214
#define HDR_RAMDISK_IMAGE 0x218
#define HDR_RAMDISK_SIZE 0x21c
#define HDR_CMD_LINE_PTR 0x228
#define HDR_INITRD_ADDR_MAX 0x22c
#define HDR_KERNEL_ALIGNMENT 0x230
#define HDR_RELOCATABLE 0x234
#define HDR_XLOADFLAGS 0x236
#define HDR_CMDLINE_SIZE 0x238
#define HDR_PREF_ADDRESS 0x258
#define HDR_INIT_SIZE 0x260
#define HDR_END_2_12 0x268 /* of the oldest version with a 64-bit entry */
#define HDR_END_MAX 0x290  /* of the zero page's room for it */

#define BOOT_FLAG 0xaa55
#define HDR_MAGIC_VALUE 0x53726448u /* "HdrS" */
#define VERSION_2_12 0x020c
#define LOADER_UNDEFINED 0xff
#define LOADED_HIGH 0x01
#define XLF_KERNEL_64 0x01
#define VID_MODE_NORMAL 0xffff
#define SETUP_SECTS_DEFAULT 4 /* "for backwards compatibility, if 0" */
#define SECTOR 512
#define PARAGRAPH 16
#define ENTRY_64_OFFSET 0x200

/* The rest of the zero page. */
#define ZERO_PAGE_SIZE 4096
#define ZP_ACPI_RSDP 0x070
#define ZP_E820_ENTRIES 0x1e8
#define ZP_E820_TABLE 0x2d0

struct zp_e820 {
	u64 base, size;
	u32 type;
} PACKED;

/* Where we put things: all in low memory, where no kernel is. */
#define ZERO_PAGE LOAD_LOW
#define PAGE_TABLES (ZERO_PAGE + ZERO_PAGE_SIZE)
#define CMDLINE 0x20000ull
#define CMDLINE_MAX (LOAD_LOW_END - CMDLINE)

/* Identity: one PML4, one PDPT, four page directories of 2 MiB pages. */
#define PT_ENTRIES 512
#define PT_PRESENT_WRITE 0x3
#define PT_2MIB 0x80
#define PT_DIRECTORIES 4
#define PT_PDPT (PAGE_TABLES + LOAD_ALIGN)
#define PT_DIRECTORY (PT_PDPT + LOAD_ALIGN)
#define PT_BATCH 64

/* cpio archives in an initrd begin at multiples of 4. */
#define INITRD_PART_ALIGN 4ull

struct bzimage {
	const u8 *data;
	u64 payload, payload_size; /* the part after the real-mode code */
	u64 header_end;
	u64 init_size; /* memory from the load address on that the kernel needs before it looks at a
			  map */
	u64 load;
	u64 initrd, initrd_size;
};

bool linux_recognize(const u8 *data, u64 size)
{
	return size >= HDR_MAGIC + 4 && loader_u32(data + HDR_MAGIC) == HDR_MAGIC_VALUE;
}

/* Which of all Linux images it is. */
static int bzimage_check_kind(struct loader *l)
{
	const struct load_file *f = &l->req->kernel;
	u16 version;

	if (f->size < HDR_END_2_12)
		return loader_fail(l, -ENOEXEC, "truncated: no whole setup header");
	version = loader_u16(f->data + HDR_VERSION);
	if (loader_u16(f->data + HDR_BOOT_FLAG) != BOOT_FLAG)
		return loader_fail(l, -ENOEXEC, "damaged: no boot flag in the setup header");
	if (version < VERSION_2_12)
		return loader_fail(l, -ENOEXEC,
				   "boot protocol %u.%02u has no 64-bit entry (2.12 "
				   "or later is needed)",
				   version >> 8, version & 0xff);
	if (!(loader_u16(f->data + HDR_XLOADFLAGS) & XLF_KERNEL_64))
		return loader_fail(l, -ENOEXEC, "a kernel without the 64-bit entry");
	if (!(f->data[HDR_LOADFLAGS] & LOADED_HIGH))
		return loader_fail(l, -ENOEXEC, "a zImage; only bzImages are loaded");
	return 0;
}

static int bzimage_open(struct loader *l, struct bzimage *b)
{
	const struct load_file *f = &l->req->kernel;
	u64 sects, whole;
	int r = bzimage_check_kind(l);

	if (r)
		return r;
	sects = f->data[HDR_SETUP_SECTS] ? f->data[HDR_SETUP_SECTS] : SETUP_SECTS_DEFAULT;
	b->data = f->data;
	b->payload = (sects + 1) * SECTOR;
	b->payload_size = (u64)loader_u32(f->data + HDR_SYSSIZE) * PARAGRAPH;
	whole = b->payload + b->payload_size;
	/* The size is in paragraphs; files that end within the last one (memtest86+) are whole. */
	if (b->payload > f->size || whole > f->size + PARAGRAPH - 1)
		return loader_fail(l, -ENOEXEC,
				   "truncated: the header asks for %llu bytes, the file has %llu",
				   (unsigned long long)whole, (unsigned long long)f->size);
	b->payload_size = MIN(whole, f->size) - b->payload;
	b->header_end = MIN(HDR_MAGIC + f->data[HDR_JUMP_LENGTH], HDR_END_MAX);
	if (b->header_end < HDR_END_2_12 || b->payload_size <= ENTRY_64_OFFSET)
		return loader_fail(l, -ENOEXEC, "damaged: setup header or kernel is too short");
	b->init_size = MAX(loader_u32(f->data + HDR_INIT_SIZE), b->payload_size);
	return 0;
}

/* At its preferred address or, where that is not RAM, at the lowest aligned one that fits. */
static int bzimage_place(struct loader *l, struct bzimage *b)
{
	u64 align = loader_u32(b->data + HDR_KERNEL_ALIGNMENT);
	u64 cursor = LOAD_HIGH;

	b->load = loader_u64(b->data + HDR_PREF_ADDRESS);
	if (b->load >= LOAD_HIGH && loader_ram(l, b->load, b->init_size) &&
	    b->load + b->init_size <= LOAD_LIMIT)
		return 0;
	if (align == 0 || (align & (align - 1)))
		return loader_fail(l, -ENOEXEC, "damaged: kernel alignment %#llx",
				   (unsigned long long)align);
	if (!b->data[HDR_RELOCATABLE] ||
	    loader_place(l, &cursor, b->init_size, MAX(align, LOAD_ALIGN), &b->load) != 0)
		return loader_fail(l, -E2BIG, "needs %llu KiB at %#llx, the partition has %llu MiB",
				   (unsigned long long)(b->init_size / KIB),
				   (unsigned long long)loader_u64(b->data + HDR_PREF_ADDRESS),
				   (unsigned long long)(l->req->memory / MIB));
	return 0;
}

static u64 initrd_size(const struct load_request *req)
{
	u64 size = 0;
	unsigned i;

	for (i = 0; i < req->initrd_count; i++) {
		if (req->initrd[i].size > LOAD_LIMIT || size > LOAD_LIMIT)
			return ~0ull;
		size = ROUND_UP(size, INITRD_PART_ALIGN) + req->initrd[i].size;
	}
	return size;
}

/* As high as the kernel allows, so that it does not lie where the kernel wants to go. */
static int initrd_place(struct loader *l, struct bzimage *b)
{
	const struct load_e820 *ram = loader_ram(l, b->load, b->init_size);
	u64 end = MIN(ram->base + ram->size, loader_u32(b->data + HDR_INITRD_ADDR_MAX) + 1ull);
	u64 kernel_end = ROUND_UP(b->load + b->init_size, LOAD_ALIGN);

	b->initrd_size = initrd_size(l->req);
	if (b->initrd_size == 0)
		return 0;
	end = MIN(end, LOAD_LIMIT);
	if (end < kernel_end || b->initrd_size > end - kernel_end)
		return loader_fail(l, -E2BIG,
				   "kernel and initrd (%llu and %llu KiB) do not fit "
				   "into the partition's %llu MiB",
				   (unsigned long long)(b->init_size / KIB),
				   (unsigned long long)(b->initrd_size / KIB),
				   (unsigned long long)(l->req->memory / MIB));
	b->initrd = ROUND_DOWN(end - b->initrd_size, LOAD_ALIGN);
	return 0;
}

static int initrd_load(struct loader *l, const struct bzimage *b)
{
	u64 at = b->initrd;
	u64 padding;
	unsigned i;
	int r = 0;

	for (i = 0; r == 0 && i < l->req->initrd_count; i++) {
		const struct load_file *f = &l->req->initrd[i];

		padding = ROUND_UP(at, INITRD_PART_ALIGN) - at;
		r = loader_zero(l, at, padding);
		at += padding;
		if (r == 0)
			r = loader_write(l, at, f->data, f->size);
		at += f->size;
	}
	return r;
}

static int cmdline_load(struct loader *l, const struct bzimage *b)
{
	u64 length = strlen(l->req->cmdline);
	u64 most = MIN((u64)loader_u32(b->data + HDR_CMDLINE_SIZE), CMDLINE_MAX - 1);

	if (length > most)
		return loader_fail(l, -E2BIG,
				   "the command line has %llu characters, the kernel "
				   "takes %llu",
				   (unsigned long long)length, (unsigned long long)most);
	return loader_write(l, CMDLINE, l->req->cmdline, length + 1);
}

static int put(struct loader *l, u64 offset, u64 value, u64 size)
{
	return loader_write(l, ZERO_PAGE + offset, &value, size);
}

static int zero_page_map(struct loader *l)
{
	const struct load_request *req = l->req;
	unsigned i;
	int r = put(l, ZP_E820_ENTRIES, req->e820_count, 1);

	for (i = 0; r == 0 && i < req->e820_count; i++) {
		struct zp_e820 e = { req->e820[i].base, req->e820[i].size, req->e820[i].type };

		r = loader_write(l, ZERO_PAGE + ZP_E820_TABLE + i * sizeof(e), &e, sizeof(e));
	}
	return r;
}

static int zero_page_header(struct loader *l, const struct bzimage *b)
{
	struct {
		u16 offset;
		u8 size;
		u64 value;
	} field[] = {
		{ HDR_VID_MODE, 2, VID_MODE_NORMAL },
		{ HDR_TYPE_OF_LOADER, 1, LOADER_UNDEFINED },
		{ HDR_CODE32_START, 4, b->load },
		{ HDR_RAMDISK_IMAGE, 4, b->initrd },
		{ HDR_RAMDISK_SIZE, 4, b->initrd_size },
		{ HDR_CMD_LINE_PTR, 4, CMDLINE },
		{ ZP_ACPI_RSDP, 8, l->req->rsdp },
	};
	unsigned i;
	int r = loader_write(l, ZERO_PAGE + HDR_SETUP_SECTS, b->data + HDR_SETUP_SECTS,
			     b->header_end - HDR_SETUP_SECTS);

	for (i = 0; r == 0 && i < ARRAY_SIZE(field); i++)
		r = put(l, field[i].offset, field[i].value, field[i].size);
	return r;
}

static int zero_page_load(struct loader *l, const struct bzimage *b)
{
	int r = loader_zero(l, ZERO_PAGE, ZERO_PAGE_SIZE);

	if (r == 0)
		r = zero_page_header(l, b);
	return r == 0 ? zero_page_map(l) : r;
}

/* count entries from a table's first on: addresses from base on, step bytes apart. */
static int page_table_fill(struct loader *l, u64 table, unsigned count, u64 base, u64 step,
			   u64 flags)
{
	u64 batch[PT_BATCH];
	unsigned i, n;
	int r = 0;

	for (i = 0; r == 0 && i < count; i += n) {
		for (n = 0; n < PT_BATCH && i + n < count; n++)
			batch[n] = (base + (i + n) * step) | flags;
		r = loader_write(l, table + i * sizeof(u64), batch, n * sizeof(u64));
	}
	return r;
}

static int page_tables_load(struct loader *l)
{
	int r = loader_zero(l, PAGE_TABLES, (2 + PT_DIRECTORIES) * LOAD_ALIGN);

	if (r == 0)
		r = page_table_fill(l, PAGE_TABLES, 1, PT_PDPT, 0, PT_PRESENT_WRITE);
	if (r == 0)
		r = page_table_fill(l, PT_PDPT, PT_DIRECTORIES, PT_DIRECTORY, LOAD_ALIGN,
				    PT_PRESENT_WRITE);
	if (r == 0) /* the directories follow each other: one table of four times the size */
		r = page_table_fill(l, PT_DIRECTORY, PT_DIRECTORIES * PT_ENTRIES, 0, 2 * MIB,
				    PT_PRESENT_WRITE | PT_2MIB);
	return r;
}

int linux_load(struct loader *l)
{
	struct bzimage b = { 0 };
	int r = bzimage_open(l, &b);

	if (r == 0)
		r = bzimage_place(l, &b);
	if (r == 0)
		r = initrd_place(l, &b);
	if (r == 0)
		r = cmdline_load(l, &b);
	if (r == 0)
		r = zero_page_load(l, &b);
	if (r == 0)
		r = page_tables_load(l);
	if (r == 0)
		r = loader_write(l, b.load, b.data + b.payload, b.payload_size);
	if (r == 0)
		r = initrd_load(l, &b);
	if (r)
		return r;
	r = entry_long(l, b.load + ENTRY_64_OFFSET, PAGE_TABLES);
	l->entry->gpr[REG_RSI] = ZERO_PAGE;
	return r;
}
