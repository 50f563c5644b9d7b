/* Which format an image has, and its loader. */
#include "vmm/load/load.h"

#include "error.h"
#include "lib/elf.h"
#include "vmm/load/loader.h"

static const struct format {
	const char *name;
	bool (*recognize)(const u8 *data, u64 size);
	int (*load)(struct loader *l);
} formats[] = {
	/* The more particular first: the last two bytes of a boot sector are in any Linux image. */
	{ "Multiboot2", multiboot2_recognize, multiboot2_load },
	{ "Multiboot", multiboot1_recognize, multiboot1_load },
	{ "Linux bzImage", linux_recognize, linux_load },
	{ "ELF", elf_recognize, NULL },
	{ "boot sector", bootsector_recognize, bootsector_load },
};

static const struct format *load_format(const u8 *data, u64 size)
{
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(formats); i++)
		if (formats[i].recognize(data, size))
			return &formats[i];
	return NULL;
}

const char *load_recognize(const u8 *data, u64 size)
{
	const struct format *f = load_format(data, size);

	return f && f->load ? f->name : NULL;
}

int load_image(const struct load_request *req, struct load_entry *entry, char message[LOAD_MESSAGE])
{
	struct loader l = { .req = req, .entry = entry, .message = message };
	const struct format *f = load_format(req->kernel.data, req->kernel.size);

	message[0] = '\0';
	if (!f)
		return loader_fail(&l, -ENOEXEC,
				   "unknown format: no Multiboot or Multiboot2 "
				   "header, no Linux bzImage, no boot sector");
	if (!f->load)
		return loader_fail(&l, -ENOEXEC, "an ELF file without a Multiboot header");
	return f->load(&l);
}
