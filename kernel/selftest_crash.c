/*
 * Failures on purpose, for the tests of the panic and of the exception dump: the kernel option
 * selftest=panic, selftest=overflow or selftest=null.
 */
#include "kernel/panic.h"
#include "kernel/selftest.h"
#include "lib/string.h"
#include "mm/kspace.h"
#include "types.h"

static int overflow(unsigned depth)
{
	volatile u8 buffer[256];

	buffer[0] = (u8)depth;
	if (depth == 0)
		return 0;
	return overflow(depth - 1) + buffer[0];
}

static void write_to_null(void)
{
	volatile u8 *null = NULL;

	__asm__ volatile("" : "+r"(null)); /* the compiler must not see what it is */
	*null = 1;
}

void selftest_crash(const char *how)
{
	if (strcmp(how, "panic") == 0)
		panic("asked for by selftest=panic");
	if (strcmp(how, "overflow") == 0)
		overflow(KERNEL_STACK_SIZE);
	if (strcmp(how, "null") == 0)
		write_to_null();
}
