/* Making a VMCS, and moving a vCPU into the processor and out of it. */
#include "error.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "vmm/cpuid.h"
#include "vmm/partition.h"
#include "vmm/vfpu.h"
#include "vmm/vmx/vmx.h"
#include "x86/insn.h"
#include "x86/msr.h"

#define MSR_BITMAP_WRITE 2048u /* the write half, SDM 3C 24.6.9 */
#define MSR_BITMAP_HIGH 1024u  /* C0000000..C0001FFF */
#define MSR_BITMAP_COVERS 0x2000u
#define MSR_BITMAP_HIGH_BASE 0xc0000000u

/*
 * PAUSE-loop exiting, SDM 3C 25.1.3: a loop is PAUSEs at most so many cycles apart, and exits when
 * it has lasted so long. Waiting for a lock is over before.
 */
#define PAUSE_GAP 128
#define PAUSE_WINDOW 4096

static hpa_t bitmap_alloc(struct partition *p)
{
	hpa_t pa = frame_alloc(FRAME_ORDER_4K, p->space.owner);

	if (pa != HPA_NONE)
		memset(phys_to_virt(pa), 0xff, FRAME_SIZE);
	return pa;
}

/* MSRs outside the two ranges that the bitmap covers always exit. */
static void bitmap_trap(u8 *bitmap, u32 msr, enum msr_trap trap)
{
	u32 index = msr & (MSR_BITMAP_COVERS - 1);
	u8 *read = bitmap + (msr >> 31 ? MSR_BITMAP_HIGH : 0) + index / 8,
	   *write = read + MSR_BITMAP_WRITE;
	u8 bit = (u8)BIT(index % 8);

	if (msr - index != 0 && msr - index != MSR_BITMAP_HIGH_BASE)
		return;
	*read = (u8)(trap & MSR_TRAP_READ ? *read | bit : *read & ~bit);
	*write = (u8)(trap & MSR_TRAP_WRITE ? *write | bit : *write & ~bit);
}

/* What a guest may use without an exit: registers of its own that the VMCS or put() saves. */
static void bitmap_pass(u8 *bitmap)
{
	static const u32 own[] = {
		MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_STAR,		MSR_LSTAR,
		MSR_CSTAR,   MSR_SFMASK,  MSR_SYSENTER_CS,    MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
		MSR_PAT,
	};

	for (unsigned i = 0; i < ARRAY_SIZE(own); i++)
		bitmap_trap(bitmap, own[i], MSR_TRAP_NONE);
	bitmap_trap(bitmap, MSR_TSC, MSR_TRAP_WRITE); /* reads have the offset applied */
}

int vmx_partition_init(struct partition *p)
{
	struct vmx_partition *x = heap_alloc(sizeof(*x));

	if (!x)
		return -ENOMEM;
	p->vendor = x;
	x->io_bitmap_a = bitmap_alloc(p);
	x->io_bitmap_b = bitmap_alloc(p);
	x->msr_bitmap = bitmap_alloc(p);
	if (x->io_bitmap_a == HPA_NONE || x->io_bitmap_b == HPA_NONE || x->msr_bitmap == HPA_NONE)
		return -ENOMEM; /* partition_free() follows */
	bitmap_pass(phys_to_virt(x->msr_bitmap));
	return 0;
}

static void bitmap_free(hpa_t pa)
{
	if (pa != HPA_NONE)
		frame_free(pa, FRAME_ORDER_4K);
}

void vmx_partition_free(struct partition *p)
{
	struct vmx_partition *x = p->vendor;

	bitmap_free(x->io_bitmap_a);
	bitmap_free(x->io_bitmap_b);
	bitmap_free(x->msr_bitmap);
	heap_free(x);
	p->vendor = NULL;
}

/*
 * Bits of CR0 and CR4 that exit when changed: those whose effect we provide (paging and long mode,
 * caching), that VMX fixes, or that the guest's CPUID does not offer. The others are the guest's
 * own.
 */
static void write_masks(struct vcpu *v)
{
	u64 cr0_own = CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_WP | CR0_AM;

	vmcs_write(VMCS_CR0_MASK, ~cr0_own);
	vmcs_write(VMCS_CR4_MASK, ~(cpuid_cr4_mask(v) & ~vmx_caps.cr4_fixed0));
}

static void write_controls(struct vcpu *v)
{
	const struct vmx_partition *p = v->partition->vendor;
	struct vmx_vcpu *x = vmx_of(v);

	x->cpu_controls = vmx_caps.cpu;
	vmcs_write(VMCS_VPID, x->vpid);
	vmcs_write(VMCS_EPT_POINTER, x->eptp);
	vmcs_write(VMCS_PIN_BASED_CONTROLS, vmx_caps.pin);
	vmcs_write(VMCS_PROCESSOR_BASED_CONTROLS, x->cpu_controls);
	vmcs_write(VMCS_SECONDARY_CONTROLS, vmx_caps.cpu2);
	vmcs_write(VMCS_EXIT_CONTROLS, vmx_caps.exit);
	vmcs_write(VMCS_ENTRY_CONTROLS, vmx_caps.entry);
	vmcs_write(VMCS_IO_BITMAP_A, p->io_bitmap_a);
	vmcs_write(VMCS_IO_BITMAP_B, p->io_bitmap_b);
	vmcs_write(VMCS_MSR_BITMAP, p->msr_bitmap);
	vmcs_write(VMCS_EXCEPTION_BITMAP, VMX_EXCEPTIONS_ALWAYS);
	vmcs_write(VMCS_PAGE_FAULT_ERROR_MASK, 0);
	vmcs_write(VMCS_PAGE_FAULT_ERROR_MATCH, 0);
	vmcs_write(VMCS_CR3_TARGET_COUNT, 0);
	vmcs_write(VMCS_EXIT_MSR_STORE_COUNT, 0);
	vmcs_write(VMCS_EXIT_MSR_LOAD_COUNT, 0);
	vmcs_write(VMCS_ENTRY_MSR_LOAD_COUNT, 0);
	vmcs_write(VMCS_TSC_OFFSET, v->tsc_offset);
	vmcs_write(VMCS_LINK_POINTER, ~0ull);
}

static int vmcs_alloc(struct vcpu *v, struct vmx_vcpu *x)
{
	x->vmcs = frame_alloc(FRAME_ORDER_4K, v->partition->space.owner);
	if (x->vmcs == HPA_NONE)
		return -ENOMEM;
	memset(phys_to_virt(x->vmcs), 0, FRAME_SIZE);
	*(u32 *)phys_to_virt(x->vmcs) = vmx_caps.revision;
	return 0;
}

int vmx_vcpu_init(struct vcpu *v)
{
	struct vmx_vcpu *x = heap_alloc(sizeof(*x));
	u64 flags;

	if (!x)
		return -ENOMEM;
	v->vendor = x;
	if (vmcs_alloc(v, x) != 0)
		return -ENOMEM;
	x->vpid = (u16)(1 + v->partition->id * VCPUS_MAX + v->id);
	x->eptp = v->partition->space.pt.root | EPTP_WRITE_BACK | EPTP_WALK_4;
	flags = x86_irq_save();
	if (__vmx_vmclear(&x->vmcs) != 0 || __vmx_vmptrld(&x->vmcs) != 0)
		panic("vmx: a new VMCS cannot be made current");
	write_controls(v);
	write_masks(v);
	vmx_discard_events(v);
	if (__vmx_vmclear(&x->vmcs) != 0)
		panic("vmx: vmclear failed");
	x86_irq_restore(flags);
	return 0;
}

void vmx_vcpu_free(struct vcpu *v)
{
	struct vmx_vcpu *x = vmx_of(v);

	if (x->vmcs != HPA_NONE)
		frame_free(x->vmcs, FRAME_ORDER_4K);
	heap_free(x);
	v->vendor = NULL;
}

void vmx_load_breakpoints(const struct vmx_vcpu *x)
{
	__asm__ volatile("mov %0, %%dr0" : : "r"(x->dr[0]));
	__asm__ volatile("mov %0, %%dr1" : : "r"(x->dr[1]));
	__asm__ volatile("mov %0, %%dr2" : : "r"(x->dr[2]));
	__asm__ volatile("mov %0, %%dr3" : : "r"(x->dr[3]));
}

void vmx_save_breakpoints(struct vmx_vcpu *x)
{
	__asm__ volatile("mov %%dr0, %0" : "=r"(x->dr[0]));
	__asm__ volatile("mov %%dr1, %0" : "=r"(x->dr[1]));
	__asm__ volatile("mov %%dr2, %0" : "=r"(x->dr[2]));
	__asm__ volatile("mov %%dr3, %0" : "=r"(x->dr[3]));
}

/*
 * The guest's first MOV DR: from now on DR0 to DR3 in the processor are its own while it is loaded.
 */
void vmx_own_debug_registers(struct vcpu *v)
{
	struct vmx_vcpu *x = vmx_of(v);

	vmx_load_breakpoints(x);
	x->dr_in_use = true;
	vmx_set_cpu_control(v, CPU_MOV_DR_EXITING, false);
}

void vmx_load(struct vcpu *v)
{
	struct vmx_vcpu *x = vmx_of(v);
	struct cpu *cpu = this_cpu();

	if (__vmx_vmptrld(&x->vmcs) != 0)
		panic("vmx: vmptrld failed");
	if (x->host != cpu) {
		vmx_write_host_state(cpu);
		x->host = cpu;
		x->flush = true; /* another vCPU may have had this VPID or this root frame here */
	}
	x86_wrmsr(MSR_STAR, x->star);
	x86_wrmsr(MSR_LSTAR, x->lstar);
	x86_wrmsr(MSR_CSTAR, x->cstar);
	x86_wrmsr(MSR_SFMASK, x->sfmask);
	x86_wrmsr(MSR_KERNEL_GS_BASE, x->kernel_gs_base);
	if (vmx_caps.cpu2 & CPU2_ENABLE_RDTSCP)
		x86_wrmsr(MSR_TSC_AUX, v->tsc_aux);
	x86_write_cr2(x->cr2);
	vmx_set_reg(v, REG_DR6, x->dr6);
	if (x->dr_in_use)
		vmx_load_breakpoints(x);
	vfpu_load(v);
}

/*
 * VMCLEAR makes the processor write back what it caches of the VMCS; the next entry is a VMLAUNCH.
 */
void vmx_put(struct vcpu *v)
{
	struct vmx_vcpu *x = vmx_of(v);

	vfpu_put(v);
	if (x->dr_in_use)
		vmx_save_breakpoints(x);
	x->dr6 = vmx_get_reg(v, REG_DR6);
	x->cr2 = x86_read_cr2();
	x->star = x86_rdmsr(MSR_STAR);
	x->lstar = x86_rdmsr(MSR_LSTAR);
	x->cstar = x86_rdmsr(MSR_CSTAR);
	x->sfmask = x86_rdmsr(MSR_SFMASK);
	x->kernel_gs_base = x86_rdmsr(MSR_KERNEL_GS_BASE);
	if (__vmx_vmclear(&x->vmcs) != 0)
		panic("vmx: vmclear failed");
	x->launched = false;
}

void vmx_trap_exception(struct vcpu *v, u32 mask)
{
	(void)v;
	vmcs_write(VMCS_EXCEPTION_BITMAP, mask | VMX_EXCEPTIONS_ALWAYS);
}

void vmx_set_tsc_offset(struct vcpu *v, u64 offset)
{
	(void)v;
	vmcs_write(VMCS_TSC_OFFSET, offset);
}

int vmx_pause_exits(struct vcpu *v, enum pause_exits which)
{
	u32 cpu2 = vmx_caps.cpu2;

	if (which == PAUSE_EXITS_LOOPS && !vmx_caps.pause_loops)
		return -ENOTSUP;
	if (which == PAUSE_EXITS_LOOPS) {
		cpu2 |= CPU2_PAUSE_LOOP_EXITING;
		vmcs_write(VMCS_PLE_GAP, PAUSE_GAP);
		vmcs_write(VMCS_PLE_WINDOW, PAUSE_WINDOW);
	}
	vmcs_write(VMCS_SECONDARY_CONTROLS, cpu2);
	vmx_set_cpu_control(v, CPU_PAUSE_EXITING, which == PAUSE_EXITS_ALL);
	return 0;
}

void vmx_flush(struct vcpu *v)
{
	vmx_of(v)->flush = true;
}

void vmx_set_cpu_control(struct vcpu *v, u32 bits, bool on)
{
	struct vmx_vcpu *x = vmx_of(v);

	x->cpu_controls = on ? x->cpu_controls | bits : x->cpu_controls & ~bits;
	vmcs_write(VMCS_PROCESSOR_BASED_CONTROLS, x->cpu_controls);
}
