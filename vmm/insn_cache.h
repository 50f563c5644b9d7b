#pragma once
/*
 * Instructions as they were decoded before. insn_decode() is a function of the bytes and the code
 * size alone, so its answer may be used again for equal bytes, wherever they lie and whoever wrote
 * them. The bytes are read from the guest's memory anew each time (fetch.h), and only the copy is
 * looked at. A slot is found by RIP, all of whose lower bits count: functions begin at
 * multiples of 16, so that those of two sites often have the last four in common.
 */
#include "types.h"
#include "vmm/backend.h"
#include "vmm/decode.h"

#define INSN_SLOTS 32
#define INSN_SLOT(rip) (((rip) ^ (rip) >> 4 ^ (rip) >> 9) % INSN_SLOTS)
#define INSN_KEY_WORDS 2 /* more than INSN_MAX bytes */

struct insn_slot {
	u64 key[INSN_KEY_WORDS]; /* the bytes at RIP */
	unsigned bits;		 /* of the code; 0: nothing here */
	struct insn insn;
};

/* In a vCPU, for its own thread. All zero when new. */
struct insn_cache {
	struct insn_slot slot[INSN_SLOTS];
};

/*
 * The instruction at CS:RIP, until the next call. 0; -EFAULT when some byte of it cannot be read
 * (nothing is raised in the guest), -EINVAL when it is not one that the decoder knows.
 */
MUST_CHECK int insn_fetch(struct vcpu *v, const struct guest_context *c, const struct insn **insn);
/*
 * The same for 64-bit code when both the page and the instruction are known, else NULL. No lock,
 * and nothing that takes time: may be called with interrupts off.
 */
const struct insn *insn_known(struct vcpu *v, const struct guest_context *c);
