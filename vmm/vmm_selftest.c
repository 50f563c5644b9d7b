/*
 * The life of partitions, with boot sectors of a few bytes as guests: that a halted guest costs
 * nothing, that two busy ones share the processor, that a bad image is refused and a triple fault
 * ends its own partition alone.
 */
#include "vmm/vmm_selftest.h"

#include "error.h"
#include "kernel/machine.h"
#include "kernel/selftest.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "vmm/partition.h"

#define SECTOR 512u
#define LOAD_ADDRESS 0x7c00u

/* cli; hlt: halted for ever. */
static const u8 code_halt[] = { 0xfa, 0xf4, 0xeb, 0xfd };
/* inc dword [0x9000]; jmp back: busy for ever. */
static const u8 code_busy[] = { 0x66, 0xff, 0x06, 0x00, 0x90, 0xeb, 0xf9 };
/* lidt of an empty table; int3: a triple fault. */
static const u8 code_triple[] = { 0x0f, 0x01, 0x1e, 0x08, 0x7c, 0xcc };
/* out 0x64, 0xfe: the keyboard controller's reset line. */
static const u8 code_reset[] = { 0xb0, 0xfe, 0xe6, 0x64, 0xeb, 0xfe };

static u8 *add_module(const char *name)
{
	struct machine_module *m = &machine.module[machine.module_count];
	hpa_t pa;

	if (machine.module_count == MACHINE_MODULES)
		return NULL;
	pa = frame_alloc(FRAME_ORDER_4K, OWNER_KERNEL);
	if (pa == HPA_NONE)
		return NULL;
	machine.module_count++;
	*m = (struct machine_module){ .base = pa, .size = SECTOR };
	str_copy(m->name, name, sizeof(m->name));
	memset(phys_to_virt(pa), 0, SECTOR);
	return phys_to_virt(pa);
}

struct partition *selftest_partition(const char *name, const u8 *code, size_t size, unsigned vcpus)
{
	struct partition_config *config;
	struct partition *p = partition_find(name);
	u8 *sector;

	if (p)
		return p;
	sector = add_module(name);
	config = heap_alloc(sizeof(*config));
	if (sector && config) {
		memcpy(sector, code, size);
		sector[SECTOR - 2] = 0x55;
		sector[SECTOR - 1] = 0xaa;
		str_copy(config->name, name, sizeof(config->name));
		str_copy(config->kernel, name, sizeof(config->kernel));
		config->memory = 4 * MIB;
		config->vcpus = vcpus;
		config->sched = SCHED_PARAMS_DEFAULT;
		p = partition_create(config);
	}
	heap_free(config);
	return p;
}

#define GUEST(name, code) selftest_partition("selftest-" name, code, sizeof(code), 1)

struct partition *selftest_busy_partition(const char *name)
{
	return selftest_partition(name, code_busy, sizeof(code_busy), 1);
}

static void wait_until_stopped(struct partition *p)
{
	wait_event(&p->changed, READ_ONCE(p->state) == PARTITION_STOPPED);
}

static int test_halted_costs_nothing(struct selftest *t)
{
	struct partition *p = GUEST("halt", code_halt);
	u64 switches, exits;

	SELFTEST_EXPECT(t, backend && p && partition_start(p) == 0);
	for (unsigned ms = 0; ms < LONG_MS && READ_ONCE(p->vcpu[0]->state) != VCPU_HALTED; ms++)
		thread_sleep_ns(NS_PER_MS);
	SELFTEST_EXPECT(t, p->vcpu[0]->state == VCPU_HALTED);
	switches = p->vcpu[0]->thread->switches;
	exits = partition_exits(p);
	thread_sleep_ns(20 * NS_PER_MS);
	SELFTEST_EXPECT(t, partition_exits(p) == exits);
	/* the PIT's tick of 55 ms */
	SELFTEST_EXPECT(t, p->vcpu[0]->thread->switches <= switches + 1);
	partition_stop(p, STOP_KILLED);
	return SELFTEST_OK;
}

u32 selftest_counter(struct partition *p)
{
	u32 value = 0;

	return gmem_read(&p->space, COUNTER, &value, sizeof(value)) ? 0 : value;
}

bool selftest_counts_on(struct partition *p, u32 from)
{
	for (unsigned ms = 0; ms < LONG_MS && selftest_counter(p) == from; ms++)
		thread_sleep_ns(NS_PER_MS);
	return selftest_counter(p) != from;
}

static int test_two_share(struct selftest *t)
{
	struct partition *a = selftest_busy_partition("selftest-busy-a");
	struct partition *b = selftest_busy_partition("selftest-busy-b");
	u32 count_a, count_b;

	SELFTEST_EXPECT(t, backend && a && b);
	SELFTEST_EXPECT(t, partition_start(a) == 0 && partition_start(b) == 0);
	SELFTEST_EXPECT(t, selftest_counts_on(a, 0) && selftest_counts_on(b, 0));
	count_a = selftest_counter(a);
	count_b = selftest_counter(b);
	SELFTEST_EXPECT(t, selftest_counts_on(a, count_a) && selftest_counts_on(b, count_b));
	partition_stop(a, STOP_KILLED);
	partition_stop(b, STOP_KILLED);
	return SELFTEST_OK;
}

static int test_triple_fault(struct selftest *t)
{
	struct partition *p = GUEST("triple", code_triple), *other = GUEST("halt", code_halt);

	SELFTEST_EXPECT(t, backend && p && other);
	SELFTEST_EXPECT(t, partition_start(other) == 0 && partition_start(p) == 0);
	wait_until_stopped(p);
	SELFTEST_EXPECT(t, p->stop_kind == STOP_TRIPLE_FAULT);
	SELFTEST_EXPECT(t, other->state == PARTITION_RUNNING);
	partition_stop(other, STOP_KILLED);
	return SELFTEST_OK;
}

static int test_reset_stops(struct selftest *t)
{
	struct partition *p = GUEST("reset", code_reset);

	SELFTEST_EXPECT(t, backend && p); /* restart_on_reset is off in these configurations */
	SELFTEST_EXPECT(t, partition_start(p) == 0);
	wait_until_stopped(p);
	SELFTEST_EXPECT(t, p->stop_kind == STOP_RESET);
	return SELFTEST_OK;
}

static int test_bad_image(struct selftest *t)
{
	struct partition *p = GUEST("bad", code_halt);
	u8 *sector = p ? phys_to_virt(machine_module(&machine, p->config.kernel)->base) : NULL;
	u64 before;

	SELFTEST_EXPECT(t, backend && p);
	sector[SECTOR - 1] = 0; /* no signature */
	SELFTEST_EXPECT(t, partition_start(p) == -ENOEXEC);
	before = frame_count(OWNER_FREE);
	SELFTEST_EXPECT(t, partition_start(p) == -ENOEXEC);
	SELFTEST_EXPECT(t, p->state == PARTITION_STOPPED);
	SELFTEST_EXPECT(t, frame_count(OWNER_FREE) == before);
	return SELFTEST_OK;
}

static const struct selftest_case cases[] = {
	{ "partition: a halted guest costs nothing", test_halted_costs_nothing },
	{ "partition: two busy guests share the processor", test_two_share },
	{ "partition: a triple fault ends its own partition alone", test_triple_fault },
	{ "partition: a reset stops where the manifest says so", test_reset_stops },
	{ "partition: a bad image is refused, and leaks nothing", test_bad_image },
};

void vmm_selftest_register(void)
{
	selftest_add(cases, ARRAY_SIZE(cases));
	vcpu_selftest_register();
	shootdown_selftest_register();
	stress_selftest_register();
}
