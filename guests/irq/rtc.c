/* The real-time clock's periodic interrupt, IRQ 8, through the second 8259 (MC146818A). */
#include "tests.h"

#define CMOS_INDEX 0x70
#define CMOS_DATA 0x71
#define RTC_A 0x0a
#define RTC_B 0x0b
#define RTC_C 0x0c
#define RTC_D 0x0d
#define RTC_A_1024_HZ 0x26
#define RTC_B_PIE 0x40
#define RTC_C_IRQF_PF 0xc0
#define RTC_D_VALID 0x80

static volatile u8 last_c;
static volatile bool acknowledge;

static u8 rtc_read(u8 reg)
{
	outb(CMOS_INDEX, reg);
	return inb(CMOS_DATA);
}

static void rtc_write(u8 reg, u8 value)
{
	outb(CMOS_INDEX, reg);
	outb(CMOS_DATA, value);
}

static void on_rtc(struct trap_frame *frame)
{
	irq_log_add(frame);
	if (acknowledge)
		last_c = rtc_read(RTC_C);
	pic_eoi(IRQ_RTC);
}

void irq_test_rtc(void)
{
	u8 old_a = rtc_read(RTC_A), old_b = rtc_read(RTC_B);

	check(rtc_read(RTC_D) & RTC_D_VALID, "RTC: register D says the battery is good");
	trap_set_handler(PIC_BASE + IRQ_RTC, on_rtc);
	irq_log_clear();
	acknowledge = true;
	rtc_write(RTC_A, RTC_A_1024_HZ);
	(void)rtc_read(RTC_C);
	pic_unmask(IRQ_RTC);
	rtc_write(RTC_B, old_b | RTC_B_PIE);
	check(wait_count(&irq_count, 8, WAIT_MS), "RTC: 8 periodic interrupts on IRQ 8");
	check_eq(last_c & RTC_C_IRQF_PF, RTC_C_IRQF_PF, "RTC: register C has IRQF and PF");
	acknowledge = false;
	irq_log_clear();
	irq_on();
	spin_ms(30);
	irq_off();
	check(irq_count <= 1, "RTC: no more of them while register C is not read");
	rtc_write(RTC_B, old_b);
	rtc_write(RTC_A, old_a);
	(void)rtc_read(RTC_C);
	pic_mask_all();
}
