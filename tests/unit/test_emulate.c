// SOURCES: vmm/emulate.c vmm/emulate_alu.c vmm/emulate_io.c vmm/emulate_mmio.c
// SOURCES: vmm/emulate_mov.c vmm/emulate_operand.c vmm/emulate_string.c
// SOURCES: vmm/decode.c vmm/decode_tables.c vmm/decode_format.c
// SOURCES: vmm/fetch.c vmm/insn_cache.c
// SOURCES: vmm/guestwalk.c vmm/guestwalk_access.c tests/unit/stubs/vcpu.c
// SOURCES: mm/gmem.c mm/gpspace.c mm/pt.c mm/pt_format.c mm/frame.c mm/memmap.c
// SOURCES: tests/unit/stubs/arena.c tests/unit/stubs/frames.c tests/unit/stubs/panic.c
/*
 * Emulation: translation and faults, REP in pieces, lengths. What instructions compute is compared
 * with the host's own processor in test_emulate_native.c.
 */
#include "tests/unit/stubs/unit.h"

#include <string.h>

#include "tests/unit/stubs/vcpu.h"
#include "vmm/emulate.h"

#define CODE 0x10000ull

static struct vcpu *const v = &fake.vcpu;

/* --- MMIO --- */

static struct vm_exit *mmio_code(const char *bytes, unsigned len)
{
	fake.access_count = 0;
	fake.vector = -1;
	return fake_code(CODE, bytes, len, VM_EXIT_FAULT);
}
#define MMIO(bytes) mmio_code(bytes, sizeof(bytes) - 1)

static void test_fault_address_saves_the_walk(void **state)
{
	struct vm_exit *exit;

	(void)state;
	fake_long_paging();
	fake_map(0x80000, 0);	     /* not mapped: a walk would fault */
	exit = MMIO("\x8b\x47\x10"); /* mov eax, [rdi+0x10] */
	exit->u.fault.walk = false;
	exit->u.fault.gpa = FAKE_DEVICE + 0x230;
	v->gpr[REG_RDI] = 0x80220;
	memcpy(fake.device + 0x230, "\x78\x56\x34\x12", 4);
	assert_int_equal(emulate_mmio(v, exit), EXIT_ADVANCE);
	assert_int_equal(v->gpr[REG_RAX], 0x12345678);
	assert_int_equal(exit->length, 3);
	/* Another place in the page, another direction, or over its end: the tables decide. */
	v->gpr[REG_RDI] = 0x80221;
	assert_int_equal(emulate_mmio(v, exit), EXIT_RESUME);
	assert_int_equal(fake.vector, VEC_PF);
	v->gpr[REG_RDI] = 0x80220;
	exit->u.fault.write = true;
	fake.vector = -1;
	assert_int_equal(emulate_mmio(v, exit), EXIT_RESUME);
	assert_int_equal(fake.vector, VEC_PF);
	exit->u.fault.write = false;
	exit->u.fault.gpa = FAKE_DEVICE + 0xffe;
	v->gpr[REG_RDI] = 0x80fee;
	fake.vector = -1;
	assert_int_equal(emulate_mmio(v, exit), EXIT_RESUME);
	assert_int_equal(fake.vector, VEC_PF);
}

static void test_operand_across_pages(void **state)
{
	struct vm_exit *exit;

	(void)state;
	fake_long_paging();
	fake_map(0x80000, 0x90000 | 3);
	fake_map(0x81000, FAKE_DEVICE | 3);
	exit = MMIO("\x48\x89\x07"); /* mov [rdi], rax */
	v->gpr[REG_RDI] = 0x80ffd;
	v->gpr[REG_RAX] = 0x8877665544332211;
	assert_int_equal(emulate_mmio(v, exit), EXIT_ADVANCE);
	assert_int_equal(fake_peek(0x90ffd, 3), 0x332211);
	assert_memory_equal(fake.device, "\x44\x55\x66\x77\x88", 5);
	/* Read-only on the second page: nothing is written on the first. */
	fake_map(0x81000, FAKE_DEVICE | 1);
	fake_poke(0x90ffd, 0, 3);
	fake.access_count = 0;
	assert_int_equal(emulate_mmio(v, exit), EXIT_RESUME);
	assert_int_equal(fake.vector, VEC_PF);
	assert_int_equal(fake.error_code, PF_P | PF_W);
	assert_int_equal(fake.reg[REG_CR2], 0x81000);
	assert_int_equal(fake_peek(0x90ffd, 3), 0);
	assert_int_equal(fake.access_count, 0);
}

static void test_user_rights(void **state)
{
	struct vm_exit *exit;

	(void)state;
	fake_mode(64, 3);
	fake_long_paging();
	fake_map(0x80000, FAKE_DEVICE | 3); /* the kernel's */
	exit = MMIO("\x8b\x07");
	v->gpr[REG_RDI] = 0x80000;
	assert_int_equal(emulate_mmio(v, exit), EXIT_RESUME);
	assert_int_equal(fake.vector, VEC_PF);
	assert_int_equal(fake.error_code, PF_P | PF_U);
	assert_int_equal(fake.access_count, 0);
}

static void test_local_apic(void **state)
{
	struct vm_exit *exit = MMIO("\xc7\x80\xb0\x00\x00\x00\x00\x00\x00\x00"); /* EOI */

	(void)state;
	v->lapic.state.base = 0xfee00000 | APIC_BASE_ENABLE;
	v->gpr[REG_RAX] = 0xfee00000;
	exit->u.fault.walk = false;
	exit->u.fault.write = true;
	exit->u.fault.gpa = 0xfee000b0;
	assert_int_equal(emulate_mmio(v, exit), EXIT_ADVANCE);
	assert_int_equal(fake.access_count, 1);
	assert_true(fake.access[0].apic);
	assert_int_equal(fake.access[0].a.addr, 0xb0);
	assert_int_equal(fake.access[0].a.size, 4);
}

static void test_real_mode(void **state)
{
	struct vm_exit *exit;

	(void)state;
	fake_mode(16, 0);
	fake.seg[SEG_CS].base = CODE;
	fake.seg[SEG_ES].base = 0xb8000;
	fake.reg[REG_RIP] = 0;
	exit = MMIO("\x26\x89\x07"); /* mov [es:bx], ax */
	fake.reg[REG_RIP] = 0;
	v->gpr[REG_RBX] = 0xffff0010; /* the upper half does not count */
	v->gpr[REG_RAX] = 0x0741;
	fake_poke(0xb8010, 0, 2);
	assert_int_equal(emulate_mmio(v, exit), EXIT_ADVANCE);
	assert_int_equal(fake_peek(0xb8010, 2), 0x0741);
	v->gpr[REG_RBX] = 0xffff;
	assert_int_equal(emulate_mmio(v, exit), EXIT_RESUME);
	assert_int_equal(fake.vector, VEC_GP);
}

static void test_push_pop(void **state)
{
	struct vm_exit *exit = MMIO("\xff\x37"); /* push qword [rdi] */

	(void)state;
	memcpy(fake.device + 8, "\1\2\3\4\5\6\7\10", 8);
	v->gpr[REG_RDI] = FAKE_DEVICE + 8;
	fake.reg[REG_RSP] = 0x2000;
	assert_int_equal(emulate_mmio(v, exit), EXIT_ADVANCE);
	assert_int_equal(fake.reg[REG_RSP], 0x1ff8);
	assert_int_equal(fake_peek(0x1ff8, 8), 0x0807060504030201);
	exit = MMIO("\x8f\x44\x24\x10"); /* pop qword [rsp+0x10]: RSP after the pop */
	fake.reg[REG_RSP] = FAKE_DEVICE + 0x20;
	memcpy(fake.device + 0x20, "\x11\x22\x33\x44\x55\x66\x77\x08", 8);
	assert_int_equal(emulate_mmio(v, exit), EXIT_ADVANCE);
	assert_int_equal(fake.reg[REG_RSP], FAKE_DEVICE + 0x28);
	assert_memory_equal(fake.device + 0x38, fake.device + 0x20, 8);
	exit = MMIO("\x50"); /* push rax, a stack in the device */
	v->gpr[REG_RAX] = 0x1234;
	assert_int_equal(emulate_mmio(v, exit), EXIT_ADVANCE);
	assert_int_equal(fake.reg[REG_RSP], FAKE_DEVICE + 0x20);
	assert_memory_equal(fake.device + 0x20, "\x34\x12\0\0\0\0\0\0", 8);
}

static void test_movbe(void **state)
{
	struct vm_exit *exit =
	    MMIO("\x0f\x38\xf0\x07"); /* not on every host, so not by the oracle */

	(void)state;
	memcpy(fake.device, "\x12\x34\x56\x78", 4);
	v->gpr[REG_RDI] = FAKE_DEVICE;
	assert_int_equal(emulate_mmio(v, exit), EXIT_ADVANCE);
	assert_int_equal(v->gpr[REG_RAX], 0x12345678);
	exit = MMIO("\x66\x0f\x38\xf1\x07");
	assert_int_equal(emulate_mmio(v, exit), EXIT_ADVANCE);
	assert_memory_equal(fake.device, "\x56\x78\x56\x78", 4);
}

/* A fault in the middle leaves counts and pointers where the instruction can go on. */
static void test_string_fault(void **state)
{
	struct vm_exit *exit;

	(void)state;
	fake_long_paging();
	exit = MMIO("\xf3\xaa"); /* rep stosb */
	v->gpr[REG_RDI] = FAKE_DEVICE + FAKE_DEVICE_SIZE - 100;
	v->gpr[REG_RCX] = 150;
	v->gpr[REG_RAX] = 0x5a;
	assert_int_equal(emulate_mmio(v, exit), EXIT_RESUME);
	assert_int_equal(fake.vector, VEC_PF);
	assert_int_equal(fake.reg[REG_CR2], FAKE_DEVICE + FAKE_DEVICE_SIZE);
	assert_int_equal(v->gpr[REG_RCX], 50);
	assert_int_equal(v->gpr[REG_RDI], FAKE_DEVICE + FAKE_DEVICE_SIZE);
	assert_int_equal(fake.device[FAKE_DEVICE_SIZE - 1], 0x5a);
	assert_int_equal(fake.access_count, 100);
	/* 64 KiB ends in the middle of an element: #GP only when it is reached. */
	fake_mode(32, 0);
	fake.seg[SEG_ES].base = FAKE_DEVICE;
	fake.seg[SEG_ES].limit = 0x1f;
	exit = MMIO("\xf3\xab");
	v->gpr[REG_RDI] = 2;
	v->gpr[REG_RCX] = 100;
	assert_int_equal(emulate_mmio(v, exit), EXIT_RESUME);
	assert_int_equal(fake.vector, VEC_GP);
	assert_int_equal(v->gpr[REG_RCX], 93);
	assert_int_equal(v->gpr[REG_RDI], 30);
}

static void test_string_in_chunks(void **state)
{
	struct vm_exit *exit = MMIO("\xf3\xaa");
	unsigned rounds = 0;

	(void)state;
	v->gpr[REG_RDI] = FAKE_DEVICE;
	v->gpr[REG_RCX] = 3000;
	while (emulate_mmio(v, exit) == EXIT_RESUME)
		rounds++;
	assert_in_range(rounds, 3, 10); /* interrupts could come between */
	assert_int_equal(v->gpr[REG_RCX], 0);
	assert_int_equal(v->gpr[REG_RDI], FAKE_DEVICE + 3000);
	assert_int_equal(fake.access_count, 3000);
	assert_int_equal(fake.access[77].a.size, 1);
	/* A count of 0 touches nothing; 32-bit addresses count in ECX. */
	exit = MMIO("\x67\xf3\xaa");
	v->gpr[REG_RCX] = 0xff00000000;
	assert_int_equal(emulate_mmio(v, exit), EXIT_ADVANCE);
	assert_int_equal(fake.access_count, 0);
}

static void test_cannot(void **state)
{
	struct vm_exit *exit = MMIO("\x0f\x10\x07"); /* movups */

	(void)state;
	assert_int_equal(emulate_mmio(v, exit), EXIT_STOP);
	assert_int_equal(fake.errors, 1);
	assert_non_null(strstr(fake.error, "0f 10 07"));
	exit = MMIO("\x8e\x1f"); /* mov ds, [rdi] */
	v->gpr[REG_RDI] = FAKE_DEVICE;
	assert_int_equal(emulate_mmio(v, exit), EXIT_STOP);
	exit = MMIO("\x89\x07");
	exit->in_flight.kind = EVENT_INTR;
	assert_int_equal(emulate_mmio(v, exit), EXIT_STOP);
	assert_int_equal(fake.errors, 3);
}

static void test_code_outside_ram(void **state)
{
	struct vm_exit *exit = MMIO("\x90");

	(void)state;
	exit->u.fault.fetch = true;
	exit->u.fault.gpa = FAKE_DEVICE;
	fake.reg[REG_RIP] = FAKE_DEVICE;
	assert_int_equal(emulate_mmio(v, exit), EXIT_RESUME);
	assert_int_equal(fake.vector, VEC_UD);
	assert_int_equal(fake.partition.bus.last_stray_memory, FAKE_DEVICE);
	/* Tables outside RAM: reserved bits. */
	fake_long_paging();
	fake.reg[REG_CR3] = FAKE_DEVICE;
	assert_int_equal(emulate_mmio(v, exit), EXIT_RESUME);
	assert_int_equal(fake.vector, VEC_PF);
	assert_int_equal(fake.error_code, PF_P | PF_RSVD | PF_I);
	exit->u.fault.fetch = false;
	fake.vector = -1;
	assert_int_equal(emulate_mmio(v, exit), EXIT_RESUME);
	assert_int_equal(fake.vector, VEC_PF);
}

/* An instruction that goes on in a page that is gone by now. */
static void test_second_page_gone(void **state)
{
	struct vm_exit *exit;

	(void)state;
	fake_long_paging();
	exit = MMIO("");
	fake_poke(CODE + 0xffe, 0x878b, 2); /* mov eax, [rdi + disp32] */
	exit->rip = fake.reg[REG_RIP] = CODE + 0xffe;
	v->gpr[REG_RDI] = FAKE_DEVICE;
	fake_map(CODE + 0x1000, 0);
	assert_int_equal(emulate_mmio(v, exit), EXIT_RESUME);
	assert_int_equal(fake.vector, VEC_PF);
	assert_int_equal(fake.error_code, PF_I);
	assert_int_equal(fake.reg[REG_CR2], CODE + 0x1000);
	fake.vector = -1;
	fake_map(CODE + 0x1000, FAKE_DEVICE | 1); /* no fault, but no RAM */
	assert_int_equal(emulate_mmio(v, exit), EXIT_STOP);
	assert_int_equal(fake.vector, -1);
}

static void test_random_code(void **state)
{
	u64 seed = 5;

	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		u64 bytes[2] = { unit_random(&seed), unit_random(&seed) };
		struct vm_exit *exit;

		fake_mode(16u << i % 3, 0);
		exit = fake_code(CODE, bytes, sizeof(bytes), VM_EXIT_FAULT);
		for (unsigned r = 0; r < REG_GPRS; r++)
			v->gpr[r] =
			    unit_random(&seed) % 3 ? FAKE_DEVICE + r * 16 : unit_interesting(&seed);
		fake.reg[REG_RSP] = FAKE_DEVICE + 0x100;
		fake.access_count = 0;
		fake.vector = -1;
		emulate_mmio(v, exit);
		assert_true(exit->length <= INSN_MAX);
	}
}

/* --- lengths --- */

static void test_lengths(void **state)
{
	static const struct {
		enum vm_exit_reason reason;
		const char *bytes;
		unsigned length;
	} known[] = {
		{ VM_EXIT_CPUID, "\x0f\xa2", 2 },	  { VM_EXIT_HLT, "\xf4", 1 },
		{ VM_EXIT_RDMSR, "\x0f\x32", 2 },	  { VM_EXIT_WRMSR, "\x0f\x30", 2 },
		{ VM_EXIT_HYPERCALL, "\x0f\x01\xd9", 3 }, { VM_EXIT_HYPERCALL, "\x0f\x01\xc1", 3 },
		{ VM_EXIT_PAUSE, "\xf3\x90", 2 },	  { VM_EXIT_CACHE, "\x0f\x08", 2 },
		{ VM_EXIT_CACHE, "\x0f\x09", 2 },	  { VM_EXIT_RDPMC, "\x0f\x33", 2 },
		{ VM_EXIT_XSETBV, "\x0f\x01\xd1", 3 },	  { VM_EXIT_MONITOR, "\x0f\x01\xc8", 3 },
		{ VM_EXIT_MWAIT, "\x0f\x01\xc9", 3 },	  { VM_EXIT_CR, "\x44\x0f\x22\xc0", 4 },
		{ VM_EXIT_DR, "\x0f\x21\xf8", 3 },	  { VM_EXIT_CPUID, "\x66\x2e\x0f\xa2", 4 },
		{ VM_EXIT_EXCEPTION, "\xcc", 1 },	  { VM_EXIT_MWAIT, "\x0f\x01\xfb", 3 },
	};

	(void)state;
	for (unsigned bits = 16; bits <= 64; bits *= 2) {
		for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
			struct vm_exit *exit;
			unsigned len = strlen(known[i].bytes);

			if (bits != 64 && (u8)known[i].bytes[0] == 0x44)
				continue;
			fake_mode(bits, 0);
			exit = fake_code(bits == 16 ? 0x800 : CODE, known[i].bytes, len,
					 known[i].reason);
			for (unsigned again = 0; again < 2; again++)
				assert_int_equal(emulate_length(v, exit), known[i].length);
		}
	}
}

/* The hint may be stale: it must never give more than what the expected bytes prove. */
static void test_length_hint(void **state)
{
	struct vm_exit *exit;

	(void)state;
	fake_long_paging();
	fake_map(0x80000, 0x90000 | 3);
	fake_poke(0x90100, 0xa20f, 4);
	fake_poke(0x91100, 0xa20f66, 4);
	exit = fake_code(0x90100, "\x0f\xa2", 2, VM_EXIT_CPUID);
	exit->rip = fake.reg[REG_RIP] = 0x80100;
	assert_int_equal(emulate_length(v, exit), 2);
	fake_map(0x80000, 0); /* the hint still serves, as a TLB entry would */
	assert_int_equal(emulate_length(v, exit), 2);
	fake_map(0x80000, 0x91000 | 3); /* other code at this address, in another address space */
	fake.reg[REG_CR3] |= 1;
	assert_int_equal(emulate_length(v, exit), 3);
	fake.reg[REG_CR3] &= ~1ull;
	assert_int_equal(emulate_length(v, exit), 3);
	/* At the end of a page there is nothing to compare with. */
	fake_poke(0x91fff, 0xf4, 1);
	exit->reason = VM_EXIT_HLT;
	exit->rip = fake.reg[REG_RIP] = 0x80fff;
	assert_int_equal(emulate_length(v, exit), 1);
	fake_map(0x80000, 0);
	assert_int_equal(emulate_length(v, exit), 0);
	assert_int_equal(fake.vector, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(test_fault_address_saves_the_walk),
		FAKE_TEST(test_operand_across_pages),
		FAKE_TEST(test_user_rights),
		FAKE_TEST(test_local_apic),
		FAKE_TEST(test_real_mode),
		FAKE_TEST(test_push_pop),
		FAKE_TEST(test_movbe),
		FAKE_TEST(test_string_fault),
		FAKE_TEST(test_string_in_chunks),
		FAKE_TEST(test_cannot),
		FAKE_TEST(test_code_outside_ram),
		FAKE_TEST(test_second_page_gone),
		FAKE_TEST(test_random_code),
		FAKE_TEST(test_lengths),
		FAKE_TEST(test_length_hint),
	};

	return cmocka_run_group_tests_name("emulate", tests, NULL, NULL);
}
