// SOURCES: vmm/decode.c vmm/decode_tables.c vmm/decode_format.c
/*
 * The decoder's text goes to NASM and back: random instructions are decoded, printed, assembled,
 * and decoded again, which must give the same text. So operands and sizes are checked against
 * another mind.
 */
#include "tests/unit/stubs/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/decode.h"

#define TEXT 80
#define COUNT 4000u
#define SLOT 16u
#define ORIGIN 0x100000ull

/* NASM has no other way to write these than the one that it would take for another instruction. */
static bool is_printable(const struct insn *insn)
{
	if (!insn->mem_base_valid && insn->mem_index_valid && insn->mem_scale <= 2)
		return false; /* NASM makes a base of the index */
	if (insn->mem_rip && (insn->segment_override || insn->addr_size == 4))
		return false;
	switch (insn->op) {
	case OP_XCHG: /* of two registers: in either order */ return insn->dst.kind == OPERAND_MEM;
	case OP_NOP:	/* also CLFLUSH, prefetches, and NOPs with an operand */
	case OP_INVLPG: /* memory without a size */
	case OP_VMRUN:
	case OP_VMLOAD:
	case OP_VMSAVE:
	case OP_SKINIT:
	case OP_INVLPGA:
	case OP_SMSW:
	case OP_LMSW:
	case OP_MONITOR:
	case OP_MWAIT: /* also the X forms */
	case OP_MOV_DR:
	case OP_INT1: return false;
	case OP_MOV_CR: return !insn->lock;
	case OP_MOVSX: /* of 16 bits to 16, which compilers do not emit */
		return insn->dst.size > insn->src.size;
	case OP_MOVZX: return insn->dst.size > insn->src.size;
	default: return true;
	}
}

/* A LOCK where it means nothing draws a warning; a REP on others is dropped by the text. */
static bool is_lockable(const struct insn *insn)
{
	bool memory = insn->dst.kind == OPERAND_MEM;

	if (!insn->lock)
		return true;
	return memory && insn->op >= OP_ADD && insn->op <= OP_BTC && insn->op != OP_CMP &&
	       insn->op != OP_TEST && insn->op != OP_BT;
}

static void random_insn(u64 *seed, unsigned bits, struct insn *insn)
{
	static const u8 prefixes[] = { 0x66, 0x67, 0x64, 0x26, 0x36, 0xf0,
				       0xf2, 0xf3, 0x48, 0x45, 0x4a, 0x41 };
	u8 bytes[24];

	for (;;) {
		u64 tail[2] = { unit_random(seed), unit_random(seed) }, r = unit_random(seed);
		unsigned n = 0;

		for (unsigned i = 0; i < (r & 3); i++)
			bytes[n++] = prefixes[(r >> (8 + 4 * i)) % ARRAY_SIZE(prefixes)];
		if (r & 4)
			bytes[n++] = 0x0f;
		memcpy(bytes + n, tail, sizeof(tail));
		if (insn_decode(insn, bytes, INSN_MAX, bits) || !is_printable(insn) ||
		    !is_lockable(insn))
			continue;
		/* The text of an address without a register does not tell the address size. */
		if (insn->addr_size == bits / 8 || insn->mem_base_valid || insn->mem_index_valid)
			return;
	}
}

/* A text for an address relative to RIP must not be a plain number for NASM. */
static void write_line(FILE *out, const char *text)
{
	const char *rel = strstr(text, "rel 0x");

	if (rel)
		fprintf(out, "%.*srel $$ - 0x%llx + %s\n", (int)(rel - text), text, ORIGIN,
			rel + 4);
	else
		fprintf(out, "%s\n", text);
}

static void write_source(const char *path, char (*text)[TEXT], u8 *lengths, unsigned bits)
{
	FILE *out = fopen(path, "w");
	u64 seed = 77 + bits;

	assert_non_null(out);
	fprintf(out, "bits %u\norg 0x%llx\n", bits, ORIGIN);
	for (unsigned i = 0; i < COUNT; i++) {
		struct insn insn;

		random_insn(&seed, bits, &insn);
		lengths[i] = insn.length;
		insn_format(&insn, ORIGIN + i * SLOT, text[i], TEXT);
		write_line(out, text[i]);
		fprintf(out, "times %u - ($ - $$) nop\n", (i + 1) * SLOT);
	}
	fclose(out);
}

/*
 * RIP-relative targets are the only text that depends on the length, so compare with the length
 * that NASM chose. It may choose a shorter form, never another instruction.
 */
static void compare(const u8 *image, char (*text)[TEXT], unsigned bits)
{
	unsigned wrong = 0;

	for (unsigned i = 0; i < COUNT; i++) {
		struct insn insn;
		char again[TEXT] = "(not decoded)";

		if (!insn_decode(&insn, image + i * SLOT, SLOT, bits))
			insn_format(&insn, ORIGIN + i * SLOT, again, sizeof(again));
		if (strcmp(again, text[i]) && wrong++ < 20)
			print_error("%u bits: %s came back as %s\n", bits, text[i], again);
	}
	assert_int_equal(wrong, 0);
}

static void round_trip(unsigned bits)
{
	static char text[COUNT][TEXT];
	static u8 lengths[COUNT], image[COUNT * SLOT];
	char dir[] = "/tmp/partita-format-XXXXXX", source[64], binary[64], command[256];
	FILE *in;

	assert_non_null(mkdtemp(dir));
	snprintf(source, sizeof(source), "%s/a.asm", dir);
	snprintf(binary, sizeof(binary), "%s/a.bin", dir);
	write_source(source, text, lengths, bits);
	snprintf(command, sizeof(command), "nasm -O0 -w-all -f bin -o %s %s", binary, source);
	assert_int_equal(system(command), 0);
	in = fopen(binary, "rb");
	assert_non_null(in);
	assert_int_equal(fread(image, SLOT, COUNT, in), COUNT);
	fclose(in);
	unlink(source);
	unlink(binary);
	rmdir(dir);
	compare(image, text, bits);
}

static void test_64(void **state)
{
	(void)state;
	round_trip(64);
}

static void test_32(void **state)
{
	(void)state;
	round_trip(32);
}

static void test_16(void **state)
{
	(void)state;
	round_trip(16);
}

static void test_small_buffers(void **state)
{
	static const u8 bytes[] = { 0x48, 0xc7, 0x84, 0x8b, 0x78, 0x56, 0x34, 0x12, 0, 0, 0, 0x80 };
	struct insn insn;
	char whole[TEXT];

	(void)state;
	assert_int_equal(insn_decode(&insn, bytes, sizeof(bytes), 64), 0);
	insn_format(&insn, 0, whole, sizeof(whole));
	assert_string_equal(whole, "mov qword [rbx+rcx*4+0x12345678], 0xffffffff80000000");
	for (size_t size = 0; size <= strlen(whole) + 1; size++) {
		char *buf = malloc(size ? size : 1); /* exact, for the sanitizer */

		insn_format(&insn, 0, buf, size);
		if (size) {
			assert_int_equal(strlen(buf), size - 1);
			assert_memory_equal(buf, whole, size - 1);
		}
		free(buf);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_64),
		cmocka_unit_test(test_32),
		cmocka_unit_test(test_16),
		cmocka_unit_test(test_small_buffers),
	};

	return cmocka_run_group_tests_name("decode_format", tests, NULL, NULL);
}
