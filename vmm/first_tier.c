#include "vmm/first_tier.h"

bool vcpu_raise_step(struct vcpu *v)
{
	backend->set_reg(v, REG_DR6, backend->get_reg(v, REG_DR6) | DR6_BS);
	event_raise(v, VEC_DB, false, 0);
	return true;
}

static bool read_msr(struct vcpu *v, u32 msr)
{
	u64 value;

	if (vlapic_msr_read(&v->lapic, msr, &value))
		return false;
	v->gpr[REG_RAX] = (u32)value;
	v->gpr[REG_RDX] = value >> 32;
	return true;
}

static bool write_msr(struct vcpu *v, u32 msr)
{
	u64 value = v->gpr[REG_RDX] << 32 | (u32)v->gpr[REG_RAX];

	return vlapic_msr_write_quick(&v->lapic, msr, value) == 0;
}

static bool access_cr8(struct vcpu *v, const struct vm_exit *exit)
{
	if (exit->u.cr.op == CR_READ)
		vcpu_set_reg(v, exit->u.cr.gpr, vlapic_get_cr8(&v->lapic));
	else if (exit->u.cr.op == CR_WRITE && exit->u.cr.value <= 15)
		vlapic_set_cr8(&v->lapic, exit->u.cr.value);
	else
		return false;
	return true;
}

/* An interrupt that the answer has let through, or a single step, goes in at once. */
static ALWAYS_INLINE bool answered(struct vcpu *v, struct vm_exit *exit, unsigned length)
{
	v->exits[exit->reason]++;
	if (unlikely(vcpu_skip(v, exit->rip, length)) || vlapic_pending(&v->lapic) >= 0)
		event_prepare(v);
	return true;
}

static bool is_ours(const struct vm_exit *exit)
{
	if (exit->reason == VM_EXIT_CR)
		return exit->u.cr.cr == 8;
	return vlapic_has_msr(exit->u.msr.index);
}

static bool access_registers(struct vcpu *v, struct vm_exit *exit)
{
	unsigned length;
	bool done;

	if (!is_ours(exit))
		return false;
	length = exit->length ? exit->length : emulate_length(v, exit);
	if (unlikely(length == 0))
		return false;
	if (exit->reason == VM_EXIT_WRMSR)
		done = write_msr(v, exit->u.msr.index);
	else if (exit->reason == VM_EXIT_RDMSR)
		done = read_msr(v, exit->u.msr.index);
	else
		done = access_cr8(v, exit);
	return likely(done) && answered(v, exit, length);
}

/* In xAPIC mode, and where it lies after a reset: there is no RAM. */
static bool access_memory(struct vcpu *v, struct vm_exit *exit)
{
	u64 offset = exit->u.fault.gpa - VLAPIC_BASE;
	struct device_mov mov;

	if (offset >= VLAPIC_SIZE ||
	    (v->lapic.state.base & ~(u64)APIC_BASE_BSP) != (VLAPIC_BASE | APIC_BASE_ENABLE) ||
	    !emulate_mov_find(v, exit, &mov))
		return false;
	mov.access.addr = offset;
	if (unlikely(!vlapic_mmio_quick(&v->lapic, &mov.access)))
		return false;
	emulate_mov_finish(v, &mov);
	return answered(v, exit, mov.length);
}

bool first_tier_apic(struct vcpu *v, struct vm_exit *exit)
{
	if (exit->in_flight.kind != EVENT_NONE || READ_ONCE(v->requests))
		return false;
	return exit->reason == VM_EXIT_FAULT ? access_memory(v, exit) : access_registers(v, exit);
}
