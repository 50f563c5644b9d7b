/*
 * direct: boots Linux on the bare machine exactly as vmm/load/linux.c does in a partition, by the
 * 64-bit entry, and says the TSC on the way. GRUB's own `linux` command could not say it, and
 * enters by 32 bits. Modules: the bzImage and the initrd. The command line goes to Linux.
 */
#include "lib.h"
#include "multiboot.h"

#define E820_MAX 128
#define SECTOR 512
#define ENTRY_64 0x200
#define LOADER_UNDEFINED 0xff
#define HDR_BEGIN 0x1f1

/* The zero page, Documentation/x86/zero-page.rst; the setup header in it as in the bzImage. */
struct zero_page {
	u8 screen[0x1e8]; /* none, as in a partition */
	u8 e820_entries;
	u8 pad0[8];
	u8 setup_sects; /* 1f1 */
	u16 root_flags;
	u32 syssize;
	u8 pad1[0x201 - 0x1f8];
	u8 jump; /* the header ends this far behind 202 */
	u8 pad2[0x210 - 0x202];
	u8 type_of_loader;
	u8 pad3[7];
	u32 ramdisk_image, ramdisk_size; /* 218 */
	u8 pad4[8];
	u32 cmd_line_ptr; /* 228 */
	u8 pad5[0x258 - 0x22c];
	u64 pref_address;
	u8 pad6[0x2d0 - 0x260];
	struct {
		u64 base, size;
		u32 type;
	} __attribute__((packed)) e820[E820_MAX];
} __attribute__((packed));

_Static_assert(__builtin_offsetof(struct zero_page, setup_sects) == HDR_BEGIN, "setup header");
_Static_assert(__builtin_offsetof(struct zero_page, cmd_line_ptr) == 0x228, "cmd_line_ptr");
_Static_assert(__builtin_offsetof(struct zero_page, e820) == 0x2d0, "e820");

static union {
	struct zero_page fields;
	u8 bytes[4096];
} page __attribute__((aligned(4096)));

static struct file {
	u32 start, size;
} module[2];	    /* copies: the tags may lie where the files go */
static u64 ram_end; /* of the memory from 1 MiB on */

static void read_map(const struct mb2_tag_mmap *map)
{
	const struct mb2_mmap *e = map->entry,
			      *end = (const void *)((const u8 *)map + map->tag.size);
	struct zero_page *z = &page.fields;

	for (; e < end && z->e820_entries < E820_MAX; e++) {
		z->e820[z->e820_entries].base = e->base;
		z->e820[z->e820_entries].size = e->length;
		z->e820[z->e820_entries++].type = e->type;
		if (e->base == MIB)
			ram_end = e->base + e->length;
	}
}

static void read_module(const struct mb2_tag_module *tag, struct file *f)
{
	f->start = tag->start;
	f->size = tag->end - tag->start;
}

static void read_tags(const struct mb2_info *info)
{
	const struct mb2_tag *tag = (const void *)(info + 1);
	u32 modules = 0;

	for (; tag->type != MB2_TAG_END; tag = mb2_next(tag)) {
		if (tag->type == MB2_TAG_MMAP)
			read_map((const void *)tag);
		if (tag->type == MB2_TAG_MODULE && modules < ARRAY_SIZE(module))
			read_module((const void *)tag, &module[modules++]);
	}
}

static void fill_header(const struct zero_page *header)
{
	struct zero_page *z = &page.fields;

	memcpy(&z->setup_sects, &header->setup_sects, 0x202u + header->jump - HDR_BEGIN);
	z->type_of_loader = LOADER_UNDEFINED;
	z->cmd_line_ptr = (u32)(ulong)cmdline();
}

/* As high as possible, as in a partition. */
static void place_initrd(struct file f)
{
	struct zero_page *z = &page.fields;

	z->ramdisk_size = f.size;
	z->ramdisk_image = (u32)((ram_end - f.size) & ~(PAGE_SIZE - 1));
	memmove(phys(z->ramdisk_image), phys(f.start), f.size);
}

static void place_kernel(struct file f)
{
	u32 setup = (page.fields.setup_sects + 1u) * SECTOR;

	memmove(phys(page.fields.pref_address), phys(f.start + setup), f.size - setup);
}

void guest_main(u32 mb_magic, u32 mb_info)
{
	struct file *kernel = &module[0], *initrd = &module[1];

	if (mb_magic == MB2_MAGIC)
		read_tags(phys(mb_info));
	if (!kernel->size || !initrd->size || !ram_end) {
		print("direct: no kernel, no initrd or no memory map\n");
		return;
	}
	fill_header(phys(kernel->start));
	/* GRUB puts modules low: they may lie where the kernel goes, so it is moved last. */
	place_initrd(*initrd);
	place_kernel(*kernel);
	/* What this line takes is counted with Linux: nothing on QEMU, 0.01 % with Bochs's UART. */
	print("direct: tsc %llu\n", rdtsc());
	asm volatile("jmp *%0" : : "r"(page.fields.pref_address + ENTRY_64), "S"(&page) : "memory");
}
