// SOURCES: vmm/decode.c vmm/decode_tables.c vmm/decode_format.c
/* The decoder: known instructions, lengths against objdump, and bytes that mean nothing. */
#include "tests/unit/stubs/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "vmm/decode.h"

struct sample {
	unsigned bits;
	const char *bytes; /* hexadecimal */
	const char *text;  /* NULL: not known */
};

/* clang-format off */
static const struct sample samples[] = {
	/* What exits without a length from the processor. */
	{ 64, "0fa2", "cpuid" },
	{ 16, "0fa2", "cpuid" },
	{ 64, "f30fa2", "cpuid" },
	{ 64, "480fa2", "cpuid" },
	{ 64, "f4", "hlt" },
	{ 64, "0f32", "rdmsr" },
	{ 64, "0f30", "wrmsr" },
	{ 64, "0f31", "rdtsc" },
	{ 64, "0f33", "rdpmc" },
	{ 64, "0f01c1", "vmcall" },
	{ 64, "0f01d9", "vmmcall" },
	{ 64, "0f01d1", "xsetbv" },
	{ 64, "0f01c8", "monitor" },
	{ 64, "0f01c9", "mwait" },
	{ 64, "0f01fb", "mwait" },
	{ 64, "0f01f9", "rdtscp" },
	{ 64, "0f01d8", "vmrun" },
	{ 64, "0f01dd", "clgi" },
	{ 64, "0f01df", "invlpga" },
	{ 64, "0f01f8", NULL }, /* SWAPGS */
	{ 64, "0f08", "invd" },
	{ 64, "f30f09", "wbinvd" },
	{ 64, "f390", "pause" },
	{ 64, "90", "nop" },
	{ 64, "4190", "xchg r8d, eax" },
	{ 64, "0f0138", "invlpg byte [rax]" },
	{ 64, "0f22d8", "mov cr3, rax" },
	{ 64, "440f20c0", "mov rax, cr8" },
	{ 32, "f00f20c0", "lock mov eax, cr8" },
	{ 32, "0f20c0", "mov eax, cr0" },
	{ 16, "0f22c3", "mov cr0, ebx" },
	{ 64, "0f2318", "mov dr3, rax" }, /* mod is not looked at */
	{ 64, "0f01f0", "lmsw ax" },
	{ 64, "0f01e0", "smsw eax" },
	{ 64, "0f0120", "smsw word [rax]" },
	{ 64, "cd80", "int 0x80" },
	{ 64, "cc", "int3" },
	{ 64, "ce", NULL },
	{ 32, "ce", "into" },
	/* Ports. */
	{ 64, "e464", "in al, 0x64" },
	{ 64, "66ed", "in ax, dx" },
	{ 64, "48ef", "out dx, eax" },
	{ 16, "ef", "out dx, ax" },
	{ 64, "e7fe", "out 0xfe, eax" },
	{ 64, "f36c", "rep insb" },
	{ 64, "f3666f", "rep outsw" },
	{ 16, "266e", "es outsb" },
	/* Memory. */
	{ 64, "8b03", "mov eax, dword [rbx]" },
	{ 64, "418b07", "mov eax, dword [r15]" },
	{ 64, "48890425b0000000", "mov qword [0xb0], rax" },
	{ 64, "890500010000", "mov dword [rel 0x1106], eax" },
	{ 64, "67890500010000", "mov dword [rel 0x1107], eax" },
	{ 32, "890500010000", "mov dword [0x100], eax" },
	{ 64, "c780b000000000000000", "mov dword [rax+0xb0], 0x0" },
	{ 64, "48c7000000ff80", "mov qword [rax], 0xffffffff80ff0000" },
	{ 64, "48b8f0debc9a78563412", "mov rax, 0x123456789abcdef0" },
	{ 64, "a1f0debc9a78563412", "mov eax, dword [qword 0x123456789abcdef0]" },
	{ 64, "67a178563412", "mov eax, dword [0x12345678]" },
	{ 16, "a33412", "mov word [0x1234], ax" },
	{ 64, "8a65f8", "mov ah, byte [rbp-0x8]" },
	{ 64, "408a65f8", "mov spl, byte [rbp-0x8]" },
	{ 64, "0fb60c8a", "movzx ecx, byte [rdx+rcx*4]" },
	{ 64, "480fbf0c8a", "movsx rcx, word [rdx+rcx*4]" },
	{ 64, "486301", "movsxd rax, dword [rcx]" },
	{ 32, "6301", NULL }, /* ARPL */
	{ 64, "4b8904e0", "mov qword [r8+r12*8], rax" },
	{ 16, "8b00", "mov ax, word [bx+si*1]" },
	{ 16, "8b42fe", "mov ax, word [bp+si*1-0x2]" },
	{ 16, "8b4600", "mov ax, word [bp]" },
	{ 16, "8b063412", "mov ax, word [0x1234]" },
	{ 16, "67668b4424fc", "mov eax, dword [esp-0x4]" },
	{ 32, "678b07", "mov eax, dword [bx]" },
	{ 64, "65488b042528000000", "mov rax, qword [gs:0x28]" },
	{ 64, "2e8b03", "mov eax, dword [rbx]" },
	{ 32, "2e8b03", "mov eax, dword [cs:ebx]" },
	{ 64, "642e8b03", "mov eax, dword [fs:rbx]" },
	{ 64, "f00fb10b", "lock cmpxchg dword [rbx], ecx" },
	{ 64, "f00fc10b", "lock xadd dword [rbx], ecx" },
	{ 64, "0fba2b05", "bts dword [rbx], 0x5" },
	{ 64, "480fa303", "bt qword [rbx], rax" },
	{ 64, "8703", "xchg dword [rbx], eax" },
	{ 64, "f60380", "test byte [rbx], 0x80" },
	{ 64, "f60b80", "test byte [rbx], 0x80" },
	{ 64, "f713", "not dword [rbx]" },
	{ 64, "f723", "mul dword [rbx]" },
	{ 64, "f733", NULL }, /* DIV */
	{ 64, "c12305", "shl dword [rbx], 0x5" },
	{ 64, "d23b", "sar byte [rbx], cl" },
	{ 64, "66d113", "rcl word [rbx], 0x1" },
	{ 64, "0f9503", "setnz byte [rbx]" },
	{ 64, "480f4703", "cmova rax, qword [rbx]" },
	{ 64, "0faf03", "imul eax, dword [rbx]" },
	{ 64, "8023fe", "and byte [rbx], 0xfe" },
	{ 64, "830bff", "or dword [rbx], 0xffffffff" },
	{ 64, "6681330080", "xor word [rbx], 0x8000" },
	{ 64, "82c001", NULL },
	{ 32, "82c001", "add al, 0x1" },
	{ 64, "ff33", "push qword [rbx]" },
	{ 64, "66ff33", "push word [rbx]" },
	{ 64, "8f03", "pop qword [rbx]" },
	{ 64, "8f0b", NULL }, /* XOP */
	{ 64, "ff03", "inc dword [rbx]" },
	{ 32, "40", "inc eax" },
	{ 64, "40", NULL }, /* REX alone: truncated */
	{ 64, "f348ab", "rep stosq" },
	{ 64, "f3a4", "rep movsb" },
	{ 64, "f2ae", "repne scasb" },
	{ 64, "f3a7", "repe cmpsd" },
	{ 64, "0fc303", "mov dword [rbx], eax" }, /* MOVNTI */
	{ 64, "0fc3c3", NULL },
	{ 64, "0f38f003", "movbe eax, dword [rbx]" },
	{ 64, "480f38f103", "movbe qword [rbx], rax" },
	{ 64, "f20f38f003", NULL }, /* CRC32 */
	{ 64, "8c18", "mov word [rax], ds" },
	{ 64, "8cd8", "mov eax, ds" },
	{ 64, "8ed8", "mov ds, ax" },
	{ 64, "8ef0", NULL }, /* no such segment register */
	{ 64, "0fae38", "nop byte [rax]" }, /* CLFLUSH */
	{ 64, "f30f1efa", "nop edx" },      /* ENDBR64 */
	{ 64, "0f10c0", NULL },
	{ 64, "c5f877", NULL },
	/* Prefixes: REX counts only before the opcode, 66 loses against REX.W. */
	{ 64, "48668b03", "mov ax, word [rbx]" },
	{ 64, "66488b03", "mov rax, qword [rbx]" },
	{ 64, "41488b03", "mov rax, qword [rbx]" },
	/* 15 bytes are allowed, 16 are not. */
	{ 64, "66666666666666666666666666890a", "mov word [rdx], cx" },
	{ 64, "6666666666666666666666666666890a", NULL },
};

/* clang-format on */

static unsigned parse_hex(const char *hex, u8 *bytes)
{
	unsigned n = 0, byte;

	for (; sscanf(hex, "%2x", &byte) == 1; hex += 2)
		bytes[n++] = byte;
	return n;
}

static void test_samples(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		const struct sample *s = &samples[i];
		u8 bytes[32];
		unsigned n = parse_hex(s->bytes, bytes);
		struct insn insn;
		char text[80];
		int rc = insn_decode(&insn, bytes, n, s->bits);

		if (!s->text) {
			if (rc == 0)
				insn_format(&insn, 0, text, sizeof(text));
			if (rc == 0)
				fail_msg("%s is known: %s", s->bytes, text);
			assert_int_equal(insn.length, 0);
			continue;
		}
		if (rc)
			fail_msg("%s: error %d, expected %s", s->bytes, rc, s->text);
		insn_format(&insn, 0x1000, text, sizeof(text));
		assert_string_equal(text, s->text);
		assert_int_equal(insn.length, n);
	}
}

/* Each shorter piece of an instruction asks for more; whatever follows it changes nothing. */
static void test_truncated(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		u8 bytes[48] = { 0 };
		unsigned n = parse_hex(samples[i].bytes, bytes);
		struct insn insn;

		if (!samples[i].text)
			continue;
		for (unsigned len = 0; len < n; len++) {
			u8 *exact =
			    malloc(len ? len : 1); /* so that the sanitizer sees a read too far */

			memcpy(exact, bytes, len);
			assert_int_equal(insn_decode(&insn, exact, len, samples[i].bits), -EAGAIN);
			assert_int_equal(insn.length, 0);
			free(exact);
		}
		memset(bytes + n, 0xff, sizeof(bytes) - n);
		assert_int_equal(insn_decode(&insn, bytes, n + 20, samples[i].bits), 0);
		assert_int_equal(insn.length, n);
	}
}

static void test_fields(void **state)
{
	static const u8 mem[] = {
		0x36, 0x66, 0x89, 0x4c, 0x8d, 0x80
	}; /* mov [ss:ebp+ecx*4-128], cx */
	static const u8 esp[] = { 0x8b, 0x04, 0x24 };
	static const u8 r13[] = { 0x41, 0x8b, 0x45, 0x00 };
	struct insn insn;

	(void)state;
	assert_int_equal(insn_decode(&insn, mem, sizeof(mem), 32), 0);
	assert_int_equal(insn.op, OP_MOV);
	assert_int_equal(insn.op_size, 2);
	assert_int_equal(insn.addr_size, 4);
	assert_int_equal(insn.segment, SEG_SS);
	assert_true(insn.segment_override && insn.mem_base_valid && insn.mem_index_valid);
	assert_int_equal(insn.mem_base, REG_RBP);
	assert_int_equal(insn.mem_index, REG_RCX);
	assert_int_equal(insn.mem_scale, 4);
	assert_int_equal(insn.mem_disp, -128);
	assert_int_equal(insn.dst.kind, OPERAND_MEM);
	assert_int_equal(insn.src.reg, REG_RCX);

	assert_int_equal(insn_decode(&insn, esp, sizeof(esp), 32), 0);
	assert_int_equal(insn.segment, SEG_SS);
	assert_false(insn.segment_override || insn.mem_index_valid);
	assert_int_equal(insn_decode(&insn, r13, sizeof(r13), 64), 0);
	assert_int_equal(insn.segment, SEG_DS); /* r13 and r12 do not imply SS */
	assert_int_equal(insn.mem_base, REG_R13);
}

static void test_random_bytes(void **state)
{
	u64 seed = 42;

	(void)state;
	for (unsigned i = 0; i < 2000000; i++) {
		static const unsigned bits[] = { 16, 32, 64 };
		u8 bytes[16];
		u64 r[2] = { unit_random(&seed), unit_random(&seed) };
		unsigned len = unit_random(&seed) % 17;
		struct insn insn;
		char text[24]; /* too short for some: it must be cut */
		int rc;

		memcpy(bytes, r, sizeof(bytes));
		rc = insn_decode(&insn, bytes, len, bits[i % 3]);
		if (rc) {
			assert_true(rc == -EAGAIN || rc == -EINVAL);
			assert_int_equal(insn.length, 0);
			assert_true(rc != -EAGAIN || len < INSN_MAX);
			continue;
		}
		assert_true(insn.length >= 1 && insn.length <= INSN_MAX && insn.length <= len);
		assert_true(insn.op > OP_UNKNOWN && insn.op < OP_COUNT);
		assert_true(insn.segment <= SEG_GS);
		insn_format(&insn, seed, text, sizeof(text));
		assert_true(strlen(text) < sizeof(text));
	}
}

/* --- objdump as the second opinion about lengths --- */

#define SLOT 32u

struct corpus {
	FILE *file;
	u8 *lengths;
	unsigned count, max, bits;
};

static void corpus_add(struct corpus *c, const u8 *bytes)
{
	u8 slot[SLOT];
	struct insn insn;

	if (insn_decode(&insn, bytes, INSN_MAX, c->bits) || c->count == c->max)
		return;
	memset(slot, 0x90, sizeof(slot));
	memcpy(slot, bytes, insn.length);
	assert_int_equal(fwrite(slot, sizeof(slot), 1, c->file), 1);
	c->lengths[c->count++] = insn.length;
}

/* objdump prints prefixes that have no effect on lines of their own. */
static bool is_prefix(unsigned op, unsigned bits)
{
	return op == 0x26 || op == 0x2e || op == 0x36 || op == 0x3e || (op >= 0x64 && op <= 0x67) ||
	       op == 0xf0 || op == 0xf2 || op == 0xf3 || (bits == 64 && op >= 0x40 && op <= 0x4f);
}

static void corpus_fill(struct corpus *c)
{
	static const char *const prefixes[] = { "",   "66", "67", "6667", "f3",
						"f2", "64", "48", "4d",	  "6645" };
	static const char *const maps[] = { "", "0f", "0f38" };
	u64 seed = c->bits;

	for (size_t p = 0; p < ARRAY_SIZE(prefixes); p++) {
		if (c->bits != 64 && (prefixes[p][0] == '4' || !strcmp(prefixes[p], "6645")))
			continue;
		for (unsigned op = 0; op < 256 * ARRAY_SIZE(maps); op++) {
			if (is_prefix(op, c->bits))
				continue;
			for (unsigned modrm = 0; modrm < 256; modrm += 1 + unit_random(&seed) % 7) {
				u64 tail[2] = { unit_random(&seed), unit_random(&seed) };
				u8 bytes[40];
				unsigned n = parse_hex(prefixes[p], bytes);

				n += parse_hex(maps[op / 256], bytes + n);
				bytes[n++] = op;
				bytes[n++] = modrm;
				memcpy(bytes + n, tail, sizeof(tail));
				corpus_add(c, bytes);
			}
		}
	}
}

/* Where the disassembler sees the second instruction of each slot begin. */
static void corpus_compare(struct corpus *c, const char *path)
{
	const char *mode = c->bits == 64 ? "i386:x86-64" : c->bits == 32 ? "i386" : "i8086";
	unsigned seen = 0, wrong = 0;
	char command[256], line[512];
	unsigned long at, slot = ~0ul;
	FILE *in;

	snprintf(command, sizeof(command), "objdump -D -z -w -b binary -m i386 -M %s,intel %s",
		 c->bits == 64 ? "x86-64" : mode, path);
	in = popen(command, "r");
	assert_non_null(in);
	while (fgets(line, sizeof(line), in)) {
		if (sscanf(line, " %lx:", &at) != 1 || strchr(line, '<'))
			continue;
		if (at / SLOT != slot && at % SLOT == 0) {
			slot = at / SLOT;
			if (strstr(line, "(bad)"))
				slot = ~0ul; /* objdump does not know it: the sample says nothing */
			snprintf(command, sizeof(command), "%.200s", line);
		} else if (at / SLOT == slot) {
			seen++;
			if (at % SLOT != c->lengths[slot] && wrong++ < 10)
				print_error("%u bits, length %u, objdump:%s", c->bits,
					    c->lengths[slot], command);
			slot = ~0ul;
		}
	}
	assert_int_equal(pclose(in), 0);
	assert_int_equal(wrong, 0);
	assert_true(seen > c->count / 10 * 9);
}

static void test_lengths_by_objdump(void **state)
{
	(void)state;
	for (unsigned bits = 16; bits <= 64; bits *= 2) {
		struct corpus c = { .max = 200000, .bits = bits };
		char path[] = "/tmp/partita-decode-XXXXXX";
		int fd = mkstemp(path);

		assert_true(fd >= 0);
		c.file = fdopen(fd, "w");
		c.lengths = malloc(c.max);
		corpus_fill(&c);
		fclose(c.file);
		assert_true(c.count > 20000 && c.count < c.max);
		corpus_compare(&c, path);
		unlink(path);
		free(c.lengths);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_random_bytes),
		cmocka_unit_test(test_lengths_by_objdump),
	};

	return cmocka_run_group_tests_name("decode", tests, NULL, NULL);
}
