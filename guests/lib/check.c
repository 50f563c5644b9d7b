/*
 * Checks in the form of TAP lines, the verdict, and the end of the machine.
 * The tests look for `verdict: PASS` and for no line that begins with `not ok`.
 */
#include "lib.h"

#define PM1A_CNT 0x604	       /* QEMU's and Partita's */
#define PM1A_CNT_BOCHS 0xb004  /* Bochs's */
#define PM1_SLP_EN_TYP0 0x2000 /* SLP_EN with SLP_TYP 0, S5 on all three (ACPI 6.4, 4.8.3.2.1) */
#define BOCHS_SHUTDOWN 0x8900

static u32 checks, failures, skips;

static void check_line(bool ok, const char *text, __builtin_va_list args)
{
	checks++;
	if (!ok)
		failures++;
	print("%s %u - ", ok ? "ok" : "not ok", checks);
	print_args(text, args);
}

void check(bool ok, const char *text, ...)
{
	__builtin_va_list args;

	__builtin_va_start(args, text);
	check_line(ok, text, args);
	__builtin_va_end(args);
	print("\n");
}

void check_eq(u64 got, u64 want, const char *text, ...)
{
	__builtin_va_list args;

	__builtin_va_start(args, text);
	check_line(got == want, text, args);
	__builtin_va_end(args);
	if (got != want)
		print(": got 0x%llx, want 0x%llx", got, want);
	print("\n");
}

/*
 * For what the manuals say and an emulator we know does otherwise: skipped on a bare machine that
 * differs, since that is not ours to mend; a partition has to do it right.
 */
void check_eq_or_lax(u64 got, u64 want, const char *text)
{
	if (got != want && !in_partition())
		check_skip("this machine does otherwise", "%s", text);
	else
		check_eq(got, want, "%s", text);
}

void check_range(u64 got, u64 low, u64 high, const char *text, ...)
{
	__builtin_va_list args;
	bool ok = got >= low && got <= high;

	__builtin_va_start(args, text);
	check_line(ok, text, args);
	__builtin_va_end(args);
	if (!ok)
		print(": got %llu, want %llu to %llu", got, low, high);
	print("\n");
}

void check_skip(const char *reason, const char *text, ...)
{
	__builtin_va_list args;

	__builtin_va_start(args, text);
	check_line(true, text, args);
	__builtin_va_end(args);
	skips++;
	print(" # skip %s\n", reason);
}

u32 check_failures(void)
{
	return failures;
}

void verdict(void)
{
	print("checks: %u, failed: %u, skipped: %u\n", checks, failures, skips);
	print("verdict: %s\n", failures ? "FAIL" : "PASS");
	power_off();
}

void power_off(void)
{
	const char *s;

	irq_off();
	outw(PM1A_CNT, PM1_SLP_EN_TYP0);
	if (!in_partition()) {
		outw(PM1A_CNT_BOCHS, PM1_SLP_EN_TYP0);
		for (s = "Shutdown"; *s; s++)
			outb(BOCHS_SHUTDOWN, (u8)*s);
	}
	for (;;)
		asm volatile("cli\n\thlt" : : : "memory");
}
