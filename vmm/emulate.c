/*
 * Emulation of single instructions: reading and decoding, lengths that the processor does not tell,
 * and what becomes of the exit.
 */
#include "vmm/emulate.h"

#include "error.h"
#include "lib/format.h"
#include "vmm/emulate_insn.h"
#include "vmm/known_length.h"
#include "vmm/partition.h"

#define PAGE_SIZE 4096u

static enum exit_action stop_unknown(struct emulation *e)
{
	u8 bytes[INSN_MAX];
	char text[3 * INSN_MAX + 1] = "";
	unsigned len = guest_fetch(e->v, &e->context, bytes, sizeof(bytes));

	for (unsigned i = 0; i < len; i++)
		snprintf(text + 3 * i, 4, "%02x ", bytes[i]);
	partition_error(e->v, "cannot emulate the instruction at %#lx: %s", e->exit->rip, text);
	return EXIT_STOP;
}

enum exit_action emulate_result(struct emulation *e, int r)
{
	switch (r) {
	case 0: return EXIT_ADVANCE;
	case -EFAULT:
	case -EAGAIN: return EXIT_RESUME;
	case -ENOMEM: partition_error(e->v, "no memory left for the guest"); return EXIT_STOP;
	default: return stop_unknown(e);
	}
}

/*
 * It was executed and yet cannot be read: the guest has changed its tables since, for the page of
 * its first byte or for the one it goes on in.
 */
static int raise_fetch_fault(struct emulation *e)
{
	gva_t gva = guest_rip_linear(&e->context), next = ROUND_DOWN(gva, PAGE_SIZE) + PAGE_SIZE;
	int r = emulate_probe_code(e, gva);

	return r == -EINVAL ? emulate_probe_code(e, e->context.bits == 64 ? next : (u32)next) : r;
}

int emulate_probe_code(struct emulation *e, gva_t gva)
{
	u32 error = 0;
	gpa_t gpa;
	int r = guest_translate_code(e->v, &e->context, gva, NULL, &gpa, &error);

	if (r == -EFAULT)
		event_raise_pf(e->v, gva, error);
	return r ? r : -EINVAL;
}

int emulate_decode(struct emulation *e)
{
	int r = insn_fetch(e->v, &e->context, &e->insn);

	if (unlikely(r))
		return r == -EFAULT ? raise_fetch_fault(e) : r;
	e->exit->length = e->insn->length;
	return 0;
}

/* The first bytes of instructions whose exit names them, without prefixes. */
const struct known_length known_lengths[VM_EXIT_REASONS] = {
	[VM_EXIT_CPUID] = { 0xffff, 0xa20f, 2 },
	[VM_EXIT_HLT] = { 0xff, 0xf4, 1 },
	[VM_EXIT_RDMSR] = { 0xfdff, 0x300f, 2 }, /* or WRMSR: SVM has one exit for both */
	[VM_EXIT_WRMSR] = { 0xffff, 0x300f, 2 },
	[VM_EXIT_PAUSE] = { 0xffff, 0x90f3, 2 },
	[VM_EXIT_HYPERCALL] = { 0xe7ffff, 0xc1010f, 3 }, /* VMCALL C1, VMMCALL D9 */
	[VM_EXIT_CACHE] = { 0xfeff, 0x080f, 2 },	 /* INVD 08, WBINVD 09 */
	[VM_EXIT_RDPMC] = { 0xffff, 0x330f, 2 },
	[VM_EXIT_XSETBV] = { 0xffffff, 0xd1010f, 3 },
	[VM_EXIT_MONITOR] = { 0xffffff, 0xc8010f, 3 },
	[VM_EXIT_MWAIT] = { 0xffffff, 0xc9010f, 3 },
};

unsigned emulate_length(struct vcpu *v, struct vm_exit *exit)
{
	struct guest_context c;
	const struct insn *insn;
	unsigned length;

	backend->get_context(v, &c);
	length = known_length_at(v, exit, c.cr3);
	if (likely(length))
		return length;
	return insn_fetch(v, &c, &insn) ? 0 : insn->length;
}
