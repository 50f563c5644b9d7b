/*
 * The interrupt hardware of a PC, as thin as it gets: the 8259 pair, the 8254, the local APIC and
 * the I/O APIC, and a clock made of the TSC and the 8254 to bound every wait.
 */
#ifndef GUEST_IRQ_H
#define GUEST_IRQ_H

#include "lib.h"

/* 8259: pic.c */
#define PIC_BASE 0x20 /* vector of IRQ 0; IRQ 8 has 0x28 */
#define IRQ_PIT 0
#define IRQ_COM1 4
#define IRQ_RTC 8

void pic_init(void);
void pic_mask_all(void);
void pic_unmask(u32 irq);
void pic_mask(u32 irq);
void pic_eoi(u32 irq);
u16 pic_irr(void);
u16 pic_isr(void);

/* 8254: pit.c */
#define PIT_HZ 1193182u

enum pit_mode {
	PIT_ONE_SHOT = 0,
	PIT_RATE = 2,
	PIT_SQUARE = 3,
};

void pit_start(enum pit_mode mode, u16 count);
void pit_stop(void);
u16 pit_read(void);
u8 pit_status(void);

/* local APIC: apic.c; registers of SDM 3A table 11-1 */
#define LAPIC_BASE 0xfee00000ul

enum lapic_register {
	LAPIC_ID = 0x20,
	LAPIC_VERSION = 0x30,
	LAPIC_TPR = 0x80,
	LAPIC_PPR = 0xa0,
	LAPIC_EOI = 0xb0,
	LAPIC_LDR = 0xd0,
	LAPIC_DFR = 0xe0,
	LAPIC_SVR = 0xf0,
	LAPIC_ISR = 0x100,
	LAPIC_TMR = 0x180,
	LAPIC_IRR = 0x200,
	LAPIC_ESR = 0x280,
	LAPIC_ICR_LOW = 0x300,
	LAPIC_ICR_HIGH = 0x310,
	LAPIC_LVT_TIMER = 0x320,
	LAPIC_LVT_LINT0 = 0x350,
	LAPIC_LVT_LINT1 = 0x360,
	LAPIC_LVT_ERROR = 0x370,
	LAPIC_TIMER_INITIAL = 0x380,
	LAPIC_TIMER_CURRENT = 0x390,
	LAPIC_TIMER_DIVIDE = 0x3e0,
};

#define LAPIC_SVR_ENABLE 0x100
#define LAPIC_SPURIOUS 0xff
#define LVT_MASKED 0x10000
#define LVT_EXTINT 0x700
#define LVT_TIMER_PERIODIC 0x20000
#define LVT_TIMER_DEADLINE 0x40000
#define ICR_LOWEST 0x100
#define ICR_NMI 0x400
#define ICR_INIT 0x500
#define ICR_STARTUP 0x600
#define ICR_LOGICAL 0x800
#define ICR_PENDING 0x1000
#define ICR_ASSERT 0x4000
#define ICR_TRIGGER_LEVEL 0x8000
#define ICR_SELF 0x40000
#define ICR_ALL 0x80000
#define ICR_OTHERS 0xc0000
#define TIMER_DIVIDE_1 0xb
#define TIMER_DIVIDE_16 0x3

/* Set while all processors are in x2APIC mode: then these go by MSR. */
extern volatile bool lapic_x2apic;

u32 lapic_read(u32 reg);
void lapic_write(u32 reg, u32 value);
void lapic_init(void);
void lapic_enable(void);
u32 lapic_id(void);
/* A message: `low` is the ICR's lower half, `dest` the ID or logical ID as the mode has it. */
void lapic_ipi(u32 dest, u32 low);
void lapic_eoi(void);
bool lapic_bit(u32 reg, u8 vector);
void lapic_self_ipi(u8 vector);

/* I/O APIC: apic.c; registers of the 82093AA data sheet */
#define IOAPIC_BASE 0xfec00000ul
#define IOAPIC_SELECT 0x00
#define IOAPIC_WINDOW 0x10
#define IOAPIC_REG_ID 0x00
#define IOAPIC_REG_VER 0x01
#define IOAPIC_REG_TABLE 0x10
#define IOAPIC_LEVEL 0x8000
#define IOAPIC_REMOTEIRR 0x4000
#define IOAPIC_MASKED 0x10000

u32 ioapic_read(u8 reg);
void ioapic_write(u8 reg, u32 value);
void ioapic_route(u32 gsi, u32 low);
void ioapic_mask_all(void);

/* the MADT's word on where an ISA interrupt arrives: acpi.c */
u32 madt_isa_gsi(u32 irq);

/* clock.c */
u64 tsc_per_ms(void);
u64 deadline_in_ms(u64 ms);
bool wait_count(const volatile u32 *counter, u32 want, u64 ms);
void spin_ms(u64 ms);
void spin_us(u64 us);

#endif
