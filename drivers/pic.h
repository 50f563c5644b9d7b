#pragma once
/* The machine's pair of 8259s, which the IOAPIC replaces. */
#include "types.h"

/* Moves their vectors out of the way of exceptions and masks every line. */
void pic_disable(u8 vector_base);
