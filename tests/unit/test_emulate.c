// SOURCES: vmm/emulate.c vmm/emulate_alu.c vmm/emulate_io.c vmm/emulate_mmio.c vmm/emulate_operand.c
// SOURCES: vmm/emulate_string.c vmm/decode.c vmm/decode_tables.c vmm/decode_format.c
// SOURCES: vmm/guestwalk.c vmm/guestwalk_access.c tests/unit/stubs/vcpu.c
// SOURCES: mm/gmem.c mm/gpspace.c mm/pt.c mm/pt_format.c mm/frame.c mm/memmap.c
// SOURCES: tests/unit/stubs/arena.c tests/unit/stubs/frames.c tests/unit/stubs/panic.c
/*
 * Emulation of instructions. The processor of the build host is the oracle: it runs the same bytes with
 * the same registers on a buffer, and the results must be equal. The rest is about faults, REP, ports.
 */
#include "tests/unit/stubs/unit.h"

#include <string.h>

#include "error.h"
#include "tests/unit/stubs/vcpu.h"
#include "vmm/emulate.h"
#include "vmm/emulate_insn.h"
#include "x86/msr.h"

#define ARITH (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)
#define LOGIC (ARITH & ~RFLAGS_AF)
#define CODE 0x10000ull
#define MEMORY 1024u /* of the buffer that both sides work on */

static struct vcpu *const v = &fake.vcpu;

static int setup(void **state)
{
	(void)state;
	fake_start();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_stop();
	return 0;
}

/* --- against the host's processor --- */

struct registers {
	u64 gpr[16]; /* RSP, RBP and R12 to R15 are not used */
	u64 flags;
};

void native_run(struct registers *r, const void *code);

__asm__(".pushsection .text\n"
	"native_run:\n"
	"	push %rbx; push %rbp; push %rdi\n"
	"	mov %rsi, %rbp\n"
	"	pushq 128(%rdi); popfq\n"
	"	mov 0(%rdi), %rax; mov 8(%rdi), %rcx; mov 16(%rdi), %rdx; mov 24(%rdi), %rbx\n"
	"	mov 48(%rdi), %rsi\n"
	"	mov 64(%rdi), %r8; mov 72(%rdi), %r9; mov 80(%rdi), %r10; mov 88(%rdi), %r11\n"
	"	mov 56(%rdi), %rdi\n"
	"	call *%rbp\n"
	"	pushfq; cld\n"
	"	mov 8(%rsp), %rbp\n"
	"	mov %rdi, 56(%rbp)\n"
	"	popq 128(%rbp); pop %rdi\n"
	"	mov %rax, 0(%rdi); mov %rcx, 8(%rdi); mov %rdx, 16(%rdi); mov %rbx, 24(%rdi)\n"
	"	mov %rsi, 48(%rdi)\n"
	"	mov %r8, 64(%rdi); mov %r9, 72(%rdi); mov %r10, 80(%rdi); mov %r11, 88(%rdi)\n"
	"	pop %rbp; pop %rbx\n"
	"	ret\n"
	".popsection\n");

struct native_insn {
	const u8 *begin, *end;
	const char *text;
	u64 flags; /* those that the manuals define */
};
extern const struct native_insn native_insns[], native_strings[], native_end[];

#define INSN(text, flags)                                                     \
	"1: " text "\n2: ret\n"                                               \
	".pushsection .rodata.str1.1,\"aMS\",@progbits,1\n3: .asciz \"" text "\"\n.popsection\n" \
	".pushsection .data.insns,\"aw\"\n.quad 1b, 2b, 3b, " #flags "\n.popsection\n"
#define I(text) INSN(text, 0x8d5)
#define L(text) INSN(text, 0x8c5) /* AF undefined */
#define B(text) INSN(text, 0x041) /* bit tests */
#define MR(op) I(op " [rdi+8], bl") I(op " [rdi+8], ch") I(op " [rdi+8], r8w") I(op " [rdi+8], edx") \
	I(op " [rdi+8], r9")
#define RM(op) I(op " bl, [rdi+8]") I(op " dh, [rdi+8]") I(op " r8w, [rdi+8]") I(op " edx, [rdi+8]") \
	I(op " r9, [rdi+8]")
#define MI(op) I(op " byte ptr [rdi], -3") I(op " word ptr [rdi], 0x1234") \
	I(op " dword ptr [rdi], -100") I(op " dword ptr [rdi], 0x12345678") \
	I(op " qword ptr [rdi], -0x12345678")
#define LMR(op) L(op " [rdi+8], bl") L(op " [rdi+8], r8w") L(op " [rdi+8], edx") L(op " [rdi+8], r9")
#define LRM(op) L(op " bl, [rdi+8]") L(op " r8w, [rdi+8]") L(op " edx, [rdi+8]") L(op " r9, [rdi+8]")
#define LMI(op) L(op " byte ptr [rdi], -3") L(op " word ptr [rdi], 0x1234") \
	L(op " dword ptr [rdi], -100") L(op " qword ptr [rdi], -0x12345678")
#define M(op) I(op " byte ptr [rdi-1]") I(op " word ptr [rdi+2]") I(op " dword ptr [rdi+4]") \
	I(op " qword ptr [rdi+3]")
#define BITS(op) B(op " word ptr [rdi], 13") B(op " dword ptr [rdi], 31") B(op " qword ptr [rdi], 63") \
	B(op " dword ptr [rdi], 0xfe")

__asm__(".pushsection .data.insns,\"aw\"\n.balign 8\nnative_insns:\n.popsection\n"
	".pushsection .text\n.intel_syntax noprefix\n"
	MR("mov") RM("mov") MI("mov")
	I("lock add [rdi], rbx") I("mov [rdi], ds") I("mov word ptr [rdi], cs")
	I("movzx eax, byte ptr [rdi]") I("movzx cx, byte ptr [rdi]") I("movzx r10, word ptr [rdi]")
	I("movsx eax, byte ptr [rdi]") I("movsx cx, byte ptr [rdi]") I("movsx r10, word ptr [rdi]")
	I("movsxd rbx, dword ptr [rdi]") I("movnti [rdi], rax")
	MR("add") RM("add") MI("add") MR("adc") RM("adc") MI("adc")
	MR("sub") RM("sub") MI("sub") MR("sbb") RM("sbb") MI("sbb")
	RM("cmp") MI("cmp") I("cmp [rdi+8], bl") I("cmp [rdi+8], r9")
	LMR("and") LRM("and") LMI("and") LMR("or") LRM("or") LMI("or")
	LMR("xor") LRM("xor") LMI("xor") LMR("test") LMI("test")
	M("not") M("neg") M("inc") M("dec")
	I("xchg [rdi], bl") I("xchg [rdi], ah") I("xchg [rdi], cx") I("xchg [rdi], edx") I("xchg [rdi], r8")
	I("xadd [rdi], bl") I("xadd [rdi], cx") I("xadd [rdi], edx") I("lock xadd [rdi], r8")
	I("cmpxchg [rdi], bl") I("cmpxchg [rdi], cx") I("cmpxchg [rdi], edx") I("lock cmpxchg [rdi], r8")
	I("cmpxchg [r11], rbx") /* equal: R11 points to a copy of RAX */ I("cmpxchg [r11], ebx")
	BITS("bt") BITS("bts") BITS("btr") BITS("btc")
	B("bt dword ptr [rdi], r10d") B("bts word ptr [rdi], r10w") B("btr qword ptr [rdi], r10")
	B("lock btc dword ptr [rdi], r10d")
	I("clflush [rdi]") I("prefetcht0 [rdi]") I("nop dword ptr [rdi]")
	"\n.att_syntax\n.popsection\n"
	".pushsection .data.insns,\"aw\"\nnative_strings:\n.popsection\n"
	".pushsection .text\n.intel_syntax noprefix\n"
	I("movsb") I("movsw") I("movsd") I("movsq") I("rep movsb") I("rep movsd") I("repne movsw")
	I("stosb") I("stosq") I("rep stosb") I("rep stosw") I("rep stosd") I("rep stosq")
	I("lodsb") I("lodsw") I("lodsd") I("lodsq") I("rep lodsb") I("rep lodsd")
	I("cmpsb") I("cmpsq") I("repe cmpsb") I("repne cmpsb") I("repe cmpsd")
	I("scasb") I("scasw") I("repne scasb") I("repe scasd")
	"\n.att_syntax\n.popsection\n"
	".pushsection .data.insns,\"aw\"\nnative_end:\n.popsection\n");

static enum exit_action emulate_until_done(struct vm_exit *exit)
{
	enum exit_action a;
	unsigned rounds = 0;

	do
		a = emulate_mmio(v, exit);
	while (a == EXIT_RESUME && fake.vector < 0 && ++rounds < 100);
	return a;
}

/* Registers that hold addresses, relative to their side's memory. */
static void relocate(struct registers *r, u64 base, bool strings)
{
	r->gpr[REG_RDI] += base;
	r->gpr[REG_R11] += base;
	if (strings)
		r->gpr[REG_RSI] += base;
}

static void compare_insn(const struct native_insn *i, struct registers r, const u8 *content, bool strings)
{
	static u8 memory[MEMORY];
	struct registers native = r, ours = r;
	struct vm_exit *exit = fake_code(CODE, i->begin, i->end - i->begin, VM_EXIT_FAULT);
	struct segment *ds = &fake.seg[SEG_DS], *cs = &fake.seg[SEG_CS];

	memcpy(memory, content, MEMORY);
	memcpy(fake.device, content, MEMORY);
	__asm__("mov %%ds, %0" : "=r"(ds->selector));
	__asm__("mov %%cs, %0" : "=r"(cs->selector));
	relocate(&native, (u64)memory, strings);
	native_run(&native, i->begin);
	relocate(&native, -(u64)memory, strings);

	relocate(&ours, FAKE_DEVICE, strings);
	memcpy(v->gpr, ours.gpr, sizeof(v->gpr));
	fake.reg[REG_RFLAGS] = r.flags;
	fake.vector = -1;
	fake.access_count = 0;
	if (emulate_until_done(exit) != EXIT_ADVANCE)
		fail_msg("%s: vector %d, error %s", i->text, fake.vector, fake.error);
	memcpy(ours.gpr, v->gpr, sizeof(v->gpr));
	relocate(&ours, -FAKE_DEVICE, strings);
	if (exit->length != i->end - i->begin)
		fail_msg("%s: length", i->text);
	for (unsigned n = 0; n < 16; n++)
		if (ours.gpr[n] != native.gpr[n])
			fail_msg("%s: register %u is %#lx, not %#lx", i->text, n, ours.gpr[n], native.gpr[n]);
	if ((fake.reg[REG_RFLAGS] ^ native.flags) & i->flags)
		fail_msg("%s: flags are %#lx, not %#lx", i->text, fake.reg[REG_RFLAGS], native.flags);
	if (memcmp(memory, fake.device, MEMORY))
		fail_msg("%s: memory differs", i->text);
}

static u64 interesting(u64 *seed)
{
	static const u64 values[] = { 0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff,
				      0x80000000, 0xffffffff, 0x7fffffffffffffff, 0x8000000000000000, ~0ull };
	u64 r = unit_random(seed);

	return r & 1 ? unit_random(seed) : values[(r >> 1) % ARRAY_SIZE(values)];
}

static void random_state(struct registers *r, u8 *content, u64 *seed)
{
	for (unsigned i = 0; i < 16; i++)
		r->gpr[i] = interesting(seed);
	for (unsigned i = 0; i < MEMORY; i += 8) {
		u64 value = interesting(seed);

		memcpy(content + i, &value, 8);
	}
	r->flags = (unit_random(seed) & ARITH) | RFLAGS_FIXED;
	r->gpr[REG_RDI] = 512 + unit_random(seed) % 16;
	r->gpr[REG_R10] = unit_random(seed) % 2048 - 1024; /* bit offsets, both ways */
	r->gpr[REG_R11] = 600;
	memcpy(content + 600, &r->gpr[REG_RAX], 8);
}

static void test_like_the_processor(void **state)
{
	u64 seed = 1;

	(void)state;
	for (const struct native_insn *i = native_insns; i < native_strings; i++) {
		for (unsigned round = 0; round < 100; round++) {
			struct registers r;
			u8 content[MEMORY];

			random_state(&r, content, &seed);
			compare_insn(i, r, content, false);
		}
	}
}

static void test_strings_like_the_processor(void **state)
{
	u64 seed = 2;

	(void)state;
	for (const struct native_insn *i = native_strings; i < native_end; i++) {
		for (unsigned round = 0; round < 200; round++) {
			struct registers r;
			u8 content[MEMORY];

			random_state(&r, content, &seed);
			r.gpr[REG_RCX] = unit_random(&seed) % 20;
			r.gpr[REG_RSI] = 512 + unit_random(&seed) % 64 - 32; /* may overlap */
			if (round & 1)
				r.flags |= RFLAGS_DF;
			if (round & 2) /* something to compare equal */
				memset(content, (int)round, MEMORY);
			compare_insn(i, r, content, true);
		}
	}
}

/* --- MMIO, beyond what an instruction computes --- */

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
	fake_map(0x80000, 0); /* not mapped: a walk would fault */
	exit = MMIO("\x8b\x47\x10"); /* mov eax, [rdi+0x10] */
	exit->u.fault.walk = false;
	exit->u.fault.read = true;
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
	v->apic_base = 0xfee00000 | APIC_BASE_ENABLE;
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
	struct vm_exit *exit = MMIO("\x0f\x38\xf0\x07"); /* not on every host, so not by the oracle */

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
			v->gpr[r] = unit_random(&seed) % 3 ? FAKE_DEVICE + r * 16 : interesting(&seed);
		fake.reg[REG_RSP] = FAKE_DEVICE + 0x100;
		fake.access_count = 0;
		fake.vector = -1;
		emulate_mmio(v, exit);
		assert_true(exit->length <= INSN_MAX);
	}
}

/* --- ports --- */

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
		assert_int_equal(emulate_io(v, io_exit("\xec", 1, 0x3f8, size, true)), EXIT_ADVANCE);
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
		{ VM_EXIT_MWAIT, "\x0f\x01\xc9", 3 },	  { VM_EXIT_INVLPG, "\x0f\x01\x3f", 3 },
		{ VM_EXIT_CR, "\x44\x0f\x22\xc0", 4 },	  { VM_EXIT_DR, "\x0f\x21\xf8", 3 },
		{ VM_EXIT_CPUID, "\x66\x2e\x0f\xa2", 4 }, { VM_EXIT_EXCEPTION, "\xcc", 1 },
		{ VM_EXIT_MWAIT, "\x0f\x01\xfb", 3 },
	};

	(void)state;
	for (unsigned bits = 16; bits <= 64; bits *= 2) {
		for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
			struct vm_exit *exit;
			unsigned len = strlen(known[i].bytes);

			if (bits != 64 && (u8)known[i].bytes[0] == 0x44)
				continue;
			fake_mode(bits, 0);
			exit = fake_code(bits == 16 ? 0x800 : CODE, known[i].bytes, len, known[i].reason);
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
	assert_int_equal(v->fetch.page, 0x80000);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_like_the_processor),
		TEST(test_strings_like_the_processor),
		TEST(test_fault_address_saves_the_walk),
		TEST(test_operand_across_pages),
		TEST(test_user_rights),
		TEST(test_local_apic),
		TEST(test_real_mode),
		TEST(test_push_pop),
		TEST(test_movbe),
		TEST(test_string_fault),
		TEST(test_string_in_chunks),
		TEST(test_cannot),
		TEST(test_code_outside_ram),
		TEST(test_random_code),
		TEST(test_in_out),
		TEST(test_outs),
		TEST(test_ins),
		TEST(test_string_io_faults),
		TEST(test_lengths),
		TEST(test_length_hint),
	};

	return cmocka_run_group_tests_name("emulate", tests, NULL, NULL);
}
