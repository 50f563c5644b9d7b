#pragma once
/*
 * Text formatting: %d %i %u %x %X %p %c %s %%, sizes hh h l ll z, flags 0 - + and a space, width and
 * precision, both also as *. Always terminates; returns the length the whole text would have.
 */
#include "compiler.h"
#include "types.h"

#if __STDC_HOSTED__
#include <stdio.h>
#else
int vsnprintf(char *buf, size_t size, const char *fmt, va_list args);
int snprintf(char *buf, size_t size, const char *fmt, ...) PRINTF(3, 4);
#endif
