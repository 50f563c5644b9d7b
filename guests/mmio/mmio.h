/* What the files of the mmio guest share. */
#ifndef GUEST_MMIO_H
#define GUEST_MMIO_H

#include "irq.h"
#include "lib.h"
#include "paging.h"
#include "trap.h"

#define MMIO_CROSS 16 /* touches the page behind the cell's */

struct mmio_op {
	u64 routine;
	const char *name;
	u32 size;
	u32 flags_mask;
};

extern const struct mmio_op mov_ops[], alu_ops[], string_ops[], rare_ops[];

void mmio_check_ops(const char *group, const struct mmio_op *ops);
void mmio_check_ioapic(void);
void mmio_check_lapic(void);
void mmio_check_rewritten(void);

#endif
