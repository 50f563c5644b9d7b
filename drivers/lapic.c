/* The local APIC, by memory (xAPIC) or by MSR (x2APIC). SDM 3A 10.4 to 10.12. */
#include "drivers/apic.h"
#include "kernel/panic.h"
#include "mm/kspace.h"
#include "x86/insn.h"
#include "x86/msr.h"

/* Register offsets, SDM 3A table 10-1. */
#define LAPIC_ID 0x020
#define LAPIC_TPR 0x080
#define LAPIC_EOI 0x0b0
#define LAPIC_LDR 0x0d0
#define LAPIC_DFR 0x0e0
#define LAPIC_SVR 0x0f0
#define LAPIC_ICR_LOW 0x300
#define LAPIC_ICR_HIGH 0x310
#define LAPIC_LVT_TIMER 0x320
#define LAPIC_LVT_THERMAL 0x330
#define LAPIC_LVT_PERF 0x340
#define LAPIC_LVT_LINT0 0x350
#define LAPIC_LVT_LINT1 0x360
#define LAPIC_LVT_ERROR 0x370
#define LAPIC_TIMER_INITIAL 0x380
#define LAPIC_TIMER_CURRENT 0x390
#define LAPIC_TIMER_DIVIDE 0x3e0
#define LAPIC_VERSION 0x030
#define LAPIC_SIZE 0x1000

#define SVR_ENABLE 0x100
#define DFR_FLAT 0xffffffff
#define LDR_SHIFT 24
#define LVT_MASKED 0x10000
#define LVT_NMI 0x400
#define LVT_TIMER_DEADLINE 0x40000
#define VERSION_MAX_LVT_SHIFT 16
#define TIMER_DIVIDE_BY_1 0x0b
#define ICR_PENDING 0x1000
#define ICR_ASSERT 0x4000
#define ICR_NMI 0x400
#define ICR_INIT 0x500
#define ICR_STARTUP 0x600 /* the vector is the page's number */
#define ICR_STARTUP_SHIFT 12
#define ICR_SELF 0x40000
#define ICR_DEST_SHIFT 24
#define APIC_BASE_ADDRESS MASK(51, 12)

/* Both are the boot processor's choice, constant after lapic_init(). */
static volatile u32 *registers; /* NULL: x2APIC */
static struct {
	u8 timer, spurious;
	bool tsc_deadline;
} vectors;

static u32 reg_read(unsigned reg)
{
	if (registers)
		return registers[reg / sizeof(u32)];
	return (u32)x86_rdmsr(MSR_X2APIC_BASE + reg / 16);
}

static void reg_write(unsigned reg, u32 value)
{
	if (registers)
		registers[reg / sizeof(u32)] = value;
	else
		x86_wrmsr(MSR_X2APIC_BASE + reg / 16, value);
}

static void map_registers(u64 base)
{
	u64 msr = x86_rdmsr(MSR_APIC_BASE);

	if (msr & APIC_BASE_X2APIC)
		return;
	registers = kspace_map_device(base ? base : msr & APIC_BASE_ADDRESS, LAPIC_SIZE);
	if (!registers)
		panic("no memory to map the local APIC");
}

/* Into the mode of the boot processor's. From x2APIC there is no way back but over "off". */
static bool enable(void)
{
	u64 msr = x86_rdmsr(MSR_APIC_BASE), mode = msr | APIC_BASE_ENABLE;

	if (msr & APIC_BASE_X2APIC)
		return !registers;
	if (mode != msr)
		x86_wrmsr(MSR_APIC_BASE, mode);
	if (!registers)
		x86_wrmsr(MSR_APIC_BASE, mode | APIC_BASE_X2APIC);
	return true;
}

/* SDM 3A 10.6.2.2. In x2APIC mode the processor has one, which cannot be changed. */
static void set_logical_id(void)
{
	if (!registers)
		return;
	reg_write(LAPIC_DFR, DFR_FLAT);
	reg_write(LAPIC_LDR, APIC_LOGICAL_OURS << LDR_SHIFT);
}

static void set_vectors(void)
{
	bool boot_cpu = x86_rdmsr(MSR_APIC_BASE) & APIC_BASE_BSP;
	u32 max_lvt = (reg_read(LAPIC_VERSION) >> VERSION_MAX_LVT_SHIFT) & 0xff;

	reg_write(LAPIC_SVR, SVR_ENABLE | vectors.spurious);
	set_logical_id();
	reg_write(LAPIC_TPR, 0);
	reg_write(LAPIC_LVT_LINT0, LVT_MASKED);
	reg_write(LAPIC_LVT_LINT1, boot_cpu ? LVT_NMI : LVT_MASKED);
	reg_write(LAPIC_LVT_ERROR, LVT_MASKED);
	if (max_lvt >= 4)
		reg_write(LAPIC_LVT_PERF, LVT_MASKED);
	if (max_lvt >= 5)
		reg_write(LAPIC_LVT_THERMAL, LVT_MASKED);
	reg_write(LAPIC_TIMER_DIVIDE, TIMER_DIVIDE_BY_1);
	reg_write(LAPIC_LVT_TIMER, vectors.timer | (vectors.tsc_deadline ? LVT_TIMER_DEADLINE : 0));
	__asm__ volatile("mfence" : : : "memory"); /* before the first deadline: SDM 3A 10.5.4.1 */
}

void lapic_init(u64 base, u8 timer_vector, u8 spurious_vector, bool tsc_deadline)
{
	vectors.timer = timer_vector;
	vectors.spurious = spurious_vector;
	vectors.tsc_deadline = tsc_deadline;
	map_registers(base);
	enable();
	set_vectors();
}

bool lapic_init_other(void)
{
	if (!enable())
		return false;
	set_vectors();
	return true;
}

u32 lapic_id(void)
{
	return registers ? reg_read(LAPIC_ID) >> ICR_DEST_SHIFT : reg_read(LAPIC_ID);
}

void lapic_eoi(void)
{
	reg_write(LAPIC_EOI, 0);
}

static void send_ipi(u32 apic_id, u32 command)
{
	if (!registers) { /* one 64-bit write, and no delivery status: SDM 3A 10.12.9 */
		__asm__ volatile("mfence" : : : "memory"); /* it orders nothing: 10.12.3 */
		x86_wrmsr(MSR_X2APIC_BASE + LAPIC_ICR_LOW / 16, (u64)apic_id << 32 | command);
		return;
	}
	while (reg_read(LAPIC_ICR_LOW) & ICR_PENDING)
		x86_pause();
	reg_write(LAPIC_ICR_HIGH, apic_id << ICR_DEST_SHIFT);
	reg_write(LAPIC_ICR_LOW, command);
}

/* An interrupt's own IPI must not fall between the halves. */
static void send_ipi_alone(u32 apic_id, u32 command)
{
	u64 flags = x86_irq_save();

	send_ipi(apic_id, ICR_ASSERT | command);
	x86_irq_restore(flags);
}

void lapic_send_ipi(u32 apic_id, u8 vector)
{
	send_ipi_alone(apic_id, vector);
}

void lapic_self_ipi(u8 vector)
{
	send_ipi_alone(0, ICR_SELF | vector);
}

void lapic_send_nmi(u32 apic_id)
{
	send_ipi_alone(apic_id, ICR_NMI);
}

void lapic_send_init(u32 apic_id)
{
	send_ipi_alone(apic_id, ICR_INIT);
}

void lapic_send_startup(u32 apic_id, hpa_t page)
{
	send_ipi_alone(apic_id, ICR_STARTUP | (u32)(page >> ICR_STARTUP_SHIFT));
}

void lapic_timer_oneshot(u32 ticks)
{
	reg_write(LAPIC_TIMER_INITIAL, ticks);
}

void lapic_timer_deadline(u64 tsc)
{
	x86_wrmsr(MSR_TSC_DEADLINE, tsc);
}

void lapic_timer_stop(void)
{
	if (reg_read(LAPIC_LVT_TIMER) & LVT_TIMER_DEADLINE)
		x86_wrmsr(MSR_TSC_DEADLINE, 0);
	else
		reg_write(LAPIC_TIMER_INITIAL, 0);
}

u32 lapic_timer_current(void)
{
	return reg_read(LAPIC_TIMER_CURRENT);
}
