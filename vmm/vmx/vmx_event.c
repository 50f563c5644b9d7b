/* Delivering events at VM entry, and what an exit interrupted: SDM 3C 26.6, 27.2.4. */
#include "vmm/vmx/vmx.h"

static const u8 type_of[] = {
	[EVENT_INTR] = INTR_TYPE_EXTERNAL,
	[EVENT_NMI] = INTR_TYPE_NMI,
	[EVENT_EXCEPTION] = INTR_TYPE_EXCEPTION,
	[EVENT_SOFT_INTR] = INTR_TYPE_SOFT_INTERRUPT,
	[EVENT_SOFT_EXCEPTION] = INTR_TYPE_SOFT_EXCEPTION,
};

bool vmx_can_inject(struct vcpu *v, enum event_kind kind)
{
	u64 blocking = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY);

	(void)v;
	if (kind == EVENT_NMI)
		return !(blocking & (BLOCKING_BY_NMI | BLOCKING_BY_MOV_SS | BLOCKING_BY_STI));
	if (kind == EVENT_INTR)
		return !(blocking & (BLOCKING_BY_STI | BLOCKING_BY_MOV_SS)) &&
		       (vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_IF);
	return true;
}

/* Real mode's exceptions push no error code: SDM 3C 26.2.1.3. */
static bool pushes_error(const struct event *e)
{
	return e->has_error && (vmcs_read(VMCS_GUEST_CR0) & CR0_PE);
}

void vmx_inject(struct vcpu *v, const struct event *e)
{
	u64 info = e->vector | (u64)type_of[e->kind] << INTR_INFO_TYPE_SHIFT | INTR_INFO_VALID;

	(void)v;
	if (pushes_error(e)) {
		info |= INTR_INFO_ERROR_VALID;
		vmcs_write(VMCS_ENTRY_EXCEPTION_ERROR, e->error);
	}
	if (e->kind == EVENT_SOFT_INTR || e->kind == EVENT_SOFT_EXCEPTION)
		vmcs_write(VMCS_ENTRY_INSTRUCTION_LENGTH, e->length);
	/* An NMI whose delivery was cut short has set the blocking already; entry refuses that. */
	if (e->kind == EVENT_NMI)
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY,
			   vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) & ~(u64)BLOCKING_BY_NMI);
	vmcs_write(VMCS_ENTRY_INTERRUPTION_INFO, info);
}

void vmx_want_window(struct vcpu *v, enum event_kind kind, bool on)
{
	vmx_set_cpu_control(
	    v, kind == EVENT_NMI ? CPU_NMI_WINDOW_EXITING : CPU_INTERRUPT_WINDOW_EXITING, on);
}

void vmx_discard_events(struct vcpu *v)
{
	vmx_set_cpu_control(v, CPU_INTERRUPT_WINDOW_EXITING | CPU_NMI_WINDOW_EXITING, false);
	vmcs_write(VMCS_ENTRY_INTERRUPTION_INFO, 0);
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, 0);
	vmcs_write(VMCS_GUEST_ACTIVITY_STATE, 0);
	vmcs_write(VMCS_GUEST_PENDING_DEBUG, 0);
}

void vmx_single_step(struct vcpu *v, bool on)
{
	u64 rflags = vmcs_read(VMCS_GUEST_RFLAGS);

	vmcs_write(VMCS_GUEST_RFLAGS, on ? rflags | RFLAGS_TF : rflags & ~(u64)RFLAGS_TF);
	vmx_trap_exception(v, on ? BIT(VEC_DB) : 0);
}

struct event vmx_event_in_flight(u64 info)
{
	static const enum event_kind kinds[8] = {
		[INTR_TYPE_EXTERNAL] = EVENT_INTR,
		[INTR_TYPE_NMI] = EVENT_NMI,
		[INTR_TYPE_EXCEPTION] = EVENT_EXCEPTION,
		[INTR_TYPE_SOFT_INTERRUPT] = EVENT_SOFT_INTR,
		[INTR_TYPE_PRIVILEGED_SOFT_EXCEPTION] = EVENT_SOFT_EXCEPTION,
		[INTR_TYPE_SOFT_EXCEPTION] = EVENT_SOFT_EXCEPTION,
	};
	struct event e = { .kind = EVENT_NONE };

	e.kind = kinds[(info & INTR_INFO_TYPE) >> INTR_INFO_TYPE_SHIFT];
	e.vector = info & INTR_INFO_VECTOR;
	e.has_error = info & INTR_INFO_ERROR_VALID;
	if (e.has_error)
		e.error = (u32)vmcs_read(VMCS_IDT_VECTORING_ERROR);
	if (e.kind == EVENT_SOFT_INTR || e.kind == EVENT_SOFT_EXCEPTION)
		e.length = (u8)vmcs_read(VMCS_EXIT_INSTRUCTION_LENGTH);
	return e;
}
