// SOURCES: vmm/emulate.c vmm/emulate_alu.c vmm/emulate_io.c vmm/emulate_mmio.c
// SOURCES: vmm/emulate_mov.c vmm/emulate_operand.c vmm/emulate_string.c
// SOURCES: vmm/decode.c vmm/decode_tables.c vmm/decode_format.c
// SOURCES: vmm/fetch.c vmm/insn_cache.c
// SOURCES: vmm/guestwalk.c vmm/guestwalk_access.c tests/unit/stubs/vcpu.c
// SOURCES: mm/gmem.c mm/gpspace.c mm/pt.c mm/pt_format.c mm/frame.c mm/memmap.c
// SOURCES: tests/unit/stubs/arena.c tests/unit/stubs/frames.c tests/unit/stubs/panic.c
/*
 * What emulated instructions compute. The processor of the build host is the oracle: it runs the
 * same bytes with the same registers on a buffer, and everything that they leave must be equal.
 */
#include "tests/unit/stubs/unit.h"

#include <string.h>

#include "tests/unit/stubs/vcpu.h"
#include "vmm/decode.h"
#include "vmm/emulate.h"

#define ARITH (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)
#define CODE 0x10000ull
#define MEMORY 1024u /* of the buffer that both sides work on */

static struct vcpu *const v = &fake.vcpu;

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

/* clang-format off */
#define INSN(text, flags)                                                     \
	"1: " text "\n2: ret\n"                                               \
	".pushsection .rodata.str1.1,\"aMS\",@progbits,1\n3: .asciz \"" text "\"\n.popsection\n" \
	".pushsection .data.insns,\"aw\"\n.quad 1b, 2b, 3b, " #flags "\n.popsection\n"
#define I(text) INSN(text, 0x8d5)
#define L(text) INSN(text, 0x8c5) /* AF undefined */
#define B(text) INSN(text, 0x041) /* bit tests */
#define X(text) INSN(text, 0x801) /* products: CF and OF */
#define MR(op) I(op " [rdi+8], bl") I(op " [rdi+8], ch") I(op " [rdi+8], r8w") \
	I(op " [rdi+8], edx") I(op " [rdi+8], r9")
#define RM(op) I(op " bl, [rdi+8]") I(op " dh, [rdi+8]") I(op " r8w, [rdi+8]") \
	I(op " edx, [rdi+8]") I(op " r9, [rdi+8]")
#define MI(op) I(op " byte ptr [rdi], -3") I(op " word ptr [rdi], 0x1234") \
	I(op " dword ptr [rdi], -100") I(op " dword ptr [rdi], 0x12345678") \
	I(op " qword ptr [rdi], -0x12345678")
#define LMR(op) L(op " [rdi+8], bl") L(op " [rdi+8], r8w") L(op " [rdi+8], edx") \
	L(op " [rdi+8], r9")
#define LRM(op) L(op " bl, [rdi+8]") L(op " r8w, [rdi+8]") L(op " edx, [rdi+8]") \
	L(op " r9, [rdi+8]")
#define LMI(op) L(op " byte ptr [rdi], -3") L(op " word ptr [rdi], 0x1234") \
	L(op " dword ptr [rdi], -100") L(op " qword ptr [rdi], -0x12345678")
#define M(op) I(op " byte ptr [rdi-1]") I(op " word ptr [rdi+2]") I(op " dword ptr [rdi+4]") \
	I(op " qword ptr [rdi+3]")
#define BITS(op) B(op " word ptr [rdi], 13") B(op " dword ptr [rdi], 31") \
	B(op " qword ptr [rdi], 63") B(op " dword ptr [rdi], 0xfe")
#define S1(op) L(op " byte ptr [rdi], 1") L(op " word ptr [rdi], 1") L(op " dword ptr [rdi], 1") \
	L(op " qword ptr [rdi], 1")
#define SN(op) SHIFT(op " byte ptr [rdi], 7") SHIFT(op " word ptr [rdi], 3") \
	SHIFT(op " dword ptr [rdi], 31") SHIFT(op " qword ptr [rdi], 63") \
	SHIFT(op " dword ptr [rdi], cl") SHIFT(op " qword ptr [rdi], cl")
#define SHIFT(text) INSN(text, 0x0c5)
#define C(cc) I("set" cc " [rdi]") I("cmov" cc " cx, [rdi]") I("cmov" cc " edx, [rdi]") \
	I("cmov" cc " r9, [rdi]")

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
	I("xchg [rdi], bl") I("xchg [rdi], ah") I("xchg [rdi], cx") I("xchg [rdi], edx")
	I("xchg [rdi], r8")
	I("xadd [rdi], bl") I("xadd [rdi], cx") I("xadd [rdi], edx") I("lock xadd [rdi], r8")
	I("cmpxchg [rdi], bl") I("cmpxchg [rdi], cx") I("cmpxchg [rdi], edx")
	I("lock cmpxchg [rdi], r8")
	I("cmpxchg [r11], rbx") /* equal: R11 points to a copy of RAX */ I("cmpxchg [r11], ebx")
	BITS("bt") BITS("bts") BITS("btr") BITS("btc")
	B("bt dword ptr [rdi], r10d") B("bts word ptr [rdi], r10w") B("btr qword ptr [rdi], r10")
	B("lock btc dword ptr [rdi], r10d")
	S1("rol") S1("ror") S1("rcl") S1("rcr") SN("rol") SN("ror") SN("rcl") SN("rcr")
	S1("shl") S1("shr") S1("sar") SN("shl") SN("shr") SN("sar")
	C("o") C("no") C("b") C("ae") C("z") C("nz") C("be") C("a") C("s") C("ns") C("pe") C("po")
	C("l") C("ge") C("le") C("g")
	X("imul cx, [rdi]") X("imul edx, [rdi]") X("imul r8, [rdi]")
	X("mul byte ptr [rdi]") X("mul word ptr [rdi]") X("mul dword ptr [rdi]")
	X("mul qword ptr [rdi]")
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

/* clang-format on */

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

static void compare_insn(const struct native_insn *i, struct registers r, const u8 *content,
			 bool strings)
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
			fail_msg("%s: register %u is %#lx, not %#lx", i->text, n, ours.gpr[n],
				 native.gpr[n]);
	if ((fake.reg[REG_RFLAGS] ^ native.flags) & i->flags)
		fail_msg("%s: flags are %#lx, not %#lx", i->text, fake.reg[REG_RFLAGS],
			 native.flags);
	if (memcmp(memory, fake.device, MEMORY))
		fail_msg("%s: memory differs", i->text);
}

static void random_state(struct registers *r, u8 *content, u64 *seed)
{
	for (unsigned i = 0; i < 16; i++)
		r->gpr[i] = unit_interesting(seed);
	for (unsigned i = 0; i < MEMORY; i += 8) {
		u64 value = unit_interesting(seed);

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(test_like_the_processor),
		FAKE_TEST(test_strings_like_the_processor),
	};

	return cmocka_run_group_tests_name("emulate_native", tests, NULL, NULL);
}
