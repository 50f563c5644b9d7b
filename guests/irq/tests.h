/* What the files of the irq guest share. */
#ifndef GUEST_IRQ_TESTS_H
#define GUEST_IRQ_TESTS_H

#include "irq.h"
#include "lib.h"
#include "trap.h"

#define WAIT_MS 5000 /* how long an interrupt may take before it counts as lost */
#define VECTOR_LOW 0x41
#define VECTOR_MID 0x61
#define VECTOR_HIGH 0x81
#define VECTOR_TIMER 0x71
#define VECTOR_IOAPIC 0x91

void irq_test_pic(void);
void irq_test_rtc(void);
void irq_test_ioapic(void);
void irq_test_timer(void);
void irq_test_ipi(void);
void irq_test_nmi(void);
void irq_test_shadow(void);
void irq_test_x2apic(void);

/* In order of arrival, the vectors that came; main.c. */
extern volatile u32 irq_count;
extern volatile u8 irq_log[64];
extern volatile u64 irq_rip;

void irq_log_clear(void);
void irq_log_add(const struct trap_frame *frame);

#endif
