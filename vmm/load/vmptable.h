#pragma once
/*
 * The MP configuration table: what the MADT says, for systems that ask no ACPI. MultiProcessor
 * Specification 1.4, chapter 4.
 */
#include "compiler.h"
#include "types.h"

struct gpspace;

struct vmptable_config {
	unsigned vcpus;
	u32 signature, features; /* of each processor: CPUID leaf 1, EAX and EDX */
};

/* Writes the floating pointer at LAYOUT_MP_BASE and the table. -E2BIG, -EFAULT, -ENOMEM. */
MUST_CHECK int vmptable_build(struct gpspace *space, const struct vmptable_config *config);
