/* The local APIC's timer, in each of its modes, on all processors at once (SDM 3A 11.5.4). */
#include "tests.h"

#define TICKS 10
#define ALARMS 5

/* Timer ticks of about a millisecond, divided by 16; measured by the first processor. */
static u32 ms_of_timer;

static volatile u32 early[CPUS_MAX], late[CPUS_MAX], more[CPUS_MAX];

static void timer_off(void)
{
	lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
	lapic_write(LAPIC_TIMER_INITIAL, 0);
}

static void measure(void)
{
	lapic_write(LAPIC_TIMER_DIVIDE, TIMER_DIVIDE_16);
	lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
	lapic_write(LAPIC_TIMER_INITIAL, 0xffffffff);
	spin_ms(4);
	ms_of_timer = (0xffffffff - lapic_read(LAPIC_TIMER_CURRENT)) / 4 + 1;
	timer_off();
}

static void one_shot(void *arg)
{
	u32 n = cpu_index();
	u64 start = rdtsc();

	(void)arg;
	lapic_write(LAPIC_TIMER_DIVIDE, TIMER_DIVIDE_16);
	lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER);
	lapic_write(LAPIC_TIMER_INITIAL, 3 * ms_of_timer);
	late[n] = !wait_count(&got[n][VECTOR_TIMER], 1, WAIT_MS);
	early[n] = rdtsc() - start < tsc_per_ms();
	settle();
	settle();
	more[n] = got[n][VECTOR_TIMER] - 1;
	timer_off();
}

static void periodic(void *arg)
{
	u32 n = cpu_index();
	u64 start = rdtsc();

	(void)arg;
	lapic_write(LAPIC_TIMER_DIVIDE, TIMER_DIVIDE_16);
	lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER | LVT_TIMER_PERIODIC);
	lapic_write(LAPIC_TIMER_INITIAL, ms_of_timer);
	late[n] = !wait_count(&got[n][VECTOR_TIMER], TICKS, WAIT_MS);
	early[n] = rdtsc() - start < TICKS / 2 * tsc_per_ms();
	timer_off();
	settle();
	got[n][VECTOR_TIMER] = 0;
	settle();
	more[n] = got[n][VECTOR_TIMER];
}

static void deadlines(void *arg)
{
	u32 n = cpu_index();

	(void)arg;
	lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER | LVT_TIMER_DEADLINE);
	early[n] = late[n] = 0;
	for (u32 i = 0; i < ALARMS; i++) {
		u64 when = rdtsc() + tsc_per_ms();

		got[n][VECTOR_TIMER] = 0;
		wrmsr(MSR_TSC_DEADLINE, when);
		late[n] += !wait_count(&got[n][VECTOR_TIMER], 1, WAIT_MS);
		early[n] += rdtsc() < when;
	}
	settle();
	more[n] = got[n][VECTOR_TIMER] - 1;
	timer_off();
}

/* One that sleeps is woken by its own timer. */
static void asleep(void *arg)
{
	u32 n = cpu_index();

	(void)arg;
	early[n] = late[n] = more[n] = 0;
	lapic_write(LAPIC_TIMER_DIVIDE, TIMER_DIVIDE_16);
	lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER);
	for (u32 i = 0; i < ALARMS; i++) {
		got[n][VECTOR_TIMER] = 0;
		lapic_write(LAPIC_TIMER_INITIAL, ms_of_timer / 4 + n * 1000);
		while (!got[n][VECTOR_TIMER]) {
			irq_on_and_halt();
			irq_off();
		}
	}
	timer_off();
}

static u32 sum(const volatile u32 *of)
{
	u32 all = 0;

	for (u32 n = 0; n < cpu_count; n++)
		all += of[n];
	return all;
}

static void check_mode(const char *name, cpu_function *mode)
{
	got_clear();
	check(cpus_run(mode, NULL, 3 * WAIT_MS), "%s, on all at once: they return", name);
	check_eq(sum(late), 0, "%s, on all at once: it comes to each", name);
	check_eq(sum(early), 0, "%s, on all at once: not before its time", name);
	check_eq(sum(more), 0, "%s, on all at once: and no more often", name);
}

void smp_test_timer(void)
{
	trap_set_handler(VECTOR_TIMER, on_interrupt);
	measure();
	check_mode("one-shot", one_shot);
	check_mode("periodic", periodic);
	check_mode("in HLT", asleep);
	if (cpuid(1, 0).ecx & CPUID1_ECX_TSC_DEADLINE)
		check_mode("TSC deadline", deadlines);
	else
		check_skip("CPUID does not offer it", "TSC deadline");
}
