/*
 * Time for guests that have to bound a wait: the TSC, measured once against channel 2 of the 8254
 * through port 61h, as operating systems do. The tolerance of every check is generous, because
 * an emulated machine may be held up at any moment.
 */
#include "irq.h"

#define PIT_CHANNEL2 0x42
#define PIT_CONTROL 0x43
#define PIT_CH2_ONE_SHOT 0xb0
#define PORT_B 0x61
#define PORT_B_GATE2 0x01
#define PORT_B_SPEAKER 0x02
#define PORT_B_OUT2 0x20
#define CALIBRATE_MS 10
#define CALIBRATE_TRIES 3
#define CALIBRATE_GIVE_UP (1ull << 33)
#define TSC_PER_MS_IF_BROKEN 1000000

static u64 calibrate_once(void)
{
	u32 count = PIT_HZ * CALIBRATE_MS / 1000;
	u8 port_b = (u8)((inb(PORT_B) & ~PORT_B_SPEAKER) | PORT_B_GATE2);
	u64 start;

	outb(PORT_B, port_b);
	outb(PIT_CONTROL, PIT_CH2_ONE_SHOT);
	outb(PIT_CHANNEL2, (u8)count);
	outb(PIT_CHANNEL2, (u8)(count >> 8));
	start = rdtsc();
	while (!(inb(PORT_B) & PORT_B_OUT2)) {
		if (rdtsc() - start > CALIBRATE_GIVE_UP) {
			check(false, "channel 2 of the 8254 reaches its count");
			return TSC_PER_MS_IF_BROKEN;
		}
	}
	return (rdtsc() - start) / CALIBRATE_MS + 1;
}

/* A host that holds us up makes a measurement too long, never too short: the shortest is best. */
static u64 calibrate(void)
{
	u64 best = calibrate_once();

	for (u32 i = 1; i < CALIBRATE_TRIES && best != TSC_PER_MS_IF_BROKEN; i++) {
		u64 rate = calibrate_once();

		if (rate < best)
			best = rate;
	}
	return best;
}

u64 tsc_per_ms(void)
{
	static u64 rate;

	if (!rate)
		rate = calibrate();
	return rate;
}

u64 deadline_in_ms(u64 ms)
{
	u64 rate = tsc_per_ms();

	return rdtsc() + ms * rate;
}

/* Wait, with interrupts on, until a handler has counted so far; false when the time is up. */
bool wait_count(const volatile u32 *counter, u32 want, u64 ms)
{
	u64 deadline = deadline_in_ms(ms);
	bool done;

	irq_on();
	while (!(done = *counter >= want) && rdtsc() < deadline)
		;
	irq_off();
	return done;
}

void spin_us(u64 us)
{
	u64 deadline = rdtsc() + us * tsc_per_ms() / 1000;

	while (rdtsc() < deadline)
		asm volatile("pause");
}

void spin_ms(u64 ms)
{
	spin_us(ms * 1000);
}
