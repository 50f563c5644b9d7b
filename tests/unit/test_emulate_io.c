// SOURCES: vmm/emulate.c vmm/emulate_alu.c vmm/emulate_io.c vmm/emulate_mmio.c
// SOURCES: vmm/emulate_mov.c vmm/emulate_operand.c vmm/emulate_string.c
// SOURCES: vmm/decode.c vmm/decode_tables.c vmm/decode_format.c
// SOURCES: vmm/fetch.c vmm/insn_cache.c
// SOURCES: vmm/guestwalk.c vmm/guestwalk_access.c tests/unit/stubs/vcpu.c
// SOURCES: mm/gmem.c mm/gpspace.c mm/pt.c mm/pt_format.c mm/frame.c mm/memmap.c
// SOURCES: tests/unit/stubs/arena.c tests/unit/stubs/frames.c tests/unit/stubs/panic.c
/* IN, OUT, INS and OUTS: what goes where, REP in pieces, and faults in the middle. */
#include "tests/unit/stubs/unit.h"

#include <string.h>

#include "tests/unit/stubs/vcpu.h"
#include "vmm/emulate.h"

#define CODE 0x10000ull

static struct vcpu *const v = &fake.vcpu;

static struct vm_exit *io_exit(const void *bytes, unsigned len, u16 port, unsigned size, bool in)
{
	struct vm_exit *exit = fake_code(CODE, bytes, len, VM_EXIT_IO);

	exit->length = len;
	exit->u.io.port = port;
	exit->u.io.size = size;
	exit->u.io.in = in;
	exit->u.io.segment = 0xff;
	fake.access_count = 0;
	fake.vector = -1;
	return exit;
}

static void test_in_out(void **state)
{
	static const u64 merged[] = { 0, 0xffffffffffffff10, 0xffffffffffff1211, 0, 0x16151413 };

	(void)state;
	fake.port_value = 0x10;
	for (unsigned size = 1; size <= 4; size *= 2) {
		v->gpr[REG_RAX] = ~0ull;
		assert_int_equal(emulate_io(v, io_exit("\xec", 1, 0x3f8, size, true)),
				 EXIT_ADVANCE);
		assert_int_equal(v->gpr[REG_RAX], merged[size]);
		assert_int_equal(fake.access[0].a.size, size);
		assert_int_equal(fake.access[0].space, IO_PORT);
	}
	v->gpr[REG_RAX] = 0x1122334455667788;
	assert_int_equal(emulate_io(v, io_exit("\xef", 1, 0xcf8, 4, false)), EXIT_ADVANCE);
	assert_int_equal(fake.access[0].a.value, 0x55667788);
	assert_int_equal(emulate_io(v, io_exit("\xee", 1, 0x80, 1, false)), EXIT_ADVANCE);
	assert_int_equal(fake.access[0].a.value, 0x88);
	assert_int_equal(v->gpr[REG_RAX], 0x1122334455667788);
}

static struct vm_exit *string_exit(const char *bytes, unsigned len, unsigned size, bool in)
{
	struct vm_exit *exit = io_exit(bytes, len, 0x1f0, size, in);

	exit->u.io.string = true;
	exit->u.io.rep = (u8)bytes[0] == 0xf3;
	return exit;
}

static void test_outs(void **state)
{
	struct vm_exit *exit = string_exit("\xf3\x64\x6f", 3, 4, false); /* rep fs outsd */

	(void)state;
	fake.seg[SEG_FS].base = 0x3000;
	for (unsigned i = 0; i < 10; i++)
		fake_poke(0x3100 + 4 * i, 0x1000 + i, 4);
	v->gpr[REG_RSI] = 0x100;
	v->gpr[REG_RCX] = 10;
	assert_int_equal(emulate_io(v, exit), EXIT_ADVANCE);
	assert_int_equal(fake.access_count, 10);
	assert_int_equal(fake.access[9].a.value, 0x1009);
	assert_int_equal(fake.access[9].a.addr, 0x1f0);
	assert_int_equal(v->gpr[REG_RSI], 0x128);
	assert_int_equal(v->gpr[REG_RCX], 0);
	/* The same when the vendor tells: the bytes are not looked at. */
	exit = string_exit("\xcc\xcc", 2, 4, false);
	exit->u.io.segment = SEG_FS;
	exit->u.io.addr_size = 8;
	v->gpr[REG_RSI] = 0x124;
	fake.reg[REG_RFLAGS] |= RFLAGS_DF;
	assert_int_equal(emulate_io(v, exit), EXIT_ADVANCE);
	assert_int_equal(fake.access[0].a.value, 0x1009);
	assert_int_equal(v->gpr[REG_RSI], 0x120);
	assert_int_equal(exit->length, 2);
}

static void test_ins(void **state)
{
	struct vm_exit *exit = string_exit("\xf3\x6d", 2, 2, true);

	(void)state;
	fake_mode(32, 0);
	fake.port_value = 0;
	v->gpr[REG_RDI] = 0x4ffd;
	v->gpr[REG_RCX] = 0xffffffff00000104;
	assert_int_equal(emulate_io(v, exit), EXIT_ADVANCE);
	assert_int_equal(fake.access_count, 0x104);
	assert_int_equal(fake_peek(0x4ffd, 4), 0x03020100);
	assert_int_equal(fake_peek(0x4ffd + 0x206, 2), 0x0706);
	assert_int_equal(v->gpr[REG_RCX] & 0xffffffff, 0);
	assert_int_equal(v->gpr[REG_RDI], 0x4ffd + 0x208);
}

static void test_string_io_faults(void **state)
{
	struct vm_exit *exit;

	(void)state;
	fake_long_paging();
	fake_map(0x80000, 0x90000 | 3);
	fake_map(0x81000, 0x91000 | 1);
	exit = string_exit("\xf3\x6c", 2, 1, true);
	v->gpr[REG_RDI] = 0x80ff0;
	v->gpr[REG_RCX] = 32;
	assert_int_equal(emulate_io(v, exit), EXIT_RESUME);
	assert_int_equal(fake.vector, VEC_PF);
	assert_int_equal(fake.error_code, PF_P | PF_W);
	assert_int_equal(fake.access_count, 16); /* the device has kept what has no place */
	assert_int_equal(v->gpr[REG_RCX], 16);
	assert_int_equal(v->gpr[REG_RDI], 0x81000);
	/* Non-canonical. */
	exit = string_exit("\x6e", 1, 1, false);
	v->gpr[REG_RSI] = 0x800000000000;
	assert_int_equal(emulate_io(v, exit), EXIT_RESUME);
	assert_int_equal(fake.vector, VEC_GP);
	assert_int_equal(v->gpr[REG_RSI], 0x800000000000);
	/* An endless one comes back for interrupts. */
	exit = string_exit("\xf3\x6c", 2, 1, true);
	v->gpr[REG_RDI] = 0x1000;
	v->gpr[REG_RCX] = ~0ull;
	assert_int_equal(emulate_io(v, exit), EXIT_RESUME);
	assert_int_equal(fake.vector, -1);
	assert_in_range(fake.access_count, 256, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(test_in_out),
		FAKE_TEST(test_outs),
		FAKE_TEST(test_ins),
		FAKE_TEST(test_string_io_faults),
	};

	return cmocka_run_group_tests_name("emulate_io", tests, NULL, NULL);
}
