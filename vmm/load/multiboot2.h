#pragma once
/* Between the two files of Multiboot2. */
#include "vmm/load/kimage.h"

/* True when the information that the kernel gets will have a tag of this type. */
bool multiboot2_has_info(const struct load_request *req, u32 type);
/* Puts modules and boot information into guest memory; *info is where. */
MUST_CHECK int multiboot2_info_load(struct loader *l, const struct kimage *k, u64 *info);
