/*
 * What a Multiboot loader promises, checked: the state of the machine (Multiboot 1, 3.2), the
 * memory map, the modules. The map's checks see one range after the other, so that both versions
 * of Multiboot, which lay it out differently, can use them.
 */
#include "hello.h"
#include "multiboot.h"

extern char guest_begin[], guest_end[];

static u64 available_bytes;
static bool covers_guest;
static u64 ranges[64][2];
static u32 range_count;

/* With A20 held low, as on an 8086, a cell of ours above 1 MiB is also the one 1 MiB below. */
static bool a20_is_on(void)
{
	static volatile u32 high;
	volatile u32 *low = phys((ulong)&high & ~MIB);
	u32 old_low = *low, seen;

	*low = 0x11111111;
	high = 0x22222222;
	seen = *low;
	*low = old_low; /* the loader's information may lie there */
	return seen == 0x11111111;
}

void hello_check_entry(void)
{
	check(entry_cr0 & CR0_PE, "entered in protected mode");
	check(!(entry_cr0 & CR0_PG), "entered with paging off");
	check_eq(entry_eflags & (RFLAGS_IF | RFLAGS_VM), 0, "entered with IF and VM clear");
	check(a20_is_on(), "address line A20 is on");
}

/* The sum lets a test compare a module's bytes with the file it came from. */
void hello_check_module(u32 index, u32 start, u32 end, const char *text)
{
	const u8 *p = phys(start);
	u32 sum = 0;

	for (u32 i = 0; start + i < end; i++)
		sum += p[i];
	print("module %u: 0x%08x to 0x%08x, %u bytes, sum %u, '%s'\n", index, start, end,
	      end - start, sum, text);
	check(start <= end && !(start & 0xfff), "module %u begins on a page", index);
	check(end <= (ulong)guest_begin || start >= (ulong)guest_end,
	      "module %u lies outside the guest's own image", index);
	check(end <= memory_top(), "module %u lies in memory", index);
}

void hello_check_range(u32 index, u64 base, u64 length, u32 type)
{
	print("memory %u: 0x%09llx to 0x%09llx type %u\n", index, base, base + length, type);
	check(length && base + length > base, "memory range %u has a size", index);
	for (u32 i = 0; i < range_count; i++)
		if (base < ranges[i][1] && ranges[i][0] < base + length)
			check(false, "memory ranges %u and %u overlap", i, index);
	if (range_count < ARRAY_SIZE(ranges)) {
		ranges[range_count][0] = base;
		ranges[range_count++][1] = base + length;
	}
	if (type != MB_MMAP_AVAILABLE)
		return;
	available_bytes += length;
	if (base <= (ulong)guest_begin && base + length >= (ulong)guest_end)
		covers_guest = true;
}

void hello_check_map_end(void)
{
	print("memory: %llu KiB available\n", available_bytes / 1024);
	check(covers_guest, "the guest lies in available memory");
	check(available_bytes + 2 * MIB >= memory_top(),
	      "the map agrees with the size of upper memory");
}

static void check_modules(const struct mb1_info *info)
{
	const struct mb1_module *m = phys(info->mods_addr);

	print("modules: %u\n", info->flags & MB1_HAS_MODULES ? info->mods_count : 0);
	if (!(info->flags & MB1_HAS_MODULES))
		return;
	for (u32 i = 0; i < info->mods_count; i++)
		hello_check_module(i, m[i].start, m[i].end, m[i].string ? phys(m[i].string) : "");
}

static void check_map(const struct mb1_info *info)
{
	u32 at = info->mmap_addr, end = at + info->mmap_length;

	for (u32 i = 0; at < end; i++) {
		const struct mb1_mmap *m = phys(at);

		check(m->size >= 20 && at + m->size + 4 <= end, "map entry %u has a sane size", i);
		if (m->size < 20)
			return;
		hello_check_range(i, m->base, m->length, m->type);
		at += m->size + 4;
	}
	hello_check_map_end();
}

void hello_check_mb1(u32 magic, const void *mb_info)
{
	const struct mb1_info *info = mb_info;

	check_eq(magic, MB1_MAGIC, "EAX holds the Multiboot 1 magic");
	if (magic != MB1_MAGIC)
		return;
	print("flags: 0x%x\n", info->flags);
	print("command line: '%s'\n", cmdline());
	check(info->flags & MB1_HAS_MEMORY, "the loader gives the size of memory");
	check(info->flags & MB1_HAS_CMDLINE, "the loader gives a command line");
	check(info->flags & MB1_HAS_MMAP, "the loader gives a memory map");
	check_range(info->mem_lower, 512, 640, "lower memory ends below 640 KiB");
	check(info->mem_upper >= 1024, "there is upper memory");
	check_modules(info);
	if (info->flags & MB1_HAS_MMAP)
		check_map(info);
}
