// SOURCES: vmm/dev/vlapic.c vmm/dev/vlapic_ipi.c vmm/dev/vlapic_regs.c vmm/dev/vlapic_timer.c
// SOURCES: vmm/dev/vioapic.c vmm/iobus.c vmm/vclock.c
// SANITIZE: thread
// LINK: -pthread
/*
 * Local APICs whose owners take and end interrupts while others send, in real threads under
 * ThreadSanitizer. Every message carries a vector that only its sender uses for that purpose, and
 * is sent again only when it has been taken: so each must be taken exactly once. An owner with
 * nothing to do sleeps until hooks.wake, or until what it has sent is taken: a wake-up that is
 * missing ends in the alarm.
 */
#include "tests/unit/stubs/unit.h"

#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "vmm/dev/vioapic.h"
#include "vmm/dev/vlapic.h"
#include "vmm/dev/vlapic_regs.h"
#include "vmm/iobus.h"

#define CPUS 4
#define ROUNDS 4000
#define SECONDS 60

/* Vectors: those of owner s begin at IPI(s). */
enum { TO_CPU, TO_LOWEST = CPUS, TO_OTHERS, TO_SELF, PURPOSES };
#define IPI(s) (0x40 + (s)*16)
#define VECTOR_ERROR 0x31
#define VECTOR_LINT0 0x32
#define VECTOR_PIN 0x34 /* and above: one for each CPU */

static struct vlapic_bus bus;
static struct iobus iobus;
static struct vioapic ioapic;
static struct vclock apic_clock;
static pthread_mutex_t device_lock = PTHREAD_MUTEX_INITIALIZER;
static struct owner {
	struct vlapic apic;
	sem_t wake;
	u64 seed;
	unsigned taken[256]; /* atomic; by vector */
	unsigned errors;     /* atomic */
} owners[CPUS];
static bool stop; /* atomic */

/*
 * READ_ONCE and WRITE_ONCE are what they say, and no race; the compiler tells them from other
 * accesses and leaves it to these to say so.
 */
#define VOLATILE_ACCESS(n)                      \
	void __tsan_volatile_read##n(void *p);  \
	void __tsan_volatile_write##n(void *p); \
	void __tsan_volatile_read##n(void *p)   \
	{                                       \
		(void)p;                        \
	}                                       \
	void __tsan_volatile_write##n(void *p)  \
	{                                       \
		(void)p;                        \
	}
VOLATILE_ACCESS(1)
VOLATILE_ACCESS(2)
VOLATILE_ACCESS(4)
VOLATILE_ACCESS(8)

static u64 host_now(void *ctx)
{
	(void)ctx;
	return 0;
}

static void on_wake(void *ctx)
{
	sem_post(&((struct owner *)ctx)->wake);
}

static void on_eoi(void *ctx, u8 vector)
{
	(void)ctx;
	pthread_mutex_lock(&device_lock);
	vioapic_eoi(&ioapic, vector);
	pthread_mutex_unlock(&device_lock);
}

static unsigned taken(unsigned cpu, unsigned vector)
{
	return __atomic_load_n(&owners[cpu].taken[vector], __ATOMIC_SEQ_CST);
}

static unsigned taken_by_all(unsigned vector)
{
	unsigned n = 0;

	for (unsigned i = 0; i < CPUS; i++)
		n += taken(i, vector);
	return n;
}

/* What the handlers of the level-triggered ones do: they make the device let go of its line. */
static void handle(struct owner *o, u8 vector)
{
	unsigned cpu = (unsigned)(o - owners);

	if (vector == VECTOR_LINT0) {
		pthread_mutex_lock(&device_lock);
		vlapic_set_extint(&o->apic, false);
		pthread_mutex_unlock(&device_lock);
	} else if (vector == VECTOR_PIN + cpu) {
		pthread_mutex_lock(&device_lock);
		vioapic_set(&ioapic, cpu, false);
		pthread_mutex_unlock(&device_lock);
	} else if (vector == VECTOR_ERROR) {
		vlapic_write(&o->apic, APIC_ESR, 0);
		assert_int_equal(o->apic.state.esr, ESR_RECEIVE_ILLEGAL_VECTOR);
	}
	__atomic_add_fetch(&o->taken[vector], 1, __ATOMIC_SEQ_CST);
	if (vector >= IPI(0))
		sem_post(&owners[(vector - IPI(0)) / 16].wake);
}

static void write_register(struct owner *o, u32 offset, u32 value)
{
	u64 msr = MSR_X2APIC_BASE + offset / 16;

	if (vlapic_is_x2apic(&o->apic))
		assert_int_equal(vlapic_msr_write(&o->apic, (u32)msr, value), 0);
	else
		vlapic_write(&o->apic, offset, value);
}

/* The processor takes all that is deliverable; some handlers are interrupted by others. */
static void serve(struct owner *o)
{
	int vector;

	while ((vector = vlapic_pending(&o->apic)) >= 0) {
		vlapic_accept(&o->apic, (u8)vector);
		if (unit_random(&o->seed) % 4 == 0)
			serve(o);
		handle(o, (u8)vector);
		if (unit_random(&o->seed) % 8 == 0)
			usleep(100); /* the device may ask again before the EOI */
		write_register(o, APIC_EOI, 0);
	}
}

/* As a guest does that halts until it is answered. */
static void serve_until(struct owner *o, unsigned (*count)(unsigned, unsigned), unsigned cpu,
			unsigned vector, unsigned n)
{
	for (;;) {
		serve(o);
		if (count(cpu, vector) >= n)
			return;
		sem_wait(&o->wake);
	}
}

static unsigned count_all(unsigned cpu, unsigned vector)
{
	(void)cpu;
	return taken_by_all(vector);
}

static void send(struct owner *o, u32 icr_lo, u32 dest)
{
	if (vlapic_is_x2apic(&o->apic)) {
		u64 value = (u64)dest << 32 | icr_lo;

		assert_int_equal(vlapic_msr_write(&o->apic, MSR_X2APIC_BASE + 0x30, value), 0);
		return;
	}
	vlapic_write(&o->apic, APIC_ICR_HIGH, dest << 24);
	vlapic_write(&o->apic, APIC_ICR_LOW, icr_lo);
}

/* One message of each kind, and then each of them is waited for. */
static void send_round(struct owner *o, unsigned n)
{
	unsigned self = (unsigned)(o - owners);
	u8 first = IPI(self);
	unsigned i;

	for (i = 0; i < CPUS; i++)
		if (i != self)
			send(o, (first + TO_CPU + i) | (i & 1 ? ICR_LOGICAL : 0),
			     i & 1 ? 1u << i : i);
	send(o, (first + TO_LOWEST) | APIC_LOWEST << ICR_MODE_SHIFT | ICR_TO_OTHERS, 0);
	send(o, (first + TO_OTHERS) | ICR_TO_OTHERS, 0);
	send(o, (first + TO_SELF) | ICR_TO_SELF, 0);
	write_register(o, APIC_TPR, (u32)unit_random(&o->seed) & 0xf0);
	serve(o);
	write_register(o, APIC_TPR, 0);
	for (i = 0; i < CPUS; i++)
		if (i != self)
			serve_until(o, taken, i, first + TO_CPU + i, n);
	serve_until(o, count_all, 0, first + TO_LOWEST, n);
	serve_until(o, count_all, 0, first + TO_OTHERS, n * (CPUS - 1));
	serve_until(o, taken, self, first + TO_SELF, n);
}

static void *owner_thread(void *arg)
{
	struct owner *o = arg;

	for (unsigned n = 1; n <= ROUNDS; n++)
		send_round(o, n);
	while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
		serve(o);
		if (vlapic_pending(&o->apic) < 0)
			sem_wait(&o->wake);
	}
	serve(o);
	return NULL;
}

static void wait_for(unsigned cpu, unsigned vector, unsigned n)
{
	while (taken(cpu, vector) < n)
		usleep(0);
	assert_int_equal(taken(cpu, vector), n);
}

/* Three devices: lines by LINT0 and by the IOAPIC, and messages with an illegal vector. */
static void *lint0_thread(void *arg)
{
	unsigned cpu = (unsigned)((struct owner *)arg - owners);

	for (unsigned n = 1; n <= ROUNDS; n++) {
		pthread_mutex_lock(&device_lock);
		vlapic_set_extint(&owners[cpu].apic, true);
		pthread_mutex_unlock(&device_lock);
		wait_for(cpu, VECTOR_LINT0, n);
	}
	return NULL;
}

static void *pin_thread(void *arg)
{
	unsigned cpu = (unsigned)((struct owner *)arg - owners);

	for (unsigned n = 1; n <= ROUNDS; n++) {
		pthread_mutex_lock(&device_lock);
		vioapic_set(&ioapic, cpu, true);
		pthread_mutex_unlock(&device_lock);
		wait_for(cpu, VECTOR_PIN + cpu, n);
	}
	return NULL;
}

static void *error_thread(void *arg)
{
	unsigned cpu = (unsigned)((struct owner *)arg - owners);

	for (unsigned n = 1; n <= ROUNDS; n++) {
		vlapic_bus_deliver(&bus, cpu, false, APIC_FIXED, 3, false);
		wait_for(cpu, VECTOR_ERROR, n);
	}
	return NULL;
}

static void window_write(u32 reg, u32 value)
{
	struct io_access select = { .addr = 0, .size = 4, .write = true, .value = reg };
	struct io_access window = { .addr = 0x10, .size = 4, .write = true, .value = value };

	vioapic_io(&ioapic, &select);
	vioapic_io(&ioapic, &window);
}

static void owner_setup(unsigned i)
{
	struct owner *o = &owners[i];
	struct vlapic_hooks hooks = { .wake = on_wake, .eoi_broadcast = on_eoi, .ctx = o };

	sem_init(&o->wake, 0, 0);
	o->seed = i;
	vlapic_init(&o->apic, i, &bus, &apic_clock, &hooks);
	vlapic_write(&o->apic, APIC_SVR, 0x1ff);
	vlapic_write(&o->apic, APIC_LDR, 0x1000000u << i);
	vlapic_write(&o->apic, APIC_LVT_ERROR, VECTOR_ERROR);
	vlapic_write(&o->apic, APIC_LVT_LINT0, LVT_LEVEL | VECTOR_LINT0);
	if (i & 2)
		assert_int_equal(vlapic_msr_write(&o->apic, MSR_APIC_BASE,
						  o->apic.state.base | APIC_BASE_X2APIC),
				 0);
	window_write(0x11 + i * 2, i << 24);
	window_write(0x10 + i * 2, LVT_LEVEL | (VECTOR_PIN + i));
}

static int setup(void **state)
{
	(void)state;
	alarm(SECONDS);
	memset(owners, 0, sizeof(owners));
	memset(&bus, 0, sizeof(bus));
	stop = false;
	iobus_init(&iobus);
	vclock_init(&apic_clock, host_now, NULL, NULL, 0);
	assert_int_equal(vioapic_init(&ioapic, &iobus, &bus), 0);
	for (unsigned i = 0; i < CPUS; i++)
		owner_setup(i);
	return 0;
}

static void check_counts(unsigned self)
{
	u8 first = IPI(self);

	for (unsigned i = 0; i < CPUS; i++) {
		assert_int_equal(taken(i, first + TO_OTHERS), i == self ? 0 : ROUNDS);
		assert_int_equal(taken(i, first + TO_SELF), i == self ? ROUNDS : 0);
		for (unsigned to = 0; to < CPUS; to++)
			assert_int_equal(taken(i, first + TO_CPU + to),
					 i == to && i != self ? ROUNDS : 0);
	}
	assert_int_equal(taken_by_all(first + TO_LOWEST), ROUNDS);
	assert_int_equal(taken(self, first + TO_LOWEST), 0);
	assert_int_equal(taken(self, VECTOR_LINT0), ROUNDS);
	assert_int_equal(taken(self, VECTOR_PIN + self), ROUNDS);
	assert_int_equal(taken(self, VECTOR_ERROR), ROUNDS);
}

static void test_exactly_once(void **state)
{
	static void *(*const devices[])(void *) = { lint0_thread, pin_thread, error_thread };
	pthread_t owner[CPUS], device[CPUS * ARRAY_SIZE(devices)];
	unsigned i;

	(void)state;
	for (i = 0; i < CPUS; i++) {
		assert_int_equal(pthread_create(&owner[i], NULL, owner_thread, &owners[i]), 0);
	}
	for (i = 0; i < ARRAY_SIZE(device); i++)
		assert_int_equal(
		    pthread_create(&device[i], NULL, devices[i / CPUS], &owners[i % CPUS]), 0);
	for (i = 0; i < ARRAY_SIZE(device); i++)
		pthread_join(device[i], NULL);
	for (i = 0; i < CPUS; i++)
		while (taken_by_all(IPI(i) + TO_OTHERS) < ROUNDS * (CPUS - 1) ||
		       taken(i, IPI(i) + TO_SELF) < ROUNDS ||
		       taken_by_all(IPI(i) + TO_LOWEST) < ROUNDS)
			usleep(1000);
	__atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
	for (i = 0; i < CPUS; i++)
		sem_post(&owners[i].wake);
	for (i = 0; i < CPUS; i++)
		pthread_join(owner[i], NULL);
	for (i = 0; i < CPUS; i++) {
		check_counts(i);
		assert_int_equal(vlapic_pending(&owners[i].apic), -1);
	}
}

static void *noise_thread(void *arg)
{
	u64 seed = (u64)((struct owner *)arg - owners);

	while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
		u64 r = unit_random(&seed);

		if (r % 8)
			vlapic_bus_deliver(&bus, 0, false, r & 8 ? APIC_FIXED : APIC_LOWEST,
					   (u8)(r >> 8), false);
		else
			on_wake(arg);
		if (r % 16 == 0) {
			pthread_mutex_lock(&device_lock);
			vlapic_set_extint(&owners[0].apic, r >> 4 & 1);
			pthread_mutex_unlock(&device_lock);
		}
	}
	return NULL;
}

/* INIT, and the APIC going off and on, while others send: what is left is a working APIC. */
static void test_reset_while_others_send(void **state)
{
	struct vlapic *a = &owners[0].apic;
	u64 base = a->state.base, seed = 1;
	pthread_t sender[2];
	unsigned i;

	(void)state;
	for (i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&sender[i], NULL, noise_thread, &owners[1 + i]), 0);
	for (i = 0; i < 20000; i++) {
		int vector = vlapic_pending(a);

		if (vector >= 0) {
			vlapic_accept(a, (u8)vector);
			vlapic_write(a, APIC_EOI, 0);
		}
		if (unit_random(&seed) % 16 == 0)
			vlapic_init_ipi(a);
		if (unit_random(&seed) % 16 == 0) {
			assert_int_equal(
			    vlapic_msr_write(a, MSR_APIC_BASE, base & ~(u64)APIC_BASE_ENABLE), 0);
			assert_int_equal(vlapic_pending(a), -1);
			assert_int_equal(vlapic_msr_write(a, MSR_APIC_BASE, base), 0);
		}
		vlapic_write(a, APIC_SVR, 0x1ff);
		vlapic_write(a, APIC_ESR, 0);
		vlapic_write(a, APIC_LVT_LINT0, (i & 3) == 3 ? 0x10000 : LVT_LEVEL | 0x77);
	}
	__atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
	for (i = 0; i < 2; i++)
		pthread_join(sender[i], NULL);
	vlapic_set_extint(a, false);
	vlapic_init_ipi(a);
	vlapic_write(a, APIC_SVR, 0x1ff);
	assert_int_equal(vlapic_pending(a), -1);
	assert_int_equal(vlapic_bus_deliver(&bus, 0, false, APIC_FIXED, 0x55, false), 1);
	assert_int_equal(vlapic_pending(a), 0x55);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_exactly_once, setup),
		cmocka_unit_test_setup(test_reset_while_others_send, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
