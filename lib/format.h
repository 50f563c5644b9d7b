#pragma once
/*
 * Text formatting: %d %i %u %x %X %p %c %s %%, sizes hh h l ll z t j, flags 0 - + # and a space,
 * width and precision, both also as *. Always terminates when size > 0; returns the length the
 * whole text would have. %p prints 0x and digits, also for NULL; %s prints "(null)" for NULL. A
 * conversion that is not listed is printed as it stands, and consumes no argument.
 */
#include "compiler.h"
#include "types.h"

#if __STDC_HOSTED__
#include <stdio.h>
#else
int vsnprintf(char *buf, size_t size, const char *fmt, va_list args);
int snprintf(char *buf, size_t size, const char *fmt, ...) PRINTF(3, 4);
#endif

/* What vsnprintf is in the kernel; under this name it is tested against the build host's own. */
int format_text(char *buf, size_t size, const char *fmt, va_list args);
