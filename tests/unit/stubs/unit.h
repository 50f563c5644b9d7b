#pragma once
/* What every unit test includes first: cmocka and the headers that it wants before itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compiler.h"
#include "types.h"

/* A small generator for randomized tests: the same numbers in every run. */
static inline u64 unit_random(u64 *state)
{
	u64 x = *state += 0x9e3779b97f4a7c15ull;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

/* Every second one is at some border. */
static inline u64 unit_interesting(u64 *seed)
{
	static const u64 values[] = { 0,
				      1,
				      0x7f,
				      0x80,
				      0xff,
				      0x7fff,
				      0x8000,
				      0xffff,
				      0x7fffffff,
				      0x80000000,
				      0xffffffff,
				      0x7fffffffffffffff,
				      0x8000000000000000,
				      ~0ull };
	u64 r = unit_random(seed);

	return r & 1 ? unit_random(seed) : values[(r >> 1) % ARRAY_SIZE(values)];
}
