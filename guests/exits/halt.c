/* HLT, MONITOR and MWAIT: sleep until an interrupt. */
#include "exits.h"

#define VECTOR 0x51

static volatile u32 count;
static volatile u64 woken_rip;

static void on_timer(struct trap_frame *frame)
{
	count++;
	woken_rip = frame->rip;
	lapic_eoi();
}

static void arm(u32 ticks)
{
	count = 0;
	lapic_write(LAPIC_TIMER_DIVIDE, TIMER_DIVIDE_16);
	lapic_write(LAPIC_LVT_TIMER, VECTOR);
	lapic_write(LAPIC_TIMER_INITIAL, ticks);
}

static void check_halt(void)
{
	u64 here;

	arm(100000);
	asm volatile("sti\n\thlt\n1:\tcli\n\tleaq 1b(%%rip), %0" : "=r"(here) : : "memory");
	check(count == 1 && woken_rip == here, "HLT ends with an interrupt, RIP behind it");
	arm(100000);
	asm volatile("sti\n\t.byte 0x48, 0xf4\n1:\tcli\n\tleaq 1b(%%rip), %0"
		     : "=r"(here)
		     :
		     : "memory");
	check(count == 1 && woken_rip == here, "HLT with a REX prefix");
	irq_off();
	lapic_self_ipi(VECTOR);
	count = 0;
	irq_on_and_halt();
	irq_off();
	check_eq(count, 1, "HLT does not sleep through a pending interrupt");
}

static void check_mwait(void)
{
	static volatile u64 line __attribute__((aligned(64)));

	if (!(cpuid(1, 0).ecx & CPUID1_ECX_MONITOR)) {
		if (!in_partition()) {
			check_skip("no MONITOR", "MONITOR and MWAIT");
			return;
		}
		TRY("monitor", : : "a"(&line), "c"(0), "d"(0) : "r11", "memory");
		check_fault(VEC_UD, 0, "MONITOR, which CPUID does not offer");
		TRY("mwait", : : "a"(0), "c"(0) : "r11", "memory");
		check_fault(VEC_UD, 0, "MWAIT, which CPUID does not offer");
		return;
	}
	TRY("monitor", : : "a"(&line), "c"(0), "d"(0) : "r11", "memory");
	check_no_fault("MONITOR");
	arm(100000);
	irq_on();
	asm volatile("mwait" : : "a"(0), "c"(0) : "memory");
	irq_off();
	check(wait_count(&count, 1, 5000), "MWAIT ends with an interrupt or earlier");
}

void exits_halt(void)
{
	pic_init();
	lapic_init();
	trap_set_handler(VECTOR, on_timer);
	check_halt();
	check_mwait();
	lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
	trap_set_handler(VECTOR, NULL);
}
