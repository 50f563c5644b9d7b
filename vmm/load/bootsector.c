/* Boot sectors: what a PC's BIOS reads from the first sector of a disk and jumps to. */
#include "error.h"
#include "vmm/load/loader.h"

#define SECTOR 512
#define SIGNATURE_OFFSET 510
#define SIGNATURE 0xaa55
#define FIRST_DISK 0x80 /* the BIOS's number of the disk, in DL */

/*
 * There is no BIOS. Its software interrupts return at once, as a BIOS's own dummy handler does,
 * instead of running through zeros. (They change nothing, so a program that asks for an error gets
 * none.)
 */
#define IVT_VECTORS 256
#define IRET_STUB 0x500 /* behind the BIOS data area */
#define IRET_OPCODE 0xcf
#define IVT_BATCH 64

bool bootsector_recognize(const u8 *data, u64 size)
{
	return size >= SECTOR && loader_u16(data + SIGNATURE_OFFSET) == SIGNATURE;
}

static int ivt_load(struct loader *l)
{
	static const u8 stub = IRET_OPCODE;
	u32 batch[IVT_BATCH]; /* segment 0, offset of the stub */
	unsigned i;
	int r = loader_write(l, IRET_STUB, &stub, sizeof(stub));

	for (i = 0; i < IVT_BATCH; i++)
		batch[i] = IRET_STUB;
	for (i = 0; r == 0 && i < IVT_VECTORS; i += IVT_BATCH)
		r = loader_write(l, i * sizeof(u32), batch, sizeof(batch));
	return r;
}

/* A BIOS would read one sector. As there is no disk to read more from, all of the file is there. */
int bootsector_load(struct loader *l)
{
	const struct load_file *f = &l->req->kernel;
	int r;

	if (!loader_ram(l, LOAD_BOOT_SECTOR, f->size))
		return loader_fail(l, -E2BIG,
				   "a boot sector image of %llu KiB does not fit below "
				   "640 KiB",
				   (unsigned long long)(f->size / KIB));
	r = ivt_load(l);
	if (r == 0)
		r = loader_write(l, LOAD_BOOT_SECTOR, f->data, f->size);
	entry_real(l, LOAD_BOOT_SECTOR);
	l->entry->rsp = LOAD_BOOT_SECTOR;
	l->entry->gpr[REG_RDX] = FIRST_DISK;
	return r;
}
