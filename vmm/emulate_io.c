/* IN and OUT, and their string forms. */
#include "error.h"
#include "vmm/emulate.h"
#include "vmm/emulate_insn.h"
#include "vmm/partition.h"

#define IO_SEGMENT_UNKNOWN 0xff

/* What the vendor did not tell of a string instruction is in its bytes. */
static int string_io_describe(struct emulation *e, struct insn *insn)
{
	const struct vm_exit *exit = e->exit;
	int r = 0;

	if (!exit->u.io.addr_size || (!exit->u.io.in && exit->u.io.segment == IO_SEGMENT_UNKNOWN)) {
		r = emulate_decode(e);
		if (!r)
			*insn = *e->insn;
	} else {
		insn->addr_size = exit->u.io.addr_size;
		insn->segment = exit->u.io.in ? SEG_ES : exit->u.io.segment;
	}
	/*
	 * The processor has checked this port, size and direction; the bytes may be others by now.
	 * Only a string instruction's segment and address size are taken from them.
	 */
	if (!r && insn->segment > SEG_GS)
		r = -EINVAL;
	insn->op = exit->u.io.in ? OP_INS : OP_OUTS;
	insn->op_size = exit->u.io.size;
	insn->rep = exit->u.io.rep;
	insn->repne = false;
	e->insn = insn;
	return r;
}

static enum exit_action string_io(struct vcpu *v, struct vm_exit *exit)
{
	struct emulation e = { .v = v, .exit = exit };
	struct insn insn = { 0 };
	u8 length = exit->length;
	int r;

	backend->get_context(v, &e.context);
	r = string_io_describe(&e, &insn);
	if (!r)
		r = emulate_string(&e);
	if (length)
		exit->length = length;
	return emulate_result(&e, r);
}

enum exit_action emulate_io(struct vcpu *v, struct vm_exit *exit)
{
	struct io_access a = { .addr = exit->u.io.port, .size = exit->u.io.size };
	u64 rax = v->gpr[REG_RAX];

	if (unlikely(exit->u.io.string))
		return string_io(v, exit);
	a.write = !exit->u.io.in;
	if (a.write)
		a.value = rax & size_mask(a.size);
	partition_bus_access(v->partition, IO_PORT, &a);
	if (!a.write)
		v->gpr[REG_RAX] = size_merge(rax, a.value, a.size);
	return EXIT_ADVANCE;
}
