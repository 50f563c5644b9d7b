#pragma once
/* What GRUB hands over: the Multiboot2 information structure, Multiboot2 specification 3.6. */
#include "compiler.h"
#include "types.h"

struct machine;

#define MB2_TAG_END 0
#define MB2_TAG_CMDLINE 1
#define MB2_TAG_LOADER 2
#define MB2_TAG_MODULE 3
#define MB2_TAG_MMAP 6
#define MB2_TAG_FRAMEBUFFER 8
#define MB2_TAG_EFI32 11
#define MB2_TAG_EFI64 12
#define MB2_TAG_ACPI_OLD 14
#define MB2_TAG_ACPI_NEW 15
#define MB2_TAG_EFI_MMAP 17

#define MB2_FRAMEBUFFER_EGA_TEXT 2

struct mb2_info {
	u32 total_size, reserved;
};

struct mb2_tag {
	u32 type, size; /* size without the padding to 8 bytes */
};

struct mb2_tag_module {
	struct mb2_tag tag;
	u32 start, end;
	char string[];
};

struct mb2_mmap_entry {
	u64 base, size;
	u32 type, reserved;
};

struct mb2_tag_mmap {
	struct mb2_tag tag;
	u32 entry_size, entry_version;
};

struct mb2_tag_framebuffer {
	struct mb2_tag tag;
	u64 addr;
	u32 pitch, width, height;
	u8 bpp, type;
} PACKED;

static_assert(sizeof(struct mb2_mmap_entry) == 24, "Multiboot2 3.6.8");
static_assert(offsetof(struct mb2_tag_framebuffer, type) == 29, "Multiboot2 3.6.12");

/*
 * Fills the machine from the information at a physical address below 4 GiB. Tags that are cut off
 * by the structure's end are ignored; -EINVAL when there is no memory map among the others.
 */
MUST_CHECK int multiboot2_parse(struct machine *m, hpa_t info);
