/*
 * Failures on purpose, for the tests of the panic and of the exception dump: the kernel option
 * selftest=panic, selftest=overflow, selftest=null or, with `make DEBUG=1`, selftest=deadlock.
 */
#include "kernel/panic.h"
#include "kernel/selftest.h"
#include "lib/spinlock.h"
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

#ifdef DEBUG
static struct spinlock crash_lock = SPINLOCK_INIT(LOCK_TEST);

static NOINLINE void take_again(void)
{
	spin_lock_raw(&crash_lock);
	spin_unlock_raw(&crash_lock);
}

static void wait_for_oneself(void)
{
	u64 flags = spin_lock_irq(&crash_lock);

	take_again();
	spin_unlock_irq(&crash_lock, flags);
}
#endif

void selftest_crash(const char *how)
{
	if (strcmp(how, "panic") == 0)
		panic("asked for by selftest=panic");
	if (strcmp(how, "overflow") == 0)
		overflow(KERNEL_STACK_SIZE);
	if (strcmp(how, "null") == 0)
		write_to_null();
#ifdef DEBUG
	if (strcmp(how, "deadlock") == 0)
		wait_for_oneself();
#endif
}
