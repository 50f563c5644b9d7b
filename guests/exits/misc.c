/* The rest: caches, time, PAUSE, descriptor tables. */
#include "exits.h"

u32 survive_memory(void);

static void check_caches(void)
{
	static volatile u8 byte = 0x42;

	TRY("wbinvd", : : : "r11", "memory");
	check_no_fault("WBINVD");
	/* A monitor must write back instead: other people's data is in the cache. */
	byte = 0x43;
	TRY("invd", : : : "r11", "memory");
	check_no_fault("INVD");
	check_eq(byte, 0x43, "INVD loses nothing");
	TRY("clflush (%0)", : : "r"(&byte) : "r11", "memory");
	check_no_fault("CLFLUSH");
}

static void check_time(void)
{
	u64 last = rdtsc(), now;
	bool ok = true;

	for (u32 i = 0; i < 10000; i++) {
		now = rdtsc();
		if (i % 1000 == 0)
			cpuid(0, 0);
		ok = ok && now >= last;
		last = now;
	}
	check(ok, "the TSC never goes back, with and without exits");
	if (cpuid(0x80000001, 0).edx & CPUID81_EDX_RDTSCP) {
		u32 low, high, aux;

		wrmsr(MSR_TSC_AUX, 0x1234);
		asm volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(aux) : : "memory");
		now = (u64)high << 32 | low;
		check(now >= last && aux == 0x1234, "RDTSCP gives the TSC and TSC_AUX");
		wrmsr(MSR_TSC_AUX, 0);
	} else {
		check_skip("no RDTSCP", "RDTSCP gives the TSC and TSC_AUX");
	}
}

static void check_tables(void)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) table;
	u64 ldt = ~0ull;

	asm volatile("sidt %0" : "=m"(table));
	check(table.base == (u64)idt && table.limit == sizeof(idt) - 1, "SIDT");
	asm volatile("lidt %0" : : "m"(table));
	asm volatile("sgdt %0\n\tlgdt %0" : "+m"(table));
	check_eq(table.limit, 39, "SGDT and LGDT"); /* five descriptors: start.asm */
	asm volatile("lldt %w0" : : "r"(0));
	asm volatile("sldt %0" : "=r"(ldt));
	check_eq(ldt & 0xffff, 0, "LLDT and SLDT");
}

void exits_misc(void)
{
	check_caches();
	check_time();
	check_tables();
	for (u32 i = 0; i < 200; i++)
		asm volatile("pause" : : : "memory");
	check(true, "PAUSE, 200 times");
	check_eq(survive_memory(), 0, "a device's register changes no other register");
}
