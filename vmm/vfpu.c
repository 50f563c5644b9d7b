#include "vmm/vfpu.h"

#include "error.h"
#include "kernel/cpu.h"
#include "mm/heap.h"
#include "vmm/vcpu.h"
#include "x86/insn.h"

#define XCR0_AVX512 MASK(7, 5)
#define MXCSR_OFFSET 24 /* in the legacy area, SDM 1 13.4.1 */
#define MXCSR_RESET 0x1f80u
#define FXSAVE_SIZE 512u

u64 vfpu_xcr0_mask(void)
{
	return cpu_features.xcr0_supported & (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512);
}

int vfpu_init(struct vcpu *v)
{
	u32 size = cpu_features.xsave ? cpu_features.xsave_size : FXSAVE_SIZE;

	/* XSAVE wants 64-byte alignment; the heap gives pages from 4 KiB up. */
	v->fpu = heap_alloc(MAX(size, 4096u));
	if (!v->fpu)
		return -ENOMEM;
	/*
	 * XSTATE_BV = 0 restores the initial state of everything but MXCSR, which is always read.
	 */
	*(u32 *)((u8 *)v->fpu + MXCSR_OFFSET) = MXCSR_RESET;
	v->xcr0 = XCR0_X87;
	return 0;
}

void vfpu_free(struct vcpu *v)
{
	heap_free(v->fpu);
	v->fpu = NULL;
}

/*
 * Save and restore under the host's full mask: a guest may narrow XCR0 and still have live state in
 * the components that it hid.
 */
void vfpu_load(struct vcpu *v)
{
	u64 mask = cpu_features.xcr0_supported;

	if (!cpu_features.xsave) {
		__asm__ volatile("fxrstor64 (%0)" : : "r"(v->fpu) : "memory");
		return;
	}
	x86_xsetbv(0, mask);
	__asm__ volatile("xrstor64 (%0)"
			 :
			 : "r"(v->fpu), "a"((u32)mask), "d"((u32)(mask >> 32))
			 : "memory");
	x86_xsetbv(0, v->xcr0);
}

void vfpu_put(struct vcpu *v)
{
	u64 mask = cpu_features.xcr0_supported;

	if (!cpu_features.xsave) {
		__asm__ volatile("fxsave64 (%0)" : : "r"(v->fpu) : "memory");
		return;
	}
	/* Read back, because not every engine intercepts XSETBV. */
	v->xcr0 = x86_xgetbv(0);
	x86_xsetbv(0, mask);
	__asm__ volatile("xsave64 (%0)"
			 :
			 : "r"(v->fpu), "a"((u32)mask), "d"((u32)(mask >> 32))
			 : "memory");
}

int vfpu_set_xcr0(struct vcpu *v, u32 index, u64 value)
{
	if (index != 0 || (value & ~vfpu_xcr0_mask()) || !(value & XCR0_X87))
		return -EINVAL;
	if ((value & XCR0_AVX) && !(value & XCR0_SSE))
		return -EINVAL;
	if ((value & XCR0_AVX512) && ((value & XCR0_AVX512) != XCR0_AVX512 || !(value & XCR0_AVX)))
		return -EINVAL;
	v->xcr0 = value;
	x86_xsetbv(0, value);
	return 0;
}
