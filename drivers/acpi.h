#pragma once
/* The machine's ACPI tables: MADT, FADT, and \_S5 from the DSDT by a search of its byte pattern. */
#include "compiler.h"
#include "types.h"
struct machine;

/* Fills the ACPI part of the machine. -ENOENT without (valid) tables: defaults stay. */
MUST_CHECK int acpi_parse(struct machine *m);
/* Soft-off by S5; falls back to the emulators' ports, then halts with a message. */
NORETURN void acpi_power_off(void);
