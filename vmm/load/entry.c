/* The boot processor's registers at the first instruction, by mode. SDM 3A 9.1.1, table 9-1. */
#include "lib/string.h"
#include "vmm/load/loader.h"

/* The selectors of Linux's boot protocol; GRUB uses the same two for Multiboot kernels. */
#define SELECTOR_CODE 0x10
#define SELECTOR_DATA 0x18

#define TYPE_CODE 0xb /* execute, read, accessed */
#define TYPE_DATA 0x3 /* read, write, accessed */
#define TYPE_LDT 0x2
#define TYPE_TSS_BUSY 0xb

#define ATTR_CODE (TYPE_CODE | SEG_ATTR_S | SEG_ATTR_P)
#define ATTR_DATA (TYPE_DATA | SEG_ATTR_S | SEG_ATTR_P)

#define LIMIT_REAL 0xffff
#define LIMIT_FLAT 0xffffffff
#define IVT_SIZE 0x400

static void entry_set_data(struct load_entry *e, const struct segment *data)
{
	e->seg[SEG_ES] = e->seg[SEG_SS] = e->seg[SEG_DS] = *data;
	e->seg[SEG_FS] = e->seg[SEG_GS] = *data;
}

static void entry_clear(struct load_entry *e)
{
	memset(e, 0, sizeof(*e));
	e->rflags = RFLAGS_FIXED;
	e->cr0 = CR0_ET;
	e->seg[SEG_LDTR] = (struct segment){ .limit = LIMIT_REAL, .attr = TYPE_LDT | SEG_ATTR_P };
	e->seg[SEG_TR] =
	    (struct segment){ .limit = LIMIT_REAL, .attr = TYPE_TSS_BUSY | SEG_ATTR_P };
}

/* SDM 3A figure 3-8: limit and attributes of a segment of 4 GiB from 0. */
static u64 descriptor_flat(u32 attr)
{
	return 0xffffull | (u64)(attr & 0xf0ff) << 40 | 0xfull << 48;
}

static int entry_flat(struct loader *l, u32 code_attr)
{
	struct load_entry *e = l->entry;
	u32 data_attr = ATTR_DATA | SEG_ATTR_DB | SEG_ATTR_G;
	u64 gdt[4] = { [SELECTOR_CODE / 8] = descriptor_flat(code_attr),
		       [SELECTOR_DATA / 8] = descriptor_flat(data_attr) };
	struct segment data = { .selector = SELECTOR_DATA, .limit = LIMIT_FLAT, .attr = data_attr };

	entry_clear(e);
	entry_set_data(e, &data);
	e->seg[SEG_CS] = (struct segment){
		.selector = SELECTOR_CODE,
		.limit = LIMIT_FLAT,
		.attr = code_attr,
	};
	e->seg[SEG_GDTR] = (struct segment){ .base = LOAD_GDT, .limit = sizeof(gdt) - 1 };
	e->cr0 |= CR0_PE;
	e->rsp = LOAD_STACK;
	return loader_write(l, LOAD_GDT, gdt, sizeof(gdt));
}

int entry_long(struct loader *l, u64 rip, u64 cr3)
{
	int r = entry_flat(l, ATTR_CODE | SEG_ATTR_L | SEG_ATTR_G);

	l->entry->mode = ENTRY_LONG;
	l->entry->rip = rip;
	l->entry->cr0 |= CR0_PG;
	l->entry->cr3 = cr3;
	l->entry->cr4 = CR4_PAE;
	l->entry->efer = EFER_LME | EFER_LMA;
	return r;
}

int entry_protected(struct loader *l, u64 rip)
{
	int r = entry_flat(l, ATTR_CODE | SEG_ATTR_DB | SEG_ATTR_G);

	l->entry->mode = ENTRY_PROTECTED;
	l->entry->rip = rip;
	return r;
}

void entry_real(struct loader *l, u16 ip)
{
	struct load_entry *e = l->entry;
	struct segment data = { .limit = LIMIT_REAL, .attr = ATTR_DATA };

	entry_clear(e);
	entry_set_data(e, &data);
	e->seg[SEG_CS] = (struct segment){ .limit = LIMIT_REAL, .attr = ATTR_CODE };
	e->seg[SEG_GDTR] = (struct segment){ .limit = LIMIT_REAL };
	e->seg[SEG_IDTR] = (struct segment){ .limit = IVT_SIZE - 1 };
	e->mode = ENTRY_REAL;
	e->rip = ip;
}
