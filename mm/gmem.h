#pragma once
/*
 * The only way to a guest's memory: every range is checked against the partition's own space, and
 * is copied, so that what was checked is what is used (rule 4 of docs/architecture.md). All return
 * 0, -EFAULT when any byte is outside RAM (nothing is then transferred), or -ENOMEM (an earlier
 * part may then have been). A range may go over from one RAM range to an adjacent one; len may be
 * 0. Thread context; takes the space's lock only to populate.
 */
#include "mm/gpspace.h"

MUST_CHECK int gmem_read(struct gpspace *gs, gpa_t gpa, void *buf, u64 len);
/* What a guest, its devices or emulated instructions store: -EFAULT for ROM as well. */
MUST_CHECK int gmem_write(struct gpspace *gs, gpa_t gpa, const void *buf, u64 len);
MUST_CHECK int gmem_zero(struct gpspace *gs, gpa_t gpa, u64 len);
/* What the kernel's own loaders store: like gmem_write, into ROM as well. */
MUST_CHECK int gmem_load(struct gpspace *gs, gpa_t gpa, const void *buf, u64 len);
