/*
 * Partitions with several vCPUs: starting them, INIT and SIPI in every state, looking at them from
 * outside, and stopping all of it, with boot sectors of a few bytes as guests.
 */
#include "kernel/selftest.h"
#include "lib/string.h"
#include "vmm/cpuid.h"
#include "vmm/partition.h"
#include "vmm/picture.h"
#include "vmm/vmm_selftest.h"

#define VCPUS 4
#define ROUNDS 100
#define PICTURES 50
#define OTHERS 0x80u /* in the boot sector: what the other processors run */
#define OTHERS_SIZE 8u
#define BOOT_SECTOR 0x7c00u
#define VECTOR 7 /* where the boot sector has put a jump to OTHERS */

static const u8 code_start[] = {
	0x66, 0xc7, 0x06, 0x00, 0x70, 0xea,
	0x80, 0x7c, 0x00,		    /* mov dword [7000h], 007C80EAh: jmp 0000:7C80 */
	0xc6, 0x06, 0x04, 0x70, 0x00,	    /* mov byte [7004h], 0 */
	0x66, 0xb9, 0x1b, 0x00, 0x00, 0x00, /* mov ecx, 1Bh: APIC base */
	0x0f, 0x32,			    /* rdmsr */
	0x80, 0xcc, 0x0c,		    /* or ah, 0Ch: x2APIC mode */
	0x0f, 0x30,			    /* wrmsr */
	0xb9, 0x30, 0x08,		    /* mov cx, 830h: ICR */
	0x66, 0x31, 0xd2,		    /* xor edx, edx */
	0x66, 0xb8, 0x00, 0x45, 0x0c, 0x00, /* mov eax, C4500h: INIT to all others */
	0x0f, 0x30,			    /* wrmsr */
	0xb8, 0x07, 0x46,		    /* mov ax, 4607h: SIPI, vector 07h */
	0x0f, 0x30,			    /* wrmsr */
	0xeb, 0xfe,			    /* jmp $ */
};

/* lock inc dword [9000h]; jmp back */
static const u8 code_count[] = { 0xf0, 0x66, 0xff, 0x06, 0x00, 0x90, 0xeb, 0xf8 };
/* lidt [7D00h], of an empty table; int3: a triple fault */
static const u8 code_triple[] = { 0x0f, 0x01, 0x1e, 0x00, 0x7d, 0xcc };

static struct partition *guest(const char *name, const u8 *others, size_t size)
{
	u8 code[OTHERS + OTHERS_SIZE] = { 0 };

	memcpy(code, code_start, sizeof(code_start));
	memcpy(code + OTHERS, others, size);
	return selftest_partition(name, code, sizeof(code), VCPUS);
}

#define GUEST(name, others) guest("selftest-" name, others, sizeof(others))

static bool wait_for_state(const struct vcpu *v, enum vcpu_state state)
{
	for (unsigned ms = 0; ms < LONG_MS && READ_ONCE(v->state) != state; ms++)
		thread_sleep_ns(NS_PER_MS);
	return READ_ONCE(v->state) == state;
}

static bool all_run(const struct partition *p)
{
	for (unsigned i = 0; i < VCPUS; i++) {
		if (!wait_for_state(p->vcpu[i], VCPU_RUNNING))
			return false;
	}
	return true;
}

static bool counts_on(struct partition *p)
{
	return selftest_counts_on(p, selftest_counter(p));
}

static int test_start(struct selftest *t)
{
	struct partition *p = GUEST("smp", code_count);

	SELFTEST_EXPECT(t, backend && p && partition_start(p) == 0);
	SELFTEST_EXPECT(t, all_run(p) && counts_on(p));
	partition_stop(p, STOP_KILLED);
	return SELFTEST_OK;
}

/* Some are stopped while they wait for their SIPI, some while they run. */
static int test_rounds(struct selftest *t)
{
	struct partition *p = GUEST("smp", code_count);
	u64 before = 0;

	SELFTEST_EXPECT(t, backend && p);
	for (unsigned round = 0; round <= ROUNDS; round++) {
		/*
		 * The first round warms caches up: stacks and heap pages are kept for the next use.
		 */
		if (round == 1)
			before = frame_count(OWNER_FREE);
		SELFTEST_EXPECT(t, partition_start(p) == 0);
		thread_sleep_ns(round % 2 * 100 * NS_PER_US);
		partition_stop(p, STOP_KILLED);
		SELFTEST_EXPECT(t, p->state == PARTITION_STOPPED);
		SELFTEST_EXPECT(t, frame_count((owner_t)(OWNER_PARTITION + p->id)) == 0);
	}
	SELFTEST_EXPECT(t, frame_count(OWNER_FREE) == before);
	return SELFTEST_OK;
}

static int test_triple_fault(struct selftest *t)
{
	struct partition *p = GUEST("smp-triple", code_triple), *other = GUEST("smp", code_count);

	SELFTEST_EXPECT(t, backend && p && other);
	SELFTEST_EXPECT(t, partition_start(other) == 0 && all_run(other));
	SELFTEST_EXPECT(t, partition_start(p) == 0);
	wait_event(&p->changed, READ_ONCE(p->state) == PARTITION_STOPPED);
	SELFTEST_EXPECT(t, p->stop_kind == STOP_TRIPLE_FAULT);
	SELFTEST_EXPECT(t, other->state == PARTITION_RUNNING && counts_on(other));
	partition_stop(other, STOP_KILLED);
	return SELFTEST_OK;
}

/* The others wait for a SIPI, so that nobody but this one counts. */
static bool leave_alone(struct partition *p, const struct vcpu *one)
{
	bool waiting = true;

	for (unsigned i = 1; i < VCPUS; i++) {
		if (p->vcpu[i] == one)
			continue;
		vcpu_request_init(p->vcpu[i]);
		waiting = waiting && wait_for_state(p->vcpu[i], VCPU_WAIT_SIPI);
	}
	return waiting;
}

static int check_init_state(struct selftest *t, struct vcpu *v)
{
	struct vcpu_picture pic;

	vcpu_take_picture(v, &pic);
	SELFTEST_EXPECT(t, pic.reg[REG_RIP] == 0xfff0 && pic.seg[SEG_CS].base == 0xffff0000);
	SELFTEST_EXPECT(t, pic.reg[REG_CR0] == (CR0_CD | CR0_NW | CR0_ET)); /* never cleared */
	SELFTEST_EXPECT(t, pic.reg[REG_RFLAGS] == RFLAGS_FIXED);
	SELFTEST_EXPECT(t, pic.reg[REG_RDX] == cpuid_signature(v));
	return SELFTEST_OK;
}

static int check_init_sipi(struct selftest *t, struct partition *p, struct vcpu *v)
{
	u32 count;

	vcpu_request_sipi(v, 0x10); /* not waited for: dropped */
	SELFTEST_EXPECT(t, counts_on(p));
	vcpu_request_init(v);
	SELFTEST_EXPECT(t, wait_for_state(v, VCPU_WAIT_SIPI));
	if (check_init_state(t, v) != SELFTEST_OK)
		return SELFTEST_FAILED;

	count = selftest_counter(p);
	event_raise_nmi(v); /* blocked; the next INIT forgets it */
	thread_sleep_ns(2 * NS_PER_MS);
	SELFTEST_EXPECT(t, v->state == VCPU_WAIT_SIPI && selftest_counter(p) == count);

	vcpu_request_init(v);
	vcpu_request_sipi(v, VECTOR); /* before the other was looked at, perhaps */
	SELFTEST_EXPECT(t, counts_on(p) && v->state == VCPU_RUNNING);

	vcpu_request_sipi(v, VECTOR);
	vcpu_request_init(v);
	SELFTEST_EXPECT(t, wait_for_state(v, VCPU_WAIT_SIPI));
	thread_sleep_ns(2 * NS_PER_MS);
	SELFTEST_EXPECT(t, v->state == VCPU_WAIT_SIPI);

	vcpu_request_sipi(v, VECTOR);
	vcpu_request_sipi(v, 0x10); /* the second of two */
	SELFTEST_EXPECT(t, counts_on(p));
	return SELFTEST_OK;
}

static int test_init_sipi(struct selftest *t)
{
	struct partition *p = GUEST("smp", code_count);
	int r;

	SELFTEST_EXPECT(t, backend && p && partition_start(p) == 0);
	SELFTEST_EXPECT(t, all_run(p) && leave_alone(p, p->vcpu[1]));
	r = check_init_sipi(t, p, p->vcpu[1]);
	partition_stop(p, STOP_KILLED);
	return r;
}

/* In its loop, or not yet out of the place that the SIPI has led to. */
static bool is_where_expected(const struct vcpu_picture *pic)
{
	u64 base = pic->seg[SEG_CS].base, rip = pic->reg[REG_RIP];

	return (base == 0 && rip - BOOT_SECTOR - OTHERS < OTHERS_SIZE) ||
	       (base == VECTOR << 12 && rip == 0);
}

static int check_pictures(struct selftest *t, struct partition *p)
{
	struct vcpu_picture pic;

	for (unsigned i = 0; i < PICTURES; i++) {
		vcpu_take_picture(p->vcpu[1 + i % (VCPUS - 1)], &pic);
		SELFTEST_EXPECT(t, is_where_expected(&pic));
		SELFTEST_EXPECT(t, pic.code_len == sizeof(pic.code));
		thread_sleep_ns(i % 4 * 50 * NS_PER_US);
	}
	return SELFTEST_OK;
}

static int test_pictures(struct selftest *t)
{
	struct partition *p = GUEST("smp", code_count);
	int r;

	SELFTEST_EXPECT(t, backend && p && partition_start(p) == 0);
	SELFTEST_EXPECT(t, all_run(p) && counts_on(p));
	r = check_pictures(t, p);
	partition_stop(p, STOP_KILLED);
	return r;
}

/* It has left its loop while its siblings run on, so that nobody takes the partition apart. */
static int check_picture_of_ended(struct selftest *t, struct partition *p, struct vcpu *v)
{
	struct vcpu_picture pic;

	vcpu_request(v, VCPU_REQ_STOP);
	for (unsigned ms = 0; ms < LONG_MS && READ_ONCE(v->thread->state) != THREAD_DEAD; ms++)
		thread_sleep_ns(NS_PER_MS);
	SELFTEST_EXPECT(t, v->thread->state == THREAD_DEAD && v->state == VCPU_DONE);
	vcpu_take_picture(v, &pic);
	SELFTEST_EXPECT(t, is_where_expected(&pic));
	SELFTEST_EXPECT(t, p->state == PARTITION_RUNNING && counts_on(p));
	return SELFTEST_OK;
}

static int test_picture_of_ended(struct selftest *t)
{
	struct partition *p = GUEST("smp", code_count);
	int r;

	SELFTEST_EXPECT(t, backend && p && partition_start(p) == 0 && all_run(p));
	r = check_picture_of_ended(t, p, p->vcpu[1]);
	partition_stop(p, STOP_KILLED);
	return r;
}

static const struct selftest_case cases[] = {
	{ "vcpus: a partition starts all of its four", test_start },
	{ "vcpus: 100 rounds of start and stop give every frame back", test_rounds },
	{ "vcpus: a triple fault of one ends its partition alone", test_triple_fault },
	{ "vcpus: INIT and SIPI in every state", test_init_sipi },
	{ "vcpus: they can be looked at while they run", test_pictures },
	{ "vcpus: one that has ended can be looked at, too", test_picture_of_ended },
};

void vcpu_selftest_register(void)
{
	selftest_add(cases, ARRAY_SIZE(cases));
}
