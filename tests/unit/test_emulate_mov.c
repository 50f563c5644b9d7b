// SOURCES: vmm/emulate.c vmm/emulate_alu.c vmm/emulate_io.c vmm/emulate_mmio.c
// SOURCES: vmm/emulate_mov.c vmm/emulate_operand.c vmm/emulate_string.c
// SOURCES: vmm/decode.c vmm/decode_tables.c vmm/decode_format.c
// SOURCES: vmm/fetch.c vmm/insn_cache.c
// SOURCES: vmm/guestwalk.c vmm/guestwalk_access.c tests/unit/stubs/vcpu.c
// SOURCES: mm/gmem.c mm/gpspace.c mm/pt.c mm/pt_format.c mm/frame.c mm/memmap.c
// SOURCES: tests/unit/stubs/arena.c tests/unit/stubs/frames.c tests/unit/stubs/panic.c
/* The quick way of MOV to and from a device: it must do what the long way does, or nothing. */
#include "tests/unit/stubs/unit.h"

#include <string.h>

#include "tests/unit/stubs/vcpu.h"
#include "vmm/emulate.h"
#include "vmm/emulate_insn.h"

#define CODE 0x10000ull

static struct vcpu *const v = &fake.vcpu;

struct mov_state {
	u64 gpr[REG_GPRS];
	u8 device[FAKE_DEVICE_SIZE];
	u8 length;
	unsigned accesses;
	struct io_access last;
};

static void mov_state_take(struct mov_state *s, const struct vm_exit *exit)
{
	for (unsigned r = 0; r < REG_GPRS; r++)
		s->gpr[r] = vcpu_get_reg(v, r);
	memcpy(s->device, fake.device, sizeof(s->device));
	s->length = exit->length;
	s->accesses = fake.access_count;
	s->last = (struct io_access){ 0 };
	if (s->accesses)
		s->last = fake.access[s->accesses - 1].a;
}

/* MOV with a random form of address. */
static void mov_code(u64 *seed)
{
	static const u8 opcodes[] = { 0x8b, 0x89, 0xc7, 0x8a, 0x88, 0xa1, 0xa3 };
	u8 code[16];
	unsigned n = 0;

	for (unsigned i = 0; i < sizeof(code); i++)
		code[i] = unit_random(seed);
	if (unit_random(seed) % 8 == 0)
		code[n++] = 0x64 + unit_random(seed) % 4; /* FS, GS, 66, 67 */
	if (unit_random(seed) % 2)
		code[n++] = 0x40 | unit_random(seed) % 16;
	code[n] = opcodes[unit_random(seed) % ARRAY_SIZE(opcodes)];
	fake_code(CODE + unit_random(seed) % 0x2000, code, sizeof(code), VM_EXIT_FAULT);
}

/* A fault at the operand's address, most of the time. */
static void mov_fault(u64 *seed, const struct insn *insn)
{
	struct vm_exit *exit = &v->exit;
	u64 at = (u64)insn->mem_disp;

	for (unsigned r = 0; r < REG_GPRS; r++)
		vcpu_set_reg(v, r, unit_random(seed));
	if (insn->mem_base_valid)
		vcpu_set_reg(v, insn->mem_base, unit_random(seed) % 8 ? 0x7000 : 0x7002);
	if (insn->mem_index_valid)
		vcpu_set_reg(v, insn->mem_index, 0);
	if (insn->mem_rip)
		at += exit->rip + insn->length;
	exit->u.fault.walk = false;
	exit->u.fault.write = insn->dst.kind == OPERAND_MEM || unit_random(seed) % 16 == 0;
	exit->u.fault.gpa = FAKE_DEVICE + (at & 0xfff);
	fake.access_count = 0;
	fake.vector = -1;
}

/* The same from the same state, both ways. True: the quick way did it. */
static bool mov_compare(void)
{
	static struct mov_state start, quick, slow;
	struct vm_exit *exit = &v->exit;
	bool done;

	mov_state_take(&start, exit);
	done = emulate_device_mov(v, exit);
	mov_state_take(&quick, exit);
	if (!done) {
		assert_memory_equal(&quick, &start, sizeof(start));
		return false;
	}
	for (unsigned r = 0; r < REG_GPRS; r++)
		vcpu_set_reg(v, r, start.gpr[r]);
	memcpy(fake.device, start.device, sizeof(start.device));
	fake.access_count = 0;
	assert_int_equal(emulate_mmio(v, exit), EXIT_ADVANCE);
	mov_state_take(&slow, exit);
	assert_memory_equal(&quick, &slow, sizeof(slow));
	return true;
}

static void test_mov_both_ways(void **state)
{
	u64 seed = 11;
	unsigned done = 0;
	const struct insn *insn;
	struct guest_context c;

	(void)state;
	fake_long_paging();
	for (unsigned i = 0; i < sizeof(fake.device); i++)
		fake.device[i] = i * 5 + 1;
	for (unsigned i = 0; i < 50000; i++) {
		mov_code(&seed);
		backend->get_context(v, &c);
		/* A fault at an address that is not canonical does not exist. */
		if (insn_fetch(v, &c, &insn) || insn->mem_disp >> 46 != insn->mem_disp >> 63)
			continue;
		mov_fault(&seed, insn);
		done += mov_compare();
	}
	assert_true(done > 2000);
}

/* What must go the long way. */
static void test_mov_refused(void **state)
{
	static const u8 code[INSN_MAX] = { 0x8b, 0x07 }; /* mov eax, [rdi] */
	struct vm_exit *exit;

	(void)state;
	fake_long_paging();
	exit = fake_code(CODE, code, sizeof(code), VM_EXIT_FAULT);
	exit->u.fault.walk = false;
	exit->u.fault.gpa = FAKE_DEVICE;
	v->gpr[REG_RDI] = FAKE_DEVICE;
	assert_false(emulate_device_mov(v, exit)); /* never decoded */
	assert_int_equal(emulate_mmio(v, exit), EXIT_ADVANCE);
	assert_true(emulate_device_mov(v, exit));
	exit->u.fault.walk = true;
	assert_false(emulate_device_mov(v, exit));
	exit->u.fault.walk = false;
	exit->u.fault.fetch = true;
	assert_false(emulate_device_mov(v, exit));
	exit->u.fault.fetch = false;
	exit->in_flight.kind = EVENT_INTR;
	assert_false(emulate_device_mov(v, exit));
	exit->in_flight.kind = EVENT_NONE;
	exit->u.fault.write = true;
	assert_false(emulate_device_mov(v, exit));
	exit->u.fault.write = false;
	exit->u.fault.gpa += 2; /* not aligned, and not where RDI points */
	assert_false(emulate_device_mov(v, exit));
	v->gpr[REG_RDI] += 2;
	assert_false(emulate_device_mov(v, exit));
	exit->u.fault.gpa = FAKE_DEVICE + 4;
	assert_false(emulate_device_mov(v, exit));
	v->gpr[REG_RDI] += 2;
	assert_true(emulate_device_mov(v, exit));
	fake_mode(32, 0);
	assert_false(emulate_device_mov(v, exit));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(test_mov_both_ways),
		FAKE_TEST(test_mov_refused),
	};

	return cmocka_run_group_tests_name("emulate_mov", tests, NULL, NULL);
}
