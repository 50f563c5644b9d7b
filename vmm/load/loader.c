/* Helpers of all loaders. Sizes and addresses in images are hostile until they are checked here. */
#include "vmm/load/loader.h"

#include "error.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/gmem.h"

int loader_fail(struct loader *l, int error, const char *fmt, ...)
{
	va_list args;
	int n = snprintf(l->message, LOAD_MESSAGE, "%s: ", l->req->kernel.name);

	if (n < 0 || n >= LOAD_MESSAGE)
		return error;
	va_start(args, fmt);
	vsnprintf(l->message + n, (size_t)(LOAD_MESSAGE - n), fmt, args);
	va_end(args);
	return error;
}

u16 loader_u16(const u8 *at)
{
	u16 v;

	memcpy(&v, at, sizeof(v));
	return v;
}

u32 loader_u32(const u8 *at)
{
	u32 v;

	memcpy(&v, at, sizeof(v));
	return v;
}

u64 loader_u64(const u8 *at)
{
	u64 v;

	memcpy(&v, at, sizeof(v));
	return v;
}

const struct load_e820 *loader_ram(const struct loader *l, u64 base, u64 size)
{
	unsigned i;

	for (i = 0; i < l->req->e820_count; i++) {
		const struct load_e820 *r = &l->req->e820[i];

		if (r->type == LOAD_E820_RAM && base >= r->base &&
		    loader_inside(r->size, base - r->base, size))
			return r;
	}
	return NULL;
}

int loader_place(struct loader *l, u64 *cursor, u64 size, u64 align, u64 *base)
{
	unsigned i;

	/* The map is in the order of addresses. */
	for (i = 0; i < l->req->e820_count; i++) {
		const struct load_e820 *r = &l->req->e820[i];
		u64 at = ROUND_UP(MAX(r->base, *cursor), align);

		if (at < r->base || !loader_ram(l, at, size) || at + size > LOAD_LIMIT)
			continue;
		*base = at;
		*cursor = at + size;
		return 0;
	}
	return loader_fail(l, -E2BIG, "%llu KiB more do not fit into the partition's %llu MiB",
			   (unsigned long long)(size / KIB),
			   (unsigned long long)(l->req->memory / MIB));
}

static int loader_memory_error(struct loader *l, int error, u64 gpa, u64 size)
{
	if (error == 0)
		return 0;
	return loader_fail(l, error,
			   error == -ENOMEM ? "the machine has no memory left for %#llx..%#llx"
					    : "%#llx..%#llx is no RAM of the partition",
			   (unsigned long long)gpa, (unsigned long long)(gpa + size));
}

int loader_write(struct loader *l, u64 gpa, const void *data, u64 size)
{
	return loader_memory_error(l, gmem_write(l->req->space, gpa, data, size), gpa, size);
}

int loader_zero(struct loader *l, u64 gpa, u64 size)
{
	return loader_memory_error(l, gmem_zero(l->req->space, gpa, size), gpa, size);
}
