#pragma once
/* What the loaders of all formats share. Addresses are guest-physical. */
#include "compiler.h"
#include "types.h"
#include "vmm/load/load.h"

/* Fixed places in low memory. */
#define LOAD_GDT 0x800ull	   /* behind the BIOS data area */
#define LOAD_BOOT_SECTOR 0x7c00ull /* where a BIOS puts it, and the first stack ends */
#define LOAD_STACK 0x10000ull	   /* top of the stack of a kernel that has none yet */
#define LOAD_LOW 0x10000ull	   /* from here on structures for the kernel */
#define LOAD_LOW_END 0x90000ull
#define LOAD_HIGH 0x100000ull	  /* where the BIOS area ends */
#define LOAD_LIMIT 0x100000000ull /* what 32-bit fields can name */

#define LOAD_E820_RAM 1
#define LOAD_E820_RESERVED 2
#define LOAD_E820_ACPI 3

#define LOAD_ALIGN 4096ull
#define LOAD_NAME "Partita" /* as the boot loader's name */

struct loader {
	const struct load_request *req;
	struct load_entry *entry;
	char *message; /* LOAD_MESSAGE bytes */
};

/* The formats, each in its own file. */
bool multiboot2_recognize(const u8 *data, u64 size);
MUST_CHECK int multiboot2_load(struct loader *l);
bool multiboot1_recognize(const u8 *data, u64 size);
MUST_CHECK int multiboot1_load(struct loader *l);
bool linux_recognize(const u8 *data, u64 size);
MUST_CHECK int linux_load(struct loader *l);
bool bootsector_recognize(const u8 *data, u64 size);
MUST_CHECK int bootsector_load(struct loader *l);

/* loader.c: "kernel's name: reason" into the message; returns the error. */
int loader_fail(struct loader *l, int error, const char *fmt, ...) PRINTF(3, 4);
/* True when [offset, offset+len) lies inside size bytes. */
static inline bool loader_inside(u64 size, u64 offset, u64 len)
{
	return offset <= size && len <= size - offset;
}
/* Little-endian fields of the image; the caller has checked that they are inside. */
u16 loader_u16(const u8 *at);
u32 loader_u32(const u8 *at);
u64 loader_u64(const u8 *at);
/* The RAM range of the guest's memory map that holds all of [base, base+size), or NULL. */
const struct load_e820 *loader_ram(const struct loader *l, u64 base, u64 size);
/* The lowest place in RAM below 4 GiB from *cursor on; moves *cursor behind it. align: 2^n. */
MUST_CHECK int loader_place(struct loader *l, u64 *cursor, u64 size, u64 align, u64 *base);
MUST_CHECK int loader_write(struct loader *l, u64 gpa, const void *data, u64 size);
MUST_CHECK int loader_zero(struct loader *l, u64 gpa, u64 size);

/* entry.c: the boot processor's state; the first two put a GDT into guest memory. */
MUST_CHECK int entry_long(struct loader *l, u64 rip, u64 cr3);
MUST_CHECK int entry_protected(struct loader *l, u64 rip);
void entry_real(struct loader *l, u16 ip);
