#pragma once
/*
 * The ACPI tables that a partition sees: RSDP, XSDT, RSDT, FADT, FACS, MADT, an SSDT with
 * the processors, and a DSDT compiled from vmm/load/dsdt.asl by iasl when the project is built.
 * ACPI 6.4 chapter 5.
 */
#include "compiler.h"
#include "types.h"
struct gpspace;
/* Writes all tables at LAYOUT_ACPI_BASE. -E2BIG, -EFAULT, -ENOMEM. *rsdp is the root's address. */
MUST_CHECK int vacpi_build(struct gpspace *space, unsigned vcpus, gpa_t *rsdp);
