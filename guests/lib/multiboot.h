/* Multiboot 1 (specification 0.6.96) and Multiboot 2 (2.0): what the loader hands over. */
#ifndef GUEST_MULTIBOOT_H
#define GUEST_MULTIBOOT_H

#include "types.h"

#define MB1_MAGIC 0x2badb002
#define MB2_MAGIC 0x36d76289

#define MB1_HAS_MEMORY (1u << 0)
#define MB1_HAS_CMDLINE (1u << 2)
#define MB1_HAS_MODULES (1u << 3)
#define MB1_HAS_MMAP (1u << 6)

#define MB_MMAP_AVAILABLE 1

struct mb1_info {
	u32 flags;
	u32 mem_lower, mem_upper; /* KiB */
	u32 boot_device;
	u32 cmdline;
	u32 mods_count, mods_addr;
	u32 syms[4];
	u32 mmap_length, mmap_addr;
};

struct mb1_module {
	u32 start, end, string, reserved;
};

/* `size` does not count itself: the next entry is size + 4 bytes further. */
struct mb1_mmap {
	u32 size;
	u64 base, length;
	u32 type;
} __attribute__((packed));

enum mb2_tag_type {
	MB2_TAG_END = 0,
	MB2_TAG_CMDLINE = 1,
	MB2_TAG_LOADER_NAME = 2,
	MB2_TAG_MODULE = 3,
	MB2_TAG_MEMORY = 4,
	MB2_TAG_MMAP = 6,
};

struct mb2_info {
	u32 total_size, reserved;
};

struct mb2_tag {
	u32 type, size;
};

struct mb2_tag_string {
	struct mb2_tag tag;
	char text[];
};

struct mb2_tag_module {
	struct mb2_tag tag;
	u32 start, end;
	char text[];
};

struct mb2_tag_memory {
	struct mb2_tag tag;
	u32 mem_lower, mem_upper;
};

struct mb2_mmap {
	u64 base, length;
	u32 type, reserved;
};

struct mb2_tag_mmap {
	struct mb2_tag tag;
	u32 entry_size, entry_version;
	struct mb2_mmap entry[];
};

/* The next tag begins at the next multiple of 8. */
static inline const struct mb2_tag *mb2_next(const struct mb2_tag *tag)
{
	return (const void *)((const u8 *)tag + ((tag->size + 7) & ~7u));
}

#endif
