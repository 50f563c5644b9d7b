/*
 * noise: prints numbered lines as fast as it can, for tests of the console, its ring and its
 * fairness. `lines=N` ends after N lines with a verdict; without it there is no end.
 */
#include "lib.h"

void guest_main(u32 mb_magic, u32 mb_info)
{
	u64 lines = cmdline_number("lines", 0);

	(void)mb_magic;
	(void)mb_info;
	print("noise: lines=%llu\n", lines);
	for (u64 i = 1; lines == 0 || i <= lines; i++)
		print("noise: line %llu the quick brown fox jumps over the lazy dog\n", i);
	check(true, "all lines are printed");
}
