/* What a Multiboot2 kernel is told: Multiboot2 Specification 3.6, a list of tags. */
#include "lib/string.h"
#include "mm/gmem.h"
#include "vmm/load/multiboot2.h"
#include "vmm/load/vacpi_tables.h"

enum {
	MB2I_END = 0,
	MB2I_CMDLINE = 1,
	MB2I_LOADER_NAME = 2,
	MB2I_MODULE = 3,
	MB2I_BASIC_MEMORY = 4,
	MB2I_MMAP = 6,
	MB2I_ACPI_OLD = 14,
	MB2I_ACPI_NEW = 15,
	MB2I_LOAD_BASE = 21,
};

#define MB2I_ALIGN 8ull

struct mb2i_head {
	u32 total_size, reserved;
};

struct mb2i_tag {
	u32 type, size; /* with this head, without padding */
};

struct mb2i_mmap {
	u32 entry_size, entry_version;
};

struct mb2i_mmap_entry {
	u64 base, length;
	u32 type, reserved; /* as E820h has it */
};

bool multiboot2_has_info(const struct load_request *req, u32 type)
{
	switch (type) {
	case MB2I_CMDLINE:
	case MB2I_LOADER_NAME:
	case MB2I_MODULE:
	case MB2I_BASIC_MEMORY:
	case MB2I_MMAP:
	case MB2I_LOAD_BASE: return true;
	case MB2I_ACPI_OLD:
	case MB2I_ACPI_NEW: return req->rsdp != 0;
	default: return false;
	}
}

/* Its body follows by emit_bytes(). */
static void tag_begin(struct emitter *e, u32 type, u64 body_size)
{
	struct mb2i_tag tag = { type, (u32)(sizeof(tag) + body_size) };

	emit_align(e, MB2I_ALIGN);
	emit_bytes(e, &tag, sizeof(tag));
}

static void tag_emit(struct emitter *e, u32 type, const void *body, u64 size)
{
	tag_begin(e, type, size);
	emit_bytes(e, body, size);
}

static void emit_modules(struct emitter *e, const struct kimage_modules *m)
{
	const struct load_request *req = e->l->req;
	unsigned i;

	for (i = 0; i < req->module_count; i++) {
		u32 range[2] = { (u32)m->base[i], (u32)(m->base[i] + req->module[i].size) };

		tag_begin(e, MB2I_MODULE, sizeof(range) + strlen(req->module[i].cmdline) + 1);
		emit_bytes(e, range, sizeof(range));
		emit_string(e, req->module[i].cmdline);
	}
}

static void emit_mmap(struct emitter *e)
{
	const struct load_request *req = e->l->req;
	struct mb2i_mmap head = { sizeof(struct mb2i_mmap_entry), 0 };
	unsigned i;

	tag_begin(e, MB2I_MMAP, sizeof(head) + req->e820_count * sizeof(struct mb2i_mmap_entry));
	emit_bytes(e, &head, sizeof(head));
	for (i = 0; i < req->e820_count; i++) {
		struct mb2i_mmap_entry entry = {
			req->e820[i].base,
			req->e820[i].size,
			req->e820[i].type,
			0,
		};

		emit_bytes(e, &entry, sizeof(entry));
	}
}

/* A copy of the ACPI root, in the layout of ACPI 1.0 and in the present one. */
static void emit_rsdp(struct emitter *e)
{
	struct acpi_rsdp rsdp;

	if (!e->l->req->rsdp || e->error)
		return;
	e->error = gmem_read(e->l->req->space, e->l->req->rsdp, &rsdp, sizeof(rsdp));
	if (e->error) {
		loader_fail(e->l, e->error, "the ACPI tables cannot be read");
		return;
	}
	tag_emit(e, MB2I_ACPI_OLD, &rsdp, ACPI_RSDP_V1_SIZE);
	tag_emit(e, MB2I_ACPI_NEW, &rsdp, sizeof(rsdp));
}

static int info_emit(struct emitter *e, const struct kimage *k, const struct kimage_modules *m,
		     u32 total)
{
	const struct load_request *req = e->l->req;
	struct mb2i_head head = { total, 0 };
	u32 memory[2] = { emit_memory_lower(req), emit_memory_upper(req) };
	u32 load_base = (u32)k->lo;

	emit_bytes(e, &head, sizeof(head));
	tag_emit(e, MB2I_CMDLINE, req->cmdline, strlen(req->cmdline) + 1);
	tag_emit(e, MB2I_LOADER_NAME, LOAD_NAME, sizeof(LOAD_NAME));
	emit_modules(e, m);
	tag_emit(e, MB2I_BASIC_MEMORY, memory, sizeof(memory));
	emit_mmap(e);
	emit_rsdp(e);
	tag_emit(e, MB2I_LOAD_BASE, &load_base, sizeof(load_base));
	tag_begin(e, MB2I_END, 0);
	return e->error;
}

int multiboot2_info_load(struct loader *l, const struct kimage *k, u64 *info)
{
	struct emitter e = { .l = l, .dry = true };
	struct kimage_modules m;
	u64 total;
	int r = kimage_load_modules(l, k, &m);

	if (r == 0)
		r = info_emit(&e, k, &m, 0);
	if (r)
		return r;
	total = e.used;
	r = emit_place(&e, k, &m);
	if (r)
		return r;
	*info = e.base;
	return info_emit(&e, k, &m, (u32)total);
}
