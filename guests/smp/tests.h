/* What the files of the smp guest share. */
#ifndef GUEST_SMP_TESTS_H
#define GUEST_SMP_TESTS_H

#include "lib.h"
#include "smp.h"
#include "trap.h"

#define WAIT_MS 20000 /* how long anything may take before it counts as lost */
#define LAX_MS 500
#define SETTLE_MS 2 /* how long something gets to happen that should not */

#define VECTOR_LOW 0x51
#define VECTOR_MID 0x61
#define VECTOR_HIGH 0x81
#define VECTOR_TIMER 0x71
#define VECTOR_IOAPIC 0x91
#define VECTOR_ERROR 0xe1
#define VECTOR_ILLEGAL 5

void smp_test_start(void);
void smp_test_tables(void);
void smp_test_ipi(void);
void smp_test_nmi(void);
void smp_test_priority(void);
void smp_test_error(void);
void smp_test_init(void);
void smp_test_state(void);
void smp_test_timer(void);
void smp_test_ioapic(void);
void smp_test_race(void);
void smp_test_clock(void);
void smp_test_lock(void);
void smp_test_memory(void);
void smp_test_x2apic(void);

/* How often each processor got each vector, since got_clear(); receive.c. */
extern volatile u32 got[CPUS_MAX][256];

void got_clear(void);
/* Counts, and ends the interrupt. */
void on_interrupt(struct trap_frame *frame);
/* Every processor in `mask` has got `vector` this often, and no other has. */
bool got_is(u32 mask, u8 vector, u32 times);
u32 got_sum(u8 vector);
u32 all_cpus(void);

/* What the processors but the first do meanwhile; the first lets interrupts in while it waits. */
enum posture {
	SPINNING,      /* interrupts on */
	HALTED,	       /* in HLT, interrupts on */
	SPINNING_DEAF, /* interrupts off */
	HALTED_DEAF,   /* in HLT, interrupts off */
	POSTURES
};

extern const char *const posture_name[POSTURES];

/* From here on all others are in it, until others_resume(). */
void others_take(enum posture posture);
bool others_resume(void);
/* One alone, by a function that calls take_posture(). */
void one_takes(u32 n, cpu_function *function, enum posture posture);
/* The body of it, for one processor. */
void take_posture(void *posture);
/* One more for each turn of a processor that spins; says whether it runs. */
extern volatile u32 beat[CPUS_MAX];
bool beats(u32 n);

/* Waits with interrupts on. */
bool wait_got(u32 mask, u8 vector, u32 times);
/* The same for what some bare machine is known not to do: there not for long. */
bool wait_got_or_lax(u32 mask, u8 vector, u32 times);
void settle(void);

/* Gives this processor a logical ID of the flat model, if it is one of the first eight; ipi.c. */
void set_flat(void *arg);
/* Part of the x2apic group; `logical`: with logical destinations. */
void ipi_check_x2apic(bool logical);

/* `rounds=N` on the command line makes long tests longer; 1 without. */
u32 rounds(u32 standard);

#endif
