/* The current VMCS in words, for an entry that the processor refused. */
#include "vmm/vmx/vmx.h"

#define RFLAGS_DEFINED 0x3f7fd7ull /* SDM 3A figure 2-5 */

static const struct {
	const char *name;
	u16 field;
} fields[] = {
	{ "pin-based controls", VMCS_PIN_BASED_CONTROLS },
	{ "processor-based controls", VMCS_PROCESSOR_BASED_CONTROLS },
	{ "secondary controls", VMCS_SECONDARY_CONTROLS },
	{ "exit controls", VMCS_EXIT_CONTROLS },
	{ "entry controls", VMCS_ENTRY_CONTROLS },
	{ "entry interruption info", VMCS_ENTRY_INTERRUPTION_INFO },
	{ "exit qualification", VMCS_EXIT_QUALIFICATION },
	{ "idt-vectoring info", VMCS_IDT_VECTORING_INFO },
	{ "guest interruptibility", VMCS_GUEST_INTERRUPTIBILITY },
	{ "guest activity state", VMCS_GUEST_ACTIVITY_STATE },
	{ "guest pending debug", VMCS_GUEST_PENDING_DEBUG },
	{ "guest cr0", VMCS_GUEST_CR0 },
	{ "guest cr4", VMCS_GUEST_CR4 },
	{ "link pointer", VMCS_LINK_POINTER },
	{ "ept pointer", VMCS_EPT_POINTER },
};

/*
 * The state that SDM 3C 26.3.1 checks and that software most often gets wrong: the first that is,
 * in words, or NULL.
 */
const char *vmx_suspect(struct vcpu *v)
{
	u64 cr0 = vmcs_read(VMCS_GUEST_CR0), cr4 = vmcs_read(VMCS_GUEST_CR4);
	u64 efer = vmcs_read(VMCS_GUEST_EFER), rflags = vmcs_read(VMCS_GUEST_RFLAGS);
	bool ia32e = vmcs_read(VMCS_ENTRY_CONTROLS) & ENTRY_IA32E_GUEST;

	(void)v;
	if ((cr0 & CR0_PG) && !(cr0 & CR0_PE))
		return "CR0.PG without CR0.PE";
	if (cr4 & ~vmx_caps.cr4_fixed1)
		return "bits of CR4 that VMX does not allow";
	if (ia32e != !!(efer & EFER_LMA))
		return "EFER.LMA and the entry control IA-32e mode guest, which disagree";
	if (ia32e && !(cr4 & CR4_PAE))
		return "IA-32e mode without CR4.PAE";
	if (!(rflags & RFLAGS_FIXED) || (rflags & ~RFLAGS_DEFINED))
		return "reserved bits of RFLAGS";
	if (vmcs_read(VMCS_LINK_POINTER) != ~0ull)
		return "the VMCS link pointer";
	if (vmcs_read(VMCS_GUEST_TR_ACCESS_RIGHTS) & SEG_ATTR_UNUSABLE)
		return "an unusable TR";
	return NULL;
}

void vmx_dump(struct vcpu *v, void (*print)(const char *fmt, ...) PRINTF(1, 2))
{
	u32 raw = (u32)vmcs_read(VMCS_EXIT_REASON), error = (u32)vmcs_read(VMCS_INSTRUCTION_ERROR);

	print("  vmx: exit reason %u: %s", raw & (u32)EXIT_REASON_BASIC,
	      vmx_reason_name(raw & (u32)EXIT_REASON_BASIC));
	if (error)
		print("  vmx: VM-instruction error %u: %s", error, vmx_error_name(error));
	for (unsigned i = 0; i < ARRAY_SIZE(fields); i++)
		print("  vmx: %s %#lx", fields[i].name, vmcs_read(fields[i].field));
	if (raw & EXIT_REASON_ENTRY_FAILED)
		print("  vmx: suspect: %s", vmx_suspect(v) ? vmx_suspect(v) : "see SDM 3C 26.3");
}
