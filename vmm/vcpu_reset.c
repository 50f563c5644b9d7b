/*
 * What RESET and INIT make of a processor's registers: SDM 3A 9.1.1, table 9-1; APM 2 14.1.3. INIT
 * leaves alone what is not named here: the FPU's and all XSAVE state, the TSC, MTRRs, and most
 * MSRs.
 */
#include "vmm/vcpu.h"

#include "vmm/cpuid.h"

#define SEGMENT_LIMIT 0xffffu
#define RESET_SELECTOR 0xf000u
#define RESET_BASE 0xffff0000u /* the last 64 KiB below 4 GiB, where firmware is */
#define RESET_IP 0xfff0u
#define TYPE_DATA 0x3u /* read, write, accessed */
#define TYPE_CODE 0xbu /* execute, read, accessed */
#define TYPE_LDT 0x2u
#define TYPE_TSS_BUSY 0xbu
#define PAT_RESET 0x0007040600070406ull /* SDM 3A 11.12.4 */
#define STARTUP_IP 0u

static void reset_segments(struct vcpu *v)
{
	struct segment data = { .limit = SEGMENT_LIMIT,
				.attr = SEG_ATTR_P | SEG_ATTR_S | TYPE_DATA };
	struct segment code = { .base = RESET_BASE,
				.limit = SEGMENT_LIMIT,
				.selector = RESET_SELECTOR,
				.attr = SEG_ATTR_P | SEG_ATTR_S | TYPE_CODE };
	struct segment ldt = { .limit = SEGMENT_LIMIT, .attr = SEG_ATTR_P | TYPE_LDT };
	struct segment tss = { .limit = SEGMENT_LIMIT, .attr = SEG_ATTR_P | TYPE_TSS_BUSY };
	struct segment table = { .limit = SEGMENT_LIMIT };

	for (unsigned seg = SEG_ES; seg <= SEG_GS; seg++)
		backend->set_seg(v, seg, seg == SEG_CS ? &code : &data);
	backend->set_seg(v, SEG_LDTR, &ldt);
	backend->set_seg(v, SEG_TR, &tss);
	backend->set_seg(v, SEG_GDTR, &table);
	backend->set_seg(v, SEG_IDTR, &table);
}

/* INIT keeps CD and NW. Paging goes first: the other registers are then free to change. */
static void reset_control_registers(struct vcpu *v, enum vcpu_reset kind)
{
	u64 caching = CR0_CD | CR0_NW;

	if (kind == VCPU_INIT)
		caching &= vcpu_get_reg(v, REG_CR0);
	vcpu_set_reg(v, REG_CR0, caching | CR0_ET);
	vcpu_set_reg(v, REG_EFER, 0);
	vcpu_set_reg(v, REG_CR4, 0);
	vcpu_set_reg(v, REG_CR3, 0);
	vcpu_set_reg(v, REG_CR2, 0);
}

static void reset_debug_registers(struct vcpu *v)
{
	vcpu_set_reg(v, REG_DR7, DR7_RESET);
	vcpu_set_reg(v, REG_DR6, DR6_RESET);
	for (unsigned reg = REG_DR0; reg <= REG_DR3; reg++)
		vcpu_set_reg(v, reg, 0);
	vcpu_set_reg(v, REG_DEBUGCTL, 0);
}

static void reset_msrs(struct vcpu *v)
{
	static const u8 zero[] = {
		REG_STAR,	    REG_LSTAR,	     REG_CSTAR,	       REG_SFMASK,
		REG_KERNEL_GS_BASE, REG_SYSENTER_CS, REG_SYSENTER_ESP, REG_SYSENTER_EIP,
	};

	for (unsigned i = 0; i < ARRAY_SIZE(zero); i++)
		vcpu_set_reg(v, zero[i], 0);
	vcpu_set_reg(v, REG_PAT, PAT_RESET);
}

void vcpu_reset_registers(struct vcpu *v, enum vcpu_reset kind)
{
	reset_control_registers(v, kind);
	reset_segments(v);
	reset_debug_registers(v);
	for (unsigned reg = 0; reg < REG_GPRS; reg++)
		vcpu_set_reg(v, reg, 0);
	vcpu_set_reg(v, REG_RDX, cpuid_signature(v));
	vcpu_set_reg(v, REG_RIP, RESET_IP);
	vcpu_set_reg(v, REG_RFLAGS, RFLAGS_FIXED);
	if (kind == VCPU_POWER_UP)
		reset_msrs(v);
	backend->flush(v);
}

void vcpu_start_at_vector(struct vcpu *v, u8 vector)
{
	struct segment code = { .base = (u64)vector << 12,
				.limit = SEGMENT_LIMIT,
				.selector = (u16)(vector << 8),
				.attr = SEG_ATTR_P | SEG_ATTR_S | TYPE_CODE };

	backend->set_seg(v, SEG_CS, &code);
	vcpu_set_reg(v, REG_RIP, STARTUP_IP);
}
