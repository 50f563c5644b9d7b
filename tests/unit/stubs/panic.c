/*
 * panic() on the build host. Under cmocka's expect_assert_failure() it is what the test waits for;
 * anywhere else it fails the test. In a program without cmocka (fuzzing) it aborts.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernel/panic.h"

__attribute__((weak)) void mock_assert(const int result, const char *const expression,
				       const char *const file, const int line);

void panic(const char *fmt, ...)
{
	static char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (mock_assert)
		mock_assert(0, text, "panic", 0);
	fprintf(stderr, "panic: %s\n", text);
	abort();
}
