/* Boot information of both Multiboot versions: pieces put behind each other in guest memory. */
#include "lib/string.h"
#include "vmm/load/kimage.h"

void emit_bytes(struct emitter *e, const void *data, u64 size)
{
	if (!e->dry && !e->error)
		e->error = loader_write(e->l, e->base + e->used, data, size);
	e->used += size;
}

u64 emit_string(struct emitter *e, const char *s)
{
	u64 at = e->base + e->used;

	emit_bytes(e, s, strlen(s) + 1);
	return at;
}

void emit_align(struct emitter *e, u64 align)
{
	e->used = ROUND_UP(e->used, align); /* nobody has written there: it reads as zero */
}

int emit_place(struct emitter *e, const struct kimage *k, const struct kimage_modules *m)
{
	u64 size = e->used;
	u64 cursor = m->end;

	e->used = 0;
	e->dry = false;
	e->base = LOAD_LOW;
	if (size <= LOAD_LOW_END - LOAD_LOW && (k->hi <= LOAD_LOW || k->lo >= LOAD_LOW + size) &&
	    loader_ram(e->l, LOAD_LOW, size))
		return 0;
	return loader_place(e->l, &cursor, size, LOAD_ALIGN, &e->base);
}

static u64 ram_end_from(const struct load_request *req, u64 base)
{
	unsigned i;

	for (i = 0; i < req->e820_count; i++)
		if (req->e820[i].type == LOAD_E820_RAM && req->e820[i].base == base)
			return base + req->e820[i].size;
	return base;
}

u32 emit_memory_lower(const struct load_request *req)
{
	return (u32)(ram_end_from(req, 0) / KIB);
}

u32 emit_memory_upper(const struct load_request *req)
{
	return (u32)((ram_end_from(req, LOAD_HIGH) - LOAD_HIGH) / KIB);
}
