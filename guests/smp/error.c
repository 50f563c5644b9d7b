/* The error status register and its interrupt (SDM 3A 11.5.3), on the sender and the receiver. */
#include "tests.h"

#define ESR_SEND_ILLEGAL 0x20
#define ESR_RECEIVE_ILLEGAL 0x40

static volatile u32 esr[CPUS_MAX];

/* ESR shows what has gathered since it was last written. */
static u32 read_esr(void)
{
	lapic_write(LAPIC_ESR, 0);
	return lapic_read(LAPIC_ESR);
}

static void on_error(struct trap_frame *frame)
{
	esr[cpu_index()] = read_esr();
	on_interrupt(frame);
}

static void arm(void *arg)
{
	(void)arg;
	(void)read_esr();
	lapic_write(LAPIC_LVT_ERROR, VECTOR_ERROR);
}

static void disarm(void *arg)
{
	(void)arg;
	lapic_write(LAPIC_LVT_ERROR, LVT_MASKED);
	(void)read_esr();
}

static void send_illegal(void *to)
{
	irq_on();
	lapic_ipi(*(const u32 *)to, VECTOR_ILLEGAL);
	for (u32 i = 0; i < 1000; i++)
		cpu_pause();
	irq_off();
}

/* Each processor sends one to the first. */
static void check_send(void)
{
	u32 wrong = 0;

	for (u32 n = 0; n < cpu_count; n++) {
		got_clear();
		esr[n] = 0;
		if (n) {
			cpu_call(n, send_illegal, &cpus[0].apic_id);
			cpu_wait(n, WAIT_MS);
		} else {
			send_illegal(&cpus[0].apic_id);
		}
		settle();
		wrong += !got_is(1u << n, VECTOR_ERROR, 1) || esr[n] != ESR_SEND_ILLEGAL;
	}
	check_eq_or_lax(wrong, 0,
			"a vector below 16 sent: ESR and the error interrupt of the sender");
}

/* An edge of the 8254 becomes a message with an illegal vector. */
static void check_receive(void)
{
	u32 to = cpu_count - 1, gsi = madt_isa_gsi(IRQ_PIT);
	u8 reg = (u8)(IOAPIC_REG_TABLE + 2 * gsi);

	got_clear();
	esr[to] = 0;
	ioapic_write((u8)(reg + 1), cpus[to].apic_id << 24);
	ioapic_write(reg, VECTOR_ILLEGAL);
	others_take(SPINNING);
	pit_start(PIT_ONE_SHOT, 1193);
	irq_on();
	WAIT_FOR(got[to][VECTOR_ERROR], in_partition() ? WAIT_MS : 100);
	irq_off();
	settle();
	ioapic_write(reg, IOAPIC_MASKED);
	pit_stop();
	check(others_resume(), "all go on");
	check_eq_or_lax(esr[to], ESR_RECEIVE_ILLEGAL, "a vector below 16 received: ESR");
	check_eq_or_lax(got[to][VECTOR_ERROR], 1, "a vector below 16 received: its interrupt");
	check_eq(got_sum(VECTOR_ERROR), got[to][VECTOR_ERROR], "and none for the others");
}

void smp_test_error(void)
{
	if (on_bare_tcg()) {
		check_skip("QEMU delivers them", "vectors below 16");
		return;
	}
	trap_set_handler(VECTOR_ERROR, on_error);
	check(cpus_run(arm, NULL, WAIT_MS), "all have an error interrupt");
	check_send();
	check_receive();
	cpus_run(disarm, NULL, WAIT_MS);
}
