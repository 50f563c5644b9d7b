/* Where a partition's memory is: the map of a PC, as its firmware reports it by INT 15h E820h. */
#include "vmm/load/loader.h"

#define EBDA_BASE 0x9fc00ull
#define VGA_BASE 0xa0000ull
#define BIOS_BASE (LAYOUT_ACPI_BASE + LAYOUT_ACPI_SIZE)

static void layout_add(struct load_request *req, u64 base, u64 end, u32 type)
{
	if (base < end)
		req->e820[req->e820_count++] = (struct load_e820){ base, end - base, type };
}

void load_layout(struct load_request *req)
{
	u64 low = MIN(req->memory, LAYOUT_LOW_MAX);
	u64 high = req->memory - low;

	req->e820_count = 0;
	layout_add(req, 0, MIN(low, EBDA_BASE), LOAD_E820_RAM);
	layout_add(req, EBDA_BASE, MIN(low, VGA_BASE), LOAD_E820_RESERVED);
	layout_add(req, LAYOUT_ACPI_BASE, MIN(low, BIOS_BASE), LOAD_E820_ACPI);
	layout_add(req, BIOS_BASE, MIN(low, LOAD_HIGH), LOAD_E820_RESERVED);
	layout_add(req, LOAD_HIGH, low, LOAD_E820_RAM);
	layout_add(req, LAYOUT_HIGH_BASE, LAYOUT_HIGH_BASE + high, LOAD_E820_RAM);
}
