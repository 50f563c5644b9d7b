/*
 * bench: what the exits cost, measured by the TSC from inside. Under QEMU's -icount and in Bochs
 * the TSC counts instructions, so the figures are exact and repeat; elsewhere they are time.
 *	bench: NAME min N avg N rounds N
 * The cost of the measurement itself is subtracted.
 *	rounds=N	how often each is done (default 1000)
 *	what=exits	every kind of exit (default)
 *	what=cpuid	this one alone
 *	what=wake	from a timer's deadline to its handler in a processor that halts
 *	what=ipi	from the ICR's write to the handler in another processor
 *	name=TEXT	goes before the figures' names
 */
#include "bench.h"

#define VECTOR 0x51
#define CMOS_INDEX 0x70
#define HYPERCALL_NOP 0
#define POST_PORT 0x80
#define VOID_PORT 0x2f0

u64 overhead, rounds;
static char prefix[16];
static volatile u32 ipi_count;
static struct series eoi;

void series_add(struct series *s, u64 value)
{
	if (!s->count || value < s->min)
		s->min = value;
	s->sum += value;
	s->count++;
}

void series_print(const struct series *s, const char *name)
{
	u64 min = s->min > overhead ? s->min - overhead : 0;
	u64 average = s->count ? s->sum / s->count : 0;

	average = average > overhead ? average - overhead : 0;
	print("bench: %s%s min %llu avg %llu rounds %llu\n", prefix, name, min, average, s->count);
}

static void measure_overhead(void)
{
	struct series s = { 0, 0, 0 };

	for (u64 i = 0; i < rounds; i++) {
		u64 t = rdtsc();

		series_add(&s, rdtsc() - t);
	}
	overhead = s.min;
	print("bench: overhead %llu\n", overhead);
}

static void on_ipi(struct trap_frame *frame)
{
	u64 t = rdtsc();

	(void)frame;
	lapic_eoi();
	series_add(&eoi, rdtsc() - t);
	ipi_count++;
}

static void run_cpuid(void)
{
	u32 a = 0, b, c = 0, d;

	asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d) : : "memory");
}

static void run_hypercall(bool amd)
{
	u64 rax = HYPERCALL_NOP;

	if (amd)
		asm volatile(".byte 0x0f, 0x01, 0xd9" : "+a"(rax) : : "memory");
	else
		asm volatile(".byte 0x0f, 0x01, 0xc1" : "+a"(rax) : : "memory");
}

static void measure_instructions(void)
{
	bool amd = vendor_is_amd();

	MEASURE("cpuid", run_cpuid());
	if (in_partition())
		MEASURE("hypercall", run_hypercall(amd));
	MEASURE("rdmsr-apic-base", rdmsr(MSR_APIC_BASE));
	MEASURE("wrmsr-pat", wrmsr(MSR_PAT, 0x0007040600070406));
	MEASURE("cr0-write", write_cr0(read_cr0()));
	MEASURE("cr8-write", write_cr8(0));
	MEASURE("wbinvd", asm volatile("wbinvd" : : : "memory"));
}

static void measure_io(void)
{
	MEASURE("uart-lsr-read", inb(COM1 + UART_LSR));
	MEASURE("uart-scr-write", outb(COM1 + UART_SCR, 0));
	MEASURE("port-80-write", outb(POST_PORT, 0));
	MEASURE("stray-port-read", inb(VOID_PORT));
	MEASURE("cmos-index-write", outb(CMOS_INDEX, 0x0f));
}

static void measure_mmio(void)
{
	volatile u32 *window = phys(IOAPIC_BASE + IOAPIC_WINDOW);

	(void)ioapic_read(IOAPIC_REG_VER);
	MEASURE("ioapic-read", (void)*window);
	MEASURE("lapic-version-read", lapic_read(LAPIC_VERSION));
	MEASURE("lapic-tpr-write", lapic_write(LAPIC_TPR, 0));
	lapic_write(LAPIC_LVT_TIMER, LVT_MASKED | VECTOR);
	MEASURE("lapic-timer-arm", lapic_write(LAPIC_TIMER_INITIAL, 0x7fffffff));
	lapic_write(LAPIC_TIMER_INITIAL, 0);
}

static void send_and_wait(void)
{
	u32 before = ipi_count;

	lapic_self_ipi(VECTOR);
	while (ipi_count == before)
		;
}

static void halt_once(void)
{
	lapic_write(LAPIC_TIMER_INITIAL, 1);
	irq_on_and_halt();
	irq_off();
}

static void measure_interrupts(void)
{
	trap_set_handler(VECTOR, on_ipi);
	irq_on();
	MEASURE("self-ipi", send_and_wait());
	irq_off();
	series_print(&eoi, "lapic-eoi");
	lapic_write(LAPIC_TIMER_DIVIDE, TIMER_DIVIDE_1);
	lapic_write(LAPIC_LVT_TIMER, VECTOR);
	MEASURE("timer-halt-wake", halt_once());
	lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
}

static void measure_exits(void)
{
	measure_instructions();
	measure_io();
	measure_mmio();
	measure_interrupts();
	check_eq(eoi.count, rounds * 2, "every interrupt came once");
}

void guest_main(u32 mb_magic, u32 mb_info)
{
	(void)mb_magic;
	(void)mb_info;
	rounds = cmdline_number("rounds", 1000);
	if (!rounds)
		rounds = 1;
	cmdline_get("name", prefix, sizeof(prefix));
	print("bench: %s, %s\n", in_partition() ? "in a partition" : "not in a partition",
	      vendor_is_amd() ? "AMD" : "Intel");
	lapic_init();
	measure_overhead();
	if (cmdline_is("what", "cpuid"))
		MEASURE("cpuid", run_cpuid());
	else if (cmdline_is("what", "wake"))
		measure_wake();
	else if (cmdline_is("what", "ipi"))
		measure_ipi();
	else
		measure_exits();
}
