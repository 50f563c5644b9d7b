/*
 * fpu: the x87, SSE and AVX (AVX-512 too) registers and XCR0 belong to the guest, however often
 * it is preempted. Run two of them at once with different seeds: each fills all registers with a
 * pattern made from its seed, works for a while, and compares. Odd seeds narrow XCR0 in every
 * second round, so that a monitor which forgets XCR0 mixes the two up.
 *	seed=N	the pattern (default 1)	rounds=N  how often (default 16)
 *	work=N	length of a round (default 2000, about 4 million instructions)
 */
#include "fpu.h"

#define XCR0_X87 (1ull << 0)
#define XCR0_SSE (1ull << 1)
#define XCR0_AVX (1ull << 2)
#define XCR0_AVX512 (7ull << 5)
#define MXCSR_OFFSET 24
#define MXCSR_MASK 0xffbf /* without DAZ, which not every processor has */
#define FCW_OFFSET 0
#define FSW_OFFSET 2
#define FTW_OFFSET 4
#define ST_OFFSET 32
#define XMM_OFFSET 160

static u8 load[AREA_SIZE] __attribute__((aligned(64)));
static u8 store[AREA_SIZE] __attribute__((aligned(64)));
static u64 all_components;
static u64 random_state;

/* xorshift64*: two seeds never give the same pattern. */
static u64 random_next(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1d;
}

static void fill(u8 *at, size_t size)
{
	for (size_t i = 0; i < size; i++)
		at[i] = (u8)(random_next() >> 32);
}

static void write_xcr0(u64 value)
{
	asm volatile("xsetbv" : : "c"(0), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

static u64 read_xcr0(void)
{
	u32 low, high;

	asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0) : "memory");
	return (u64)high << 32 | low;
}

static void enable(void)
{
	struct cpuid id;
	u64 offered;

	write_cr0((read_cr0() | CR0_MP | CR0_NE) & ~(CR0_EM | CR0_TS));
	write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT);
	all_components = XCR0_X87 | XCR0_SSE;
	if (!(cpuid(1, 0).ecx & CPUID1_ECX_XSAVE))
		return;
	write_cr4(read_cr4() | CR4_OSXSAVE);
	id = cpuid(0xd, 0);
	offered = (u64)id.edx << 32 | id.eax;
	all_components |= offered & XCR0_AVX;
	if ((offered & (XCR0_AVX | XCR0_AVX512)) == (XCR0_AVX | XCR0_AVX512))
		all_components |= XCR0_AVX512;
	write_xcr0(all_components);
}

/* A component's place in the standard format: CPUID leaf 0Dh. */
static bool component(u32 number, u32 *offset, u32 *size)
{
	struct cpuid id = cpuid(0xd, number);

	*size = id.eax;
	*offset = id.ebx;
	return id.eax && id.ebx + id.eax <= AREA_SIZE;
}

/* An image of all registers: numbers that mean nothing, control words that are legal. */
static void make_image(u64 mask)
{
	u32 offset, size, mxcsr;
	u16 fcw;

	memset(load, 0, sizeof(load));
	fcw = (u16)(0x007f | (random_next() & 0x0f00)); /* precision, rounding; all masked */
	mxcsr = (u32)(0x1f80 | (random_next() & 0xe03f & MXCSR_MASK));
	memcpy(load + FCW_OFFSET, &fcw, 2);
	load[FSW_OFFSET + 1] = (u8)(random_next() & 0x38); /* top of stack */
	load[FTW_OFFSET] = 0xff;			   /* all eight in use */
	memcpy(load + MXCSR_OFFSET, &mxcsr, 4);
	for (u32 i = 0; i < 8; i++)
		fill(load + ST_OFFSET + (size_t)i * 16, 10);
	fill(load + XMM_OFFSET, 16 * 16);
	for (u32 i = 2; i < 8; i++)
		if (mask & 1ull << i && component(i, &offset, &size))
			fill(load + offset, size);
	memcpy(load + LEGACY_SIZE, &mask, 8); /* XSTATE_BV */
}

static bool same(u32 offset, u32 size, u32 round, const char *what)
{
	for (u32 i = offset; i < offset + size; i++) {
		if (load[i] == store[i])
			continue;
		check(false, "round %u: %s, byte %u: got 0x%02x, want 0x%02x", round, what,
		      i - offset, store[i], load[i]);
		return false;
	}
	return true;
}

static bool compare(u64 mask, u32 round)
{
	static const char *const names[] = { "x87",    "SSE",	  "AVX",       "BNDREGS",
					     "BNDCSR", "opmasks", "upper ZMM", "ZMM 16 to 31" };
	u32 offset, size;
	bool ok = same(FCW_OFFSET, 5, round, "x87 control, status and tags") &&
		  same(MXCSR_OFFSET, 4, round, "MXCSR") &&
		  same(XMM_OFFSET, 16 * 16, round, "XMM registers");

	for (u32 i = 0; ok && i < 8; i++)
		ok = same(ST_OFFSET + i * 16, 10, round, "x87 registers");
	for (u32 i = 2; ok && i < 8; i++)
		if (mask & 1ull << i && component(i, &offset, &size))
			ok = same(offset, size, round, names[i]);
	return ok;
}

static void run_round(u32 round, u64 work, bool narrow, bool xsave)
{
	u64 mask = narrow ? XCR0_X87 | XCR0_SSE : all_components;

	if (xsave)
		write_xcr0(mask);
	make_image(mask);
	memset(store, 0, sizeof(store));
	(xsave ? fpu_run : fpu_run_fxsave)(load, store, mask, work);
	if (xsave && read_xcr0() != mask)
		check_eq(read_xcr0(), mask, "round %u: XCR0", round);
	else if (compare(mask, round))
		check(true, "round %u: components 0x%llx are unchanged", round, mask);
}

void guest_main(u32 mb_magic, u32 mb_info)
{
	u64 seed = cmdline_number("seed", 1), rounds = cmdline_number("rounds", 16);
	u64 work = cmdline_number("work", 2000);
	bool xsave = cpuid(1, 0).ecx & CPUID1_ECX_XSAVE;

	(void)mb_magic;
	(void)mb_info;
	random_state = seed * 0x9e3779b97f4a7c15 | 1;
	enable();
	print("fpu: seed=%llu rounds=%llu work=%llu components=0x%llx\n", seed, rounds, work,
	      all_components);
	for (u32 round = 1; round <= rounds; round++)
		run_round(round, work ? work : 1, (seed & 1) && !(round & 1), xsave);
}
