/* The boot, as a table of contents. boot/entry.asm and boot/multiboot2.c come before it. */
#include "kernel/main.h"
#include "drivers/acpi.h"
#include "drivers/apic.h"
#include "drivers/pic.h"
#include "drivers/uart.h"
#include "drivers/vga.h"
#include "kernel/cpu.h"
#include "kernel/irq.h"
#include "kernel/log.h"
#include "kernel/machine.h"
#include "kernel/monitor.h"
#include "kernel/panic.h"
#include "kernel/sched.h"
#include "kernel/selftest.h"
#include "kernel/smp.h"
#include "kernel/terminal.h"
#include "kernel/thread.h"
#include "kernel/timer.h"
#include "mm/frame.h"
#include "mm/kspace.h"
#include "vmm/partition.h"
#include "x86/insn.h"

static void greet(void)
{
	log_info("%s, %u CPU%s, TSC %lu MHz, %llu MiB, %u modules, by %s", cpu_features.brand,
		 machine.cpu_count, machine.cpu_count == 1 ? "" : "s",
		 (machine.tsc_khz + 500) / 1000, frame_count_total() * FRAME_SIZE / MIB,
		 machine.module_count, machine.loader);
}

static void init_interrupts(void)
{
	struct cpu *cpu = this_cpu();

	pic_disable(VECTOR_PIC_BASE);
	lapic_init(machine.lapic_base, VECTOR_TIMER, VECTOR_SPURIOUS, cpu_features.tsc_deadline);
	ioapic_init();
	cpu->apic_id = lapic_id();
	if (machine.cpu_count == 0)
		machine.cpu_apic_id[machine.cpu_count++] = cpu->apic_id;
}

/* What may wait for something: no business of the thread that becomes the idle one. */
static void init_thread(void *arg)
{
	(void)arg;
	smp_start();
	vmm_init();
	if (machine_option(&machine, "selftest", NULL, 0))
		selftest_start();
	else
		monitor_start();
}

static void start_init_thread(void)
{
	struct thread *t = thread_create("init", init_thread, NULL, PRIO_KERNEL);

	if (!t)
		panic("no memory for the first thread");
	thread_detach(t);
}

void kernel_main(void)
{
	cpu_init_boot();
	uart_init();
	vga_init(machine.vga_text);
	log_init();

	frame_init(&machine);
	kspace_init(&machine);
	if (!cpu_alloc_stacks(this_cpu()))
		panic("no memory for the boot CPU's stacks");

	if (acpi_parse(&machine) < 0)
		log_warn("no usable ACPI tables");
	init_interrupts();
	clock_init();
	greet();
	timer_setup();
	sched_init();
	smp_init();
	x86_sti();

	terminal_init();
	start_init_thread();
	sched_idle();
}
