/* The memory map, made consistent. */
#include "mm/memmap.h"
#include "kernel/machine.h"

#define PAGE 4096ull
#define LOW_RAM_END 0xa0000ull /* above are the VGA's memory and ROMs */
#define MULTIBOOT_RAM 1	       /* Multiboot2 3.6.8 */

/* What is known about one address while the lists are gone through. */
struct probe {
	hpa_t at;
	hpa_t boundary; /* the next address at which the answer may differ */
	bool ram, boot;
	u32 reserved; /* the type of a reserved region, 0: none */
};

/* True when the address lies in [start, end); remembers the nearest edge above it. */
static bool probe_range(struct probe *p, hpa_t start, hpa_t end)
{
	if (start >= end)
		return false;
	if (start > p->at)
		p->boundary = MIN(p->boundary, start);
	else if (end > p->at)
		p->boundary = MIN(p->boundary, end);
	return p->at >= start && p->at < end;
}

static hpa_t range_end(hpa_t base, u64 size)
{
	hpa_t end;

	/* Nothing is mapped in the last page of the 64-bit space; rounding up must not wrap. */
	if (__builtin_add_overflow(base, size, &end) || end > ~0ull - PAGE)
		end = ~0ull - 2 * PAGE + 1;
	return end;
}

/* RAM is rounded inwards, everything that restricts it outwards. */
static void probe_region(struct probe *p, const struct machine_region *r)
{
	hpa_t end = range_end(r->base, r->size);

	if (r->base >= end)
		return;
	if (r->type == MULTIBOOT_RAM) {
		p->ram |= probe_range(p, ROUND_UP(r->base, PAGE), ROUND_DOWN(end, PAGE));
	} else if (probe_range(p, ROUND_DOWN(r->base, PAGE), ROUND_UP(end, PAGE))) {
		p->reserved = MAX(r->type, 2u);
	}
}

static void probe_boot(struct probe *p, hpa_t base, u64 size)
{
	if (size)
		p->boot |=
		    probe_range(p, ROUND_DOWN(base, PAGE), ROUND_UP(range_end(base, size), PAGE));
}

/* What the firmware says of an address, and whether GRUB has put something there. */
static struct probe probe_contents(const struct machine *m, hpa_t at)
{
	struct probe p = { .at = at, .boundary = HPA_NONE };

	for (unsigned i = 0; i < m->region_count; i++)
		probe_region(&p, &m->region[i]);
	probe_boot(&p, m->kernel_start, m->kernel_end - m->kernel_start);
	probe_boot(&p, m->mb_info, m->mb_info_size);
	for (unsigned i = 0; i < m->module_count; i++)
		probe_boot(&p, m->module[i].base, m->module[i].size);
	return p;
}

bool memmap_next(const struct machine *m, struct memmap_span *span)
{
	struct probe p = probe_contents(m, span->end);

	probe_boot(&p, 0, MIB);
	span->start = span->end;
	span->end = p.boundary;
	span->type = p.reserved;
	if (p.reserved)
		span->kind = MEMMAP_FIRMWARE;
	else if (!p.ram)
		span->kind = MEMMAP_HOLE;
	else
		span->kind = p.boot ? MEMMAP_BOOT : MEMMAP_RAM;
	return p.boundary != HPA_NONE;
}

hpa_t memmap_low_page(const struct machine *m)
{
	/* The first page has the interrupt table of real mode and the BIOS' data. */
	for (hpa_t at = PAGE; at < LOW_RAM_END; at += PAGE) {
		struct probe p = probe_contents(m, at);

		if (p.ram && !p.reserved && !p.boot)
			return at;
	}
	return HPA_NONE;
}
