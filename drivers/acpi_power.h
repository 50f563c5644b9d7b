#pragma once
/* Power-off and reset by ACPI; drivers/acpi.h has the functions that everybody calls. */
#include "drivers/acpi_tables.h"

struct machine;

/* Takes the registers from the FADT and the sleep types from the DSDT (NULL: there is none). */
void acpi_power_parse(struct machine *m, const struct acpi_fadt *fadt,
		      const struct acpi_header *dsdt);
