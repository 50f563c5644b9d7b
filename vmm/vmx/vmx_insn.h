#pragma once
/*
 * The VMX instructions (SDM 3C chapter 30) under the names that compilers give their intrinsics.
 * 0: succeeded. 1: failed, and VMCS_INSTRUCTION_ERROR of the current VMCS says why (VMfailValid).
 * 2: failed without a status, because there is no current VMCS (VMfailInvalid).
 */
#include "compiler.h"
#include "types.h"

/* CF is VMfailInvalid, ZF VMfailValid: SDM 3C 30.2. */
#define VMX_RESULT(invalid, valid) ((unsigned char)((invalid) ? 2 : (valid) ? 1 : 0))

static inline MUST_CHECK unsigned char __vmx_on(u64 *pa)
{
	bool invalid, valid;

	__asm__ volatile("vmxon %2" : "=@ccc"(invalid), "=@ccz"(valid) : "m"(*pa) : "memory");
	return VMX_RESULT(invalid, valid);
}

static inline void __vmx_off(void)
{
	__asm__ volatile("vmxoff" : : : "memory", "cc");
}

static inline MUST_CHECK unsigned char __vmx_vmclear(u64 *pa)
{
	bool invalid, valid;

	__asm__ volatile("vmclear %2" : "=@ccc"(invalid), "=@ccz"(valid) : "m"(*pa) : "memory");
	return VMX_RESULT(invalid, valid);
}

static inline MUST_CHECK unsigned char __vmx_vmptrld(u64 *pa)
{
	bool invalid, valid;

	__asm__ volatile("vmptrld %2" : "=@ccc"(invalid), "=@ccz"(valid) : "m"(*pa) : "memory");
	return VMX_RESULT(invalid, valid);
}

/* Stores the address of the current VMCS, all ones when there is none. */
static inline void __vmx_vmptrst(u64 *pa)
{
	__asm__ volatile("vmptrst %0" : "=m"(*pa) : : "memory", "cc");
}

static inline MUST_CHECK unsigned char __vmx_vmread(size_t field, size_t *value)
{
	bool invalid, valid;

	__asm__ volatile("vmread %3, %2"
			 : "=@ccc"(invalid), "=@ccz"(valid), "=r"(*value)
			 : "r"(field)
			 : "memory");
	return VMX_RESULT(invalid, valid);
}

static inline MUST_CHECK unsigned char __vmx_vmwrite(size_t field, size_t value)
{
	bool invalid, valid;

	__asm__ volatile("vmwrite %3, %2"
			 : "=@ccc"(invalid), "=@ccz"(valid)
			 : "r"(field), "r"(value)
			 : "memory");
	return VMX_RESULT(invalid, valid);
}

/*
 * Enter the guest of the current VMCS with the registers at this CPU's guest_gprs; return 0 after
 * the VM exit, with the guest's registers stored there. Interrupts off (vmx_entry.asm). VMLAUNCH
 * needs a VMCS whose launch state is Clear, VMRESUME one that is Launched.
 */
MUST_CHECK unsigned char __vmx_vmlaunch(void);
MUST_CHECK unsigned char __vmx_vmresume(void);
/* What HOST_RIP must hold for the two above. */
void vmx_exit_point(void);

/* INVEPT and INVVPID, SDM 3C 30.3. The result as above. */
enum { INV_SINGLE_CONTEXT = 1, INV_ALL_CONTEXTS = 2 };

struct inv_descriptor {
	u64 context, address; /* EPT pointer, or VPID */
};

static inline MUST_CHECK unsigned char vmx_invept(u64 type, u64 eptp)
{
	struct inv_descriptor d = { eptp, 0 };
	bool invalid, valid;

	__asm__ volatile("invept %2, %3"
			 : "=@ccc"(invalid), "=@ccz"(valid)
			 : "m"(d), "r"(type)
			 : "memory");
	return VMX_RESULT(invalid, valid);
}

static inline MUST_CHECK unsigned char vmx_invvpid(u64 type, u16 vpid)
{
	struct inv_descriptor d = { vpid, 0 };
	bool invalid, valid;

	__asm__ volatile("invvpid %2, %3"
			 : "=@ccc"(invalid), "=@ccz"(valid)
			 : "m"(d), "r"(type)
			 : "memory");
	return VMX_RESULT(invalid, valid);
}
