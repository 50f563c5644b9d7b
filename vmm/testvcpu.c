#include "vmm/testvcpu.h"

#include "lib/string.h"
#include "mm/heap.h"
#include "vmm/cpuid.h"
#include "vmm/partition.h"
#include "vmm/vfpu.h"

#define TEST_PARTITION_ID                                                      \
	200 /* above those that manifests make: the owner and VPID are its own \
	     */

static int test_partition_init(struct partition *p, const u8 *code, size_t size)
{
	int r;

	p->id = TEST_PARTITION_ID;
	p->config.vcpus = 1;
	str_copy(p->config.name, "selftest", sizeof(p->config.name));
	r = gpspace_init(&p->space, backend->format, (owner_t)(OWNER_PARTITION + p->id));
	if (r == 0)
		r = gpspace_add_ram(&p->space, 0, TEST_RAM, true);
	if (r == 0)
		r = gmem_write(&p->space, TEST_CODE, code, size);
	return r ? r : backend->partition_init(p);
}

static int test_vcpu_init(struct vcpu *v)
{
	int r = cpuid_init(v);

	if (r == 0)
		r = vfpu_init(v);
	return r ? r : backend->vcpu_init(v);
}

static void test_start_at_code(struct vcpu *v)
{
	u64 flags = vcpu_inspect_begin(v);
	struct segment cs;

	vcpu_reset_registers(v, VCPU_POWER_UP);
	backend->get_seg(v, SEG_CS, &cs);
	cs.base = 0;
	cs.selector = 0;
	backend->set_seg(v, SEG_CS, &cs);
	backend->set_reg(v, REG_RIP, TEST_CODE);
	vcpu_inspect_end(v, flags);
}

struct vcpu *testvcpu_create(const u8 *code, size_t size)
{
	struct partition *p = heap_alloc(sizeof(*p));
	struct vcpu *v = heap_alloc(sizeof(*v));

	if (!p || !v) {
		heap_free(p);
		heap_free(v);
		return NULL;
	}
	v->partition = p;
	p->vcpu[0] = v;
	p->vcpu_count = 1;
	if (test_partition_init(p, code, size) != 0 || test_vcpu_init(v) != 0) {
		testvcpu_destroy(v);
		return NULL;
	}
	test_start_at_code(v);
	return v;
}

void testvcpu_destroy(struct vcpu *v)
{
	struct partition *p = v->partition;

	if (v->vendor)
		backend->vcpu_free(v);
	vfpu_free(v);
	cpuid_free(v);
	if (p->vendor)
		backend->partition_free(p);
	gpspace_free(&p->space);
	heap_free(p);
	heap_free(v);
}
