/*
 * Memory that changes under the others' feet: pages that are mapped elsewhere, with the shoot-down
 * by interrupt that this takes (SDM 3A 4.10.5), and code (SDM 3A 9.1.3).
 */
#include "paging.h"
#include "tests.h"

#define SHOOTDOWNS 40
#define PATCHES 40
#define FRAMES 4

static u64 frames[FRAMES][512] __attribute__((aligned(4096)));
static volatile u64 *page;
static volatile u32 current, acks, stale, stray, reads[CPUS_MAX];
static volatile bool stop;
static bool by_cr3;

/* The page shows the frame that is mapped, or, until the shoot-down, the one before. */
static void read_page(void *arg)
{
	u32 n = cpu_index();

	(void)arg;
	irq_on();
	while (!stop) {
		u32 before = current;
		u64 value = *page;
		u32 after = current;

		if (value < before || value > after + 1)
			stray++;
		reads[n]++;
	}
	irq_off();
}

/* Behind the acknowledgement nobody may see the old frame. */
static void on_shootdown(struct trap_frame *frame)
{
	(void)frame;
	if (by_cr3)
		write_cr3(read_cr3());
	else
		invlpg((const void *)page);
	if (*page != current + 1)
		stale++;
	__atomic_add_fetch(&acks, 1, __ATOMIC_SEQ_CST);
	lapic_eoi();
}

static void shoot(u32 number)
{
	u64 *frame = frames[number % FRAMES];

	frame[0] = number; /* not mapped anywhere for three rounds */
	acks = 0;
	window_map(0, (u64)frame | PTE_PRESENT | PTE_WRITE);
	lapic_ipi(0, ICR_OTHERS | VECTOR_MID);
	WAIT_FOR(acks == cpu_count - 1, WAIT_MS);
	current = number;
}

static void flush(void *arg)
{
	(void)arg;
	window_flush();
}

static void check_shootdown(const char *how)
{
	u32 count = rounds(SHOOTDOWNS), starved = 0;

	frames[0][0] = 0;
	page = window_map(0, (u64)frames[0] | PTE_PRESENT | PTE_WRITE);
	cpus_run(flush, NULL, WAIT_MS);
	current = stale = stray = 0;
	stop = false;
	for (u32 n = 0; n < cpu_count; n++)
		reads[n] = 0;
	trap_set_handler(VECTOR_MID, on_shootdown);
	cpus_call_others(read_page, NULL);
	for (u32 i = 1; i <= count; i++)
		shoot(i);
	stop = true;
	check(cpus_wait_others(WAIT_MS), "shoot-down by %s: all return", how);
	for (u32 n = 1; n < cpu_count; n++)
		starved += reads[n] == 0;
	check_eq(starved, 0, "shoot-down by %s: all have read", how);
	check_eq(stale, 0, "shoot-down by %s: none sees the old page afterwards", how);
	check_eq(stray, 0, "shoot-down by %s: none sees another", how);
	trap_set_handler(VECTOR_MID, on_interrupt);
}

/* mov eax, imm32; ret */
static u8 code[16] __attribute__((aligned(16))) = { 0xb8, 0, 0, 0, 0, 0xc3 };
static volatile u32 version, runs;

static u32 run_code(void)
{
	u32 value;

	asm volatile("call *%1" : "=a"(value) : "r"(code) : "memory");
	return value;
}

/* Waits for each version, serializes, and runs it. */
static void run_versions(void *arg)
{
	u32 count = *(const u32 *)arg;

	for (u32 v = 1; v <= count; v++) {
		if (!WAIT_FOR(__atomic_load_n(&version, __ATOMIC_ACQUIRE) == v, WAIT_MS))
			return;
		(void)cpuid(0, 0);
		if (run_code() != v)
			stale++;
		__atomic_add_fetch(&runs, 1, __ATOMIC_SEQ_CST);
	}
}

static void check_cross_modifying(void)
{
	u32 count = rounds(PATCHES);
	bool all = true;

	stale = version = runs = 0;
	cpus_call_others(run_versions, &count);
	for (u32 v = 1; v <= count && all; v++) {
		memcpy(code + 1, &v, sizeof(v));
		__atomic_store_n(&version, v, __ATOMIC_RELEASE);
		(void)cpuid(0, 0);
		if (run_code() != v)
			stale++;
		all = WAIT_FOR(runs == v * (cpu_count - 1), WAIT_MS);
	}
	check(cpus_wait_others(2 * WAIT_MS) && all, "code changed %u times: all run it", count);
	check_eq(stale, 0, "code that one processor changes: the others run the new");
}

void smp_test_memory(void)
{
	window_init();
	if (cpu_count > 1) {
		by_cr3 = false;
		check_shootdown("INVLPG");
		by_cr3 = true;
		check_shootdown("CR3");
	}
	check_cross_modifying();
}
