#pragma once
/*
 * Guest images: the format is recognised by the contents. A loader puts the image into guest memory
 * and says how the boot processor starts; it knows neither partitions nor vCPUs.
 */
#include "compiler.h"
#include "types.h"
#include "x86/reg.h"

struct gpspace;

struct load_file {
	const u8 *data; /* the kernel's view of the GRUB module; constant */
	u64 size;
	const char *name;
	const char *cmdline; /* modules: the whole "path args" string */
};

struct load_request {
	struct gpspace *space;
	struct load_file kernel;
	unsigned initrd_count;
	const struct load_file *initrd; /* concatenated for Linux, in order */
	unsigned module_count;
	const struct load_file *module;
	const char *cmdline;
	u64 memory; /* bytes in all; memory_map() says where they are */
	gpa_t rsdp; /* where the ACPI tables' root is, 0: none */
	/* Two lists for the guest's memory map: */
	unsigned e820_count;
	struct load_e820 {
		u64 base, size;
		u32 type; /* 1 RAM, 2 reserved, 3 ACPI */
	} e820[16];
};

/* The boot processor's registers at its first instruction; what is not named is as after RESET. */
struct load_entry {
	enum { ENTRY_REAL, ENTRY_PROTECTED, ENTRY_LONG } mode;
	u64 rip, rsp;
	u64 gpr[REG_GPRS];
	u64 cr0, cr3, cr4, efer, rflags;
	struct segment seg[SEG_COUNT];
};

#define LOAD_MESSAGE 160

/*
 * Recognises and loads. 0 and *entry; else -ENOEXEC (unknown or damaged format), -E2BIG (does not
 * fit), -EFAULT, -ENOMEM, with the reason for a person in message, naming the file.
 */
MUST_CHECK int load_image(const struct load_request *req, struct load_entry *entry,
			  char message[LOAD_MESSAGE]);
/* "Linux bzImage", "Multiboot", "Multiboot2", "boot sector", or NULL. */
const char *load_recognize(const u8 *data, u64 size);

/*
 * The guest-physical layout of a PC with this much memory: RAM below 4 GiB up to 3 GiB, the rest
 * above. Fills req->e820 (with the EBDA and BIOS area reserved and the ACPI tables' place marked).
 */
#define LAYOUT_LOW_MAX (3ull * 1024 * 1024 * 1024)
#define LAYOUT_HIGH_BASE (4ull * 1024 * 1024 * 1024)
#define LAYOUT_ACPI_BASE 0xe0000ull /* RSDP at its start, tables behind it */
#define LAYOUT_ACPI_SIZE 0x10000ull
#define LAYOUT_MP_BASE 0xf0000ull /* the MP table's floating pointer, the table behind it */
void load_layout(struct load_request *req);
