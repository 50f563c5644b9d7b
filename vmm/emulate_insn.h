#pragma once
/* Between the files of the emulator: one instruction at work. */
#include "compiler.h"
#include "types.h"
#include "vmm/backend.h"
#include "vmm/decode.h"
#include "vmm/exit.h"
#include "vmm/guestwalk.h"

struct vcpu;

struct emulation {
	struct vcpu *v;
	struct vm_exit *exit;
	struct guest_context context;
	const struct insn *insn;
	struct guest_span mem; /* the memory operand, once it is mapped */
};

/*
 * What the steps of an emulation answer: 0: done; -EFAULT: an exception has been raised in the
 * guest; -EAGAIN: a REP has more to do; -ENOMEM: host memory; -EINVAL: no way to do it.
 */
enum exit_action emulate_result(struct emulation *e, int r);
/* Reads and decodes the instruction at RIP. 0, -EINVAL, or -EFAULT after raising in the guest. */
MUST_CHECK int emulate_decode(struct emulation *e);
/*
 * Code there could not be read. -EFAULT after raising the #PF that the guest's tables now give;
 * -EINVAL: they give none, so that it is the memory that is no RAM.
 */
MUST_CHECK int emulate_probe_code(struct emulation *e, gva_t gva);

/* emulate_operand.c */
static inline u64 size_mask(unsigned bytes)
{
	return ~0ull >> (64 - 8 * bytes);
}
static inline u64 size_sign(unsigned bytes)
{
	return 1ull << (8 * bytes - 1);
}
/* The rules of a register write: 32 bits clear the upper half, 8 and 16 leave the rest alone. */
static inline u64 size_merge(u64 old, u64 value, unsigned bytes)
{
	return bytes >= 4 ? value & size_mask(bytes)
			  : (old & ~size_mask(bytes)) | (value & size_mask(bytes));
}
/* ACCESS_USER at CPL 3. */
unsigned emulate_access_user(struct emulation *e);
/* Checks and translates, raising #GP, #SS or #PF. */
MUST_CHECK int emulate_map(struct emulation *e, enum segment_name seg, u64 offset, unsigned size,
			   unsigned access, struct guest_span *span);
/* Maps the instruction's memory operand into e->mem; write: it will be written. */
MUST_CHECK int emulate_map_operand(struct emulation *e, bool write);
/* The value of an operand, zero-extended. Memory must be mapped. */
MUST_CHECK int emulate_get(struct emulation *e, const struct operand *o, u64 *value);
MUST_CHECK int emulate_put(struct emulation *e, const struct operand *o, u64 value);

/* emulate_alu.c: pure. Flags other than CF, PF, AF, ZF, SF and OF are left alone. */
u64 alu_binary(enum insn_op op, u64 a, u64 b, unsigned size, u64 *rflags);
u64 alu_unary(enum insn_op op, u64 a, unsigned size, u64 *rflags);
/* Shifts and rotations; the count is masked as the processor does. */
u64 alu_shift(enum insn_op op, u64 a, unsigned count, unsigned size, u64 *rflags);
/* Products; CF and OF tell that the upper half matters. *high: MUL's upper half. */
u64 alu_imul(u64 a, u64 b, unsigned size, u64 *rflags);
u64 alu_mul(u64 a, u64 b, unsigned size, u64 *high, u64 *rflags);
/* Whether a condition as encoded in Jcc, SETcc and CMOVcc holds. */
bool alu_condition(unsigned cond, u64 rflags);

/* emulate_mmio.c, emulate_string.c */
MUST_CHECK int emulate_instruction(struct emulation *e);
bool emulate_is_string(enum insn_op op);
MUST_CHECK int emulate_string(struct emulation *e);
