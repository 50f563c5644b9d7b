/*
 * hello-mb2: a 64-bit ELF file with a Multiboot 2 header. The loader starts it in 32-bit mode
 * all the same; the information comes as a list of tags (Multiboot 2, 3.6).
 */
#include "hello.h"
#include "multiboot.h"

static void check_map(const struct mb2_tag_mmap *map)
{
	u32 count;

	check(map->entry_size >= sizeof(struct mb2_mmap) && map->entry_size % 8 == 0,
	      "map entries have a sane size");
	if (map->entry_size < sizeof(struct mb2_mmap))
		return;
	count = (map->tag.size - (u32)sizeof(*map)) / map->entry_size;
	for (u32 i = 0; i < count; i++) {
		const struct mb2_mmap *m =
		    (const void *)((const u8 *)map->entry + (size_t)i * map->entry_size);

		hello_check_range(i, m->base, m->length, m->type);
	}
	hello_check_map_end();
}

static void check_tag(const struct mb2_tag *tag, u32 *seen)
{
	const struct mb2_tag_module *module = (const void *)tag;
	const struct mb2_tag_memory *memory = (const void *)tag;
	static u32 modules;

	if (tag->type < 32)
		*seen |= 1u << tag->type;
	switch (tag->type) {
	case MB2_TAG_CMDLINE:
		print("command line: '%s'\n", ((const struct mb2_tag_string *)tag)->text);
		break;
	case MB2_TAG_LOADER_NAME:
		print("loader: '%s'\n", ((const struct mb2_tag_string *)tag)->text);
		break;
	case MB2_TAG_MODULE:
		hello_check_module(modules++, module->start, module->end, module->text);
		break;
	case MB2_TAG_MEMORY:
		check_range(memory->mem_lower, 512, 640, "lower memory ends below 640 KiB");
		break;
	case MB2_TAG_MMAP: check_map((const void *)tag); break;
	}
}

static void check_tags(const struct mb2_info *info)
{
	const u8 *end = (const u8 *)info + info->total_size;
	const struct mb2_tag *tag = (const void *)(info + 1);
	u32 seen = 0;

	print("information: %u bytes\n", info->total_size);
	check(((ulong)info & 7) == 0, "the information is aligned to 8 bytes");
	check_eq(info->reserved, 0, "its reserved word is 0");
	for (; (const u8 *)tag + sizeof(*tag) <= end; tag = mb2_next(tag)) {
		if (tag->type == MB2_TAG_END || tag->size < sizeof(*tag))
			break;
		check_tag(tag, &seen);
	}
	check_eq(tag->type, MB2_TAG_END, "the tags end with an end tag");
	check_eq(tag->size, 8, "the end tag has 8 bytes");
	check((const u8 *)tag + 8 == end, "the end tag ends the information");
	check(seen & 1u << MB2_TAG_CMDLINE, "there is a command line");
	check(seen & 1u << MB2_TAG_MEMORY, "there is the size of memory");
	check(seen & 1u << MB2_TAG_MMAP, "there is a memory map");
}

void guest_main(u32 mb_magic, u32 mb_info)
{
	print("hello-mb2: ELF64, started by Multiboot 2\n");
	hello_check_entry();
	check_eq(mb_magic, MB2_MAGIC, "EAX holds the Multiboot 2 magic");
	if (mb_magic == MB2_MAGIC)
		check_tags(phys(mb_info));
}
