/* Turns GRUB's Multiboot2 information into struct machine. The first C code that runs. */
#include "boot/multiboot2.h"
#include "error.h"
#include "kernel/log.h"
#include "kernel/machine.h"
#include "kernel/main.h"
#include "kernel/panic.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/kspace.h"

#define MB2_INFO_MAX (1 * MIB) /* larger is a broken loader */

extern const char kernel_start[], kernel_end[];
extern u32 boot_mb_info;

/* The string of a tag, which may lack its terminator. */
static void copy_string(char *dst, size_t size, const struct mb2_tag *tag, size_t offset)
{
	const char *src = (const char *)tag + offset;
	size_t max = MIN(tag->size - offset, size - 1), n = 0;

	while (n < max && src[n]) {
		dst[n] = src[n];
		n++;
	}
	dst[n] = '\0';
}

static void parse_module(struct machine *m, const struct mb2_tag *tag)
{
	const struct mb2_tag_module *mod = (const void *)tag;
	struct machine_module *out = &m->module[m->module_count];
	char *space;

	if (m->module_count == MACHINE_MODULES) {
		log_error("more than %d modules: the rest is ignored", MACHINE_MODULES);
		return;
	}
	if (mod->end < mod->start)
		return;
	out->base = mod->start;
	out->size = mod->end - mod->start;
	copy_string(out->name, sizeof(out->name), tag, sizeof(*mod));
	space = strchr(out->name, ' ');
	if (space)
		*space = '\0';
	m->module_count++;
}

static void parse_mmap(struct machine *m, const struct mb2_tag *tag)
{
	const struct mb2_tag_mmap *map = (const void *)tag;

	if (map->entry_size < sizeof(struct mb2_mmap_entry))
		return;
	for (u64 offset = sizeof(*map); offset + map->entry_size <= tag->size;
	     offset += map->entry_size) {
		const struct mb2_mmap_entry *e = (const void *)((const u8 *)tag + offset);

		if (e->size == 0 || e->base + e->size < e->base)
			continue;
		if (m->region_count == MACHINE_REGIONS) {
			log_error("more than %d memory regions: the rest is ignored",
				  MACHINE_REGIONS);
			return;
		}
		m->region[m->region_count++] = (struct machine_region){
			.base = e->base,
			.size = e->size,
			.type = e->type,
		};
	}
}

static void parse_framebuffer(struct machine *m, const struct mb2_tag *tag)
{
	const struct mb2_tag_framebuffer *fb = (const void *)tag;

	m->vga_text = fb->type == MB2_FRAMEBUFFER_EGA_TEXT;
}

/* Smallest size of the tags that are read by structure. */
static u32 tag_min_size(u32 type)
{
	switch (type) {
	case MB2_TAG_MODULE: return sizeof(struct mb2_tag_module);
	case MB2_TAG_MMAP: return sizeof(struct mb2_tag_mmap);
	case MB2_TAG_FRAMEBUFFER: return sizeof(struct mb2_tag_framebuffer);
	default: return sizeof(struct mb2_tag);
	}
}

static void parse_tag(struct machine *m, const struct mb2_tag *tag)
{
	if (tag->size < tag_min_size(tag->type))
		return;
	switch (tag->type) {
	case MB2_TAG_CMDLINE: copy_string(m->cmdline, sizeof(m->cmdline), tag, sizeof(*tag)); break;
	case MB2_TAG_LOADER: copy_string(m->loader, sizeof(m->loader), tag, sizeof(*tag)); break;
	case MB2_TAG_MODULE: parse_module(m, tag); break;
	case MB2_TAG_MMAP: parse_mmap(m, tag); break;
	case MB2_TAG_FRAMEBUFFER: parse_framebuffer(m, tag); break;
	case MB2_TAG_EFI32:
	case MB2_TAG_EFI64:
	case MB2_TAG_EFI_MMAP: m->efi = true; break;
	case MB2_TAG_ACPI_OLD: /* the new one has the XSDT too: it wins whatever the order */
		if (m->rsdp == 0)
			m->rsdp = virt_to_phys(tag + 1);
		break;
	case MB2_TAG_ACPI_NEW: m->rsdp = virt_to_phys(tag + 1); break;
	}
}

int multiboot2_parse(struct machine *m, hpa_t info)
{
	const struct mb2_info *head = phys_to_virt(info);
	u32 total = head->total_size, offset = sizeof(*head);

	if (total < sizeof(*head) || total > MB2_INFO_MAX)
		return -EINVAL;
	m->mb_info = info;
	m->mb_info_size = total;
	while (total - offset >= sizeof(struct mb2_tag)) {
		const struct mb2_tag *tag = (const void *)((const u8 *)head + offset);

		if (tag->type == MB2_TAG_END || tag->size < sizeof(*tag) ||
		    tag->size > total - offset)
			break;
		parse_tag(m, tag);
		offset += ROUND_UP(tag->size, 8u);
		if (offset > total)
			break;
	}
	return m->region_count ? 0 : -EINVAL;
}

/* From entry.asm, in the higher half, on the boot stack. */
NORETURN void boot_main(void);
void boot_main(void)
{
	machine.kernel_start = (u64)kernel_start - KERNEL_BASE;
	machine.kernel_end = (u64)kernel_end - KERNEL_BASE;
	if (multiboot2_parse(&machine, boot_mb_info) < 0)
		panic("the Multiboot2 information has no memory map");
	kernel_main();
}
