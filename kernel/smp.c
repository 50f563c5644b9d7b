/*
 * Starting the other processors, one after another. Each goes from boot/ap.asm to ap_main(), finds
 * out whether it is like the boot CPU, and then does what that one orders until it may run threads.
 */
#include "kernel/smp.h"

#include "drivers/apic.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/machine.h"
#include "kernel/smp_internal.h"
#include "kernel/thread.h"
#include "kernel/timer.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/kspace.h"
#include "mm/memmap.h"
#include "x86/insn.h"

#define INIT_NS (10 * NS_PER_MS)     /* SDM 3A 8.4.4.1 */
#define STARTUP_NS (200 * NS_PER_US) /* then the start is sent again */
#define ANSWER_NS (2 * NS_PER_SEC)   /* the host of an emulator may have other things to do */
/* 255 is everybody; more need x2APIC, which firmware sets */
#define APIC_ID_MAX 254

/* boot/ap.asm */
extern const u8 ap_trampoline[], ap_trampoline_end[];
extern u64 ap_cr3, ap_stack;
extern struct cpu *ap_cpu;
extern u32 ap_apic_id;
NORETURN void ap_main(struct cpu *cpu);

enum { AP_SILENT, AP_HERE, AP_REFUSES };

/* The conversation with the one that is being started; each field has one writer at a time. */
static struct {
	u32 state;
	u32 order; /* enum ap_order, from the boot CPU; back to AP_ORDER_NONE by the other */
	s64 value;
	char why[128]; /* with AP_REFUSES */
} ap ALIGNED(64);

static void say(u32 state)
{
	__atomic_store_n(&ap.state, state, __ATOMIC_RELEASE);
}

/* --- on the processor that starts, interrupts off --- */

static void carry_out(u32 order)
{
	if (order == AP_ORDER_READ_TSC)
		ap.value = (s64)tsc_ordered();
	else if (order == AP_ORDER_MOVE_TSC)
		tsc_move(ap.value);
	__atomic_store_n(&ap.order, AP_ORDER_NONE, __ATOMIC_RELEASE);
}

/* Whoever is given up gets an INIT, which ends this wherever it is. */
static void obey_until_go(void)
{
	u32 order = AP_ORDER_NONE;

	while (order != AP_ORDER_GO) {
		x86_pause();
		order = __atomic_load_n(&ap.order, __ATOMIC_ACQUIRE);
		if (order != AP_ORDER_NONE)
			carry_out(order);
	}
}

static NORETURN void refuse(void)
{
	say(AP_REFUSES);
	for (;;)
		x86_hlt();
}

void ap_main(struct cpu *cpu)
{
	if (!cpu_init_other(cpu, ap.why, sizeof(ap.why)))
		refuse();
	if (!lapic_init_other()) {
		snprintf(ap.why, sizeof(ap.why), "its local APIC is in x2APIC mode");
		refuse();
	}
	timer_setup();
	say(AP_HERE);
	obey_until_go();
	sched_idle();
}

/* --- on the boot processor --- */

/* Spins until *value is another one. */
static bool wait_while(const u32 *value, u32 old, u64 ns)
{
	u64 begin = x86_rdtsc(), limit = clock_ns_to_tsc(ns);

	while (__atomic_load_n(value, __ATOMIC_ACQUIRE) == old) {
		if (x86_rdtsc() - begin > limit)
			return false;
		x86_pause();
	}
	return true;
}

bool ap_order(enum ap_order order, s64 *value)
{
	bool done;

	ap.value = *value;
	__atomic_store_n(&ap.order, order, __ATOMIC_RELEASE);
	done = wait_while(&ap.order, order, ANSWER_NS);
	*value = ap.value;
	return done;
}

/* NULL: out of memory. What was had of it is kept, as that happens once if ever. */
static struct cpu *make_cpu(u32 apic_id)
{
	struct cpu *cpu = heap_alloc(sizeof(*cpu));

	if (!cpu || !cpu_alloc_stacks(cpu))
		return NULL;
	cpu->id = cpu_count;
	cpu->apic_id = apic_id;
	sched_init_cpu(cpu);
	return cpu;
}

/* Sends it to ap_main(). SDM 3A 8.4.4.1: the second start is for one that missed the first. */
static bool call_up(struct cpu *cpu, hpa_t page)
{
	ap_cr3 = kspace_root();
	ap_stack = (u64)cpu->idle->stack_top;
	ap_cpu = cpu;
	ap_apic_id = cpu->apic_id;
	ap.order = AP_ORDER_NONE;
	say(AP_SILENT);
	lapic_send_startup(cpu->apic_id, page);
	if (wait_while(&ap.state, AP_SILENT, STARTUP_NS))
		return true;
	lapic_send_startup(cpu->apic_id, page);
	return wait_while(&ap.state, AP_SILENT, ANSWER_NS);
}

static bool let_go(char *why, size_t size)
{
	s64 nothing = 0;
	bool gone = ap_order(AP_ORDER_GO, &nothing);

	if (!gone)
		snprintf(why, size, "does not answer any more");
	return gone;
}

static bool start(struct cpu *cpu, hpa_t page, char *why, size_t size)
{
	if (!call_up(cpu, page)) {
		snprintf(why, size, "does not answer");
		return false;
	}
	if (ap.state == AP_REFUSES) {
		snprintf(why, size, "%s", ap.why);
		return false;
	}
	return tsc_synchronise(why, size) && let_go(why, size);
}

/* From now on threads may come to it. */
static void welcome(struct cpu *cpu)
{
	cpu->online_since_ns = clock_now_ns();
	cpus[cpu->id] = cpu;
	WRITE_ONCE(cpu_count, cpu->id + 1);
	__atomic_or_fetch(&cpus_online, BIT(cpu->id), __ATOMIC_SEQ_CST);
}

static void start_one(u32 apic_id, hpa_t page)
{
	struct cpu *cpu = make_cpu(apic_id);
	char why[128] = "no memory";

	if (cpu && start(cpu, page, why, sizeof(why))) {
		welcome(cpu);
		return;
	}
	/* It waits for a start that never comes. Its memory stays: what if it has not heard us? */
	lapic_send_init(apic_id);
	log_warn("CPU with APIC ID %u: %s: left out", apic_id, why);
}

static unsigned cpus_allowed(void)
{
	char text[16];
	u64 n;

	if (!machine_option(&machine, "maxcpus", text, sizeof(text)))
		return CPUS_MAX;
	if (str_to_u64(text, &n) == 0 && n > 0)
		return (unsigned)MIN(n, (u64)CPUS_MAX);
	log_error("maxcpus=%s: not a number from 1 to %u", text, CPUS_MAX);
	return CPUS_MAX;
}

/* Those that the MADT names, but for the boot CPU, at most so many. */
static unsigned choose(u32 *apic_ids, unsigned max)
{
	unsigned count = 0;

	for (unsigned i = 0; i < machine.cpu_count && count < max; i++) {
		u32 id = machine.cpu_apic_id[i];

		if (id > APIC_ID_MAX)
			log_warn("CPU with APIC ID %u: needs x2APIC: left out", id);
		else if (id != cpus[0]->apic_id)
			apic_ids[count++] = id;
	}
	return count;
}

static void start_all(const u32 *apic_ids, unsigned count)
{
	hpa_t page = memmap_low_page(&machine);

	if (page == HPA_NONE) {
		log_warn("no RAM below 640 KiB to start %u CPUs from: left out", count);
		return;
	}
	memcpy(phys_to_virt(page), ap_trampoline, (size_t)(ap_trampoline_end - ap_trampoline));
	for (unsigned i = 0; i < count; i++)
		lapic_send_init(apic_ids[i]);
	thread_sleep_ns(INIT_NS);
	for (unsigned i = 0; i < count; i++)
		start_one(apic_ids[i], page);
}

void smp_start(void)
{
	u32 apic_ids[MACHINE_CPUS];
	unsigned count = choose(apic_ids, cpus_allowed() - 1);

	if (count == 0)
		return;
	thread_set_cpus(BIT(0)); /* the others are compared with the boot CPU */
	cpu_note_features();
	start_all(apic_ids, count);
	thread_set_cpus(CPUS_ANY);
	log_info("%u of %u CPUs in use", cpu_count, machine.cpu_count);
}
