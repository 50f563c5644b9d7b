/*
 * CPUID for guests: SDM 2A CPUID, APM 3 appendix E. Every leaf has a rule here; a leaf without one
 * reads as zeros and is counted, as is everything past the largest leaf.
 */
#include "vmm/cpuid.h"

#include "error.h"
#include "kernel/cpu.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "vmm/partition.h"
#include "vmm/vfpu.h"

#define BASIC_LEAVES 0x17u
#define EXTENDED_LEAVES 0x09u
/* Leaves that are not simply their table entry: see leaf_basic(). */
#define BASIC_COMPUTED (BIT(1) | BIT(4) | BIT(7) | BIT(0xb) | BIT(0xd))
#define XSTATE_LEAVES 16u
#define EXTENDED_BASE 0x80000000u

struct cpuid_cache {
	u32 basic_max, extended_max;
	struct cpuid_regs basic[BASIC_LEAVES];	     /* subleaf 0 */
	struct cpuid_regs extended[EXTENDED_LEAVES]; /* 80000000.. */
	struct cpuid_regs cache[8];		     /* leaf 4 */
	struct cpuid_regs xstate[XSTATE_LEAVES];     /* leaf 0xD */
	u64 cr4_mask, efer_mask;
	u64 unknown;
	u32 last_unknown;
};

/* Leaf 1, ECX. */
#define F1C_SSE3 BIT(0)
#define F1C_PCLMUL BIT(1)
#define F1C_SSSE3 BIT(9)
#define F1C_FMA BIT(12)
#define F1C_CX16 BIT(13)
#define F1C_PCID BIT(17)
#define F1C_SSE41 BIT(19)
#define F1C_SSE42 BIT(20)
#define F1C_X2APIC BIT(21)
#define F1C_MOVBE BIT(22)
#define F1C_POPCNT BIT(23)
#define F1C_TSC_DEADLINE BIT(24)
#define F1C_AES BIT(25)
#define F1C_XSAVE BIT(26)
#define F1C_OSXSAVE BIT(27)
#define F1C_AVX BIT(28)
#define F1C_F16C BIT(29)
#define F1C_RDRAND BIT(30)
#define F1C_HYPERVISOR BIT(31)
#define F1C_PASS                                                                         \
	(F1C_SSE3 | F1C_PCLMUL | F1C_SSSE3 | F1C_FMA | F1C_CX16 | F1C_PCID | F1C_SSE41 | \
	 F1C_SSE42 | F1C_MOVBE | F1C_POPCNT | F1C_AES | F1C_XSAVE | F1C_AVX | F1C_F16C | \
	 F1C_RDRAND)

/*
 * Leaf 1, EDX: all but DS, ACPI thermal, SS, TM, PBE and PSN, which need MSRs that we do not offer.
 */
#define F1D_HTT BIT(28)
#define F1D_CLFLUSH BIT(19)
#define F1D_PASS (0x0783fbffu | F1D_CLFLUSH)

/* Leaf 7, EBX. */
#define F7B_FSGSBASE BIT(0)
#define F7B_TSC_ADJUST BIT(1)
#define F7B_SMEP BIT(7)
#define F7B_INVPCID BIT(10)
#define F7B_SMAP BIT(20)
#define F7B_AVX512 (BIT(16) | BIT(17) | BIT(21) | BIT(28) | BIT(30) | BIT(31))
#define F7B_PASS                                                                             \
	(F7B_FSGSBASE | F7B_SMEP | F7B_INVPCID | F7B_SMAP | F7B_AVX512 | BIT(3) /* BMI1 */ | \
	 BIT(5) /* AVX2 */ | BIT(8) /* BMI2 */ | BIT(9) /* ERMS */ | BIT(18) /* RDSEED */ |  \
	 BIT(19) /* ADX */ | BIT(23) /* CLFLUSHOPT */ | BIT(24) /* CLWB */ | BIT(29) /* SHA */)

#define F6A_ARAT BIT(2) /* our APIC timer never stops */

/* Leaf 4, EAX. */
#define F4A_LEVEL(eax) ((eax) >> 5 & 7)
#define F4A_SHARING_SHIFT 14 /* how many APIC IDs share the cache, less 1 */
#define F4A_CORES_SHIFT 26   /* how many the package has, less 1 */

/* Leaf 80000001. */
#define FE1C_CMP_LEGACY BIT(1) /* HTT means cores, not threads */
#define FE1C_PASS                                                                         \
	(BIT(0) /* LAHF */ | BIT(4) /* CR8 */ | BIT(5) /* LZCNT */ | BIT(6) /* SSE4A */ | \
	 BIT(7) /* MISALIGNSSE */ | BIT(8) /* PREFETCHW */)
#define FE1D_SYSCALL BIT(11)
#define FE1D_NX BIT(20)
#define FE1D_FFXSR BIT(25)
#define FE1D_RDTSCP BIT(27)
#define FE1D_LM BIT(29)
#define FE1D_PASS                                                                                 \
	((F1D_PASS & ~F1D_CLFLUSH) | FE1D_SYSCALL | FE1D_NX | BIT(22) /* MMXEXT */ | FE1D_FFXSR | \
	 BIT(26) /* 1 GiB pages */ | FE1D_RDTSCP | FE1D_LM)
#define FE7D_INVARIANT_TSC BIT(8)
#define FE8C_ID_SIZE_SHIFT 12 /* bits of the APIC ID that number the cores of a package */

#define XSAVE_HEADER_END 576u /* legacy area and header, SDM 1 13.4 */

/* KVM's features, of which we offer what needs no help of ours at run time. */
#define KVM_FEATURE_NOP_IO_DELAY BIT(1)
#define KVM_FEATURE_CLOCKSOURCE2 BIT(3)
#define KVM_FEATURE_CLOCK_STABLE BIT(24)

/*
 * The guest's processors are the cores of one package: how many low bits of the APIC ID that takes.
 */
static u32 core_bits(const struct vcpu *v)
{
	u32 bits = 0;

	while (BIT(bits) < v->partition->config.vcpus)
		bits++;
	return bits;
}

static struct cpuid_regs leaf_1(const struct vcpu *v)
{
	struct cpuid_regs r = x86_cpuid(1, 0);
	u32 n = v->partition->config.vcpus;

	r.ebx = (r.ebx & 0xff00) | n << 16 | v->id << 24;
	r.ecx = (r.ecx & F1C_PASS) | F1C_X2APIC | F1C_TSC_DEADLINE | F1C_HYPERVISOR;
	r.edx = (r.edx & F1D_PASS) | (n > 1 ? F1D_HTT : 0);
	return r;
}

static struct cpuid_regs leaf_7(void)
{
	struct cpuid_regs r = x86_cpuid(7, 0);

	r.eax = 0;
	r.ebx = (r.ebx & F7B_PASS) | F7B_TSC_ADJUST;
	if ((vfpu_xcr0_mask() & MASK(7, 5)) != MASK(7, 5))
		r.ebx &= ~F7B_AVX512;
	r.ecx = r.edx = 0;
	return r;
}

static void build_basic(struct vcpu *v, struct cpuid_cache *c)
{
	struct cpuid_regs host = x86_cpuid(0, 0);

	c->basic_max = MIN(host.eax, cpu_features.xsave ? 0xdu : 0xbu);
	c->basic[0] = host;
	c->basic[0].eax = c->basic_max;
	c->basic[1] = leaf_1(v);
	if (cpu_features.intel_like)
		c->basic[2] = x86_cpuid(2, 0);
	c->basic[6].eax = F6A_ARAT;
	c->basic[7] = leaf_7();
}

/* Leaf 4: the host's caches; the third level is the package's, the others are each core's. */
static void build_caches(struct vcpu *v, struct cpuid_cache *c)
{
	u32 ids = BIT(core_bits(v));

	if (!cpu_features.intel_like || c->basic_max < 4)
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(c->cache); i++) {
		struct cpuid_regs r = x86_cpuid(4, i);

		if ((r.eax & 0x1f) == 0)
			break;
		r.eax = (r.eax & MASK(13, 0)) | (ids - 1) << F4A_CORES_SHIFT;
		if (F4A_LEVEL(r.eax) >= 3)
			r.eax |= (ids - 1) << F4A_SHARING_SHIFT;
		c->cache[i] = r;
	}
}

static void build_xstate(struct cpuid_cache *c)
{
	u64 mask = vfpu_xcr0_mask();
	u32 size = XSAVE_HEADER_END;

	if (!cpu_features.xsave)
		return;
	for (unsigned i = 2; i < XSTATE_LEAVES; i++) {
		if (!(mask & BIT(i)))
			continue;
		c->xstate[i] = x86_cpuid(0xd, i);
		size = MAX(size, c->xstate[i].eax + c->xstate[i].ebx);
	}
	c->xstate[0] =
	    (struct cpuid_regs){ .eax = (u32)mask, .ecx = size, .edx = (u32)(mask >> 32) };
	/* XSAVEOPT, XSAVEC, XGETBV with ECX = 1; not XSAVES, which has an MSR of its own. */
	c->xstate[1].eax = x86_cpuid(0xd, 1).eax & MASK(2, 0);
}

static void build_extended(struct vcpu *v, struct cpuid_cache *c)
{
	u32 host_max = x86_cpuid(EXTENDED_BASE, 0).eax, n = v->partition->config.vcpus;
	struct cpuid_regs *e = c->extended;

	c->extended_max = MIN(host_max, EXTENDED_BASE + EXTENDED_LEAVES - 1);
	for (u32 leaf = 0; EXTENDED_BASE + leaf <= c->extended_max; leaf++)
		e[leaf] = x86_cpuid(EXTENDED_BASE + leaf, 0);
	e[0].eax = c->extended_max;
	e[1].ecx &= FE1C_PASS;
	e[1].edx &= FE1D_PASS;
	/* The kernel keeps all time by the TSC: the guest's clock would not be any better. */
	e[7] = (struct cpuid_regs){ .edx = FE7D_INVARIANT_TSC };
	e[8] = (struct cpuid_regs){ .eax = e[8].eax & 0xffff };
	if (cpu_features.amd_like) {
		e[1].ecx |= n > 1 ? FE1C_CMP_LEGACY : 0;
		e[8].ecx = (n - 1) | core_bits(v) << FE8C_ID_SIZE_SHIFT;
	}
}

static void build_masks(struct cpuid_cache *c)
{
	u32 f1c = c->basic[1].ecx, f7b = c->basic[7].ebx, fe1d = c->extended[1].edx;

	c->cr4_mask = CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE |
		      CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT;
	c->cr4_mask |= f1c & F1C_XSAVE ? CR4_OSXSAVE : 0;
	c->cr4_mask |= f1c & F1C_PCID ? CR4_PCIDE : 0;
	c->cr4_mask |= f7b & F7B_FSGSBASE ? CR4_FSGSBASE : 0;
	c->cr4_mask |= f7b & F7B_SMEP ? CR4_SMEP : 0;
	c->cr4_mask |= f7b & F7B_SMAP ? CR4_SMAP : 0;
	c->efer_mask = EFER_SCE | EFER_LME;
	c->efer_mask |= fe1d & FE1D_NX ? EFER_NXE : 0;
	c->efer_mask |= fe1d & FE1D_FFXSR ? EFER_FFXSR : 0;
}

int cpuid_init(struct vcpu *v)
{
	struct cpuid_cache *c = heap_alloc(sizeof(*c));

	if (!c)
		return -ENOMEM;
	build_basic(v, c);
	build_caches(v, c);
	build_xstate(c);
	build_extended(v, c);
	build_masks(c);
	v->cpuid = c;
	return 0;
}

void cpuid_free(struct vcpu *v)
{
	heap_free(v->cpuid);
	v->cpuid = NULL;
}

/* Leaf 0xB: one thread a core, all cores in one package (SDM 2A CPUID, "Extended Topology"). */
static struct cpuid_regs leaf_topology(const struct vcpu *v, u32 subleaf)
{
	struct cpuid_regs r = { .ecx = subleaf & 0xff, .edx = v->id };

	if (subleaf == 0) {
		r.ebx = 1;
		r.ecx |= 1 << 8; /* level type: SMT */
	} else if (subleaf == 1) {
		r.eax = core_bits(v);
		r.ebx = v->partition->config.vcpus;
		r.ecx |= 2 << 8; /* level type: core */
	}
	return r;
}

/* The area's size depends on what XCR0 has on right now. */
static struct cpuid_regs leaf_xstate(const struct vcpu *v, u32 subleaf)
{
	const struct cpuid_cache *c = v->cpuid;
	struct cpuid_regs r = { 0 };
	u64 xcr0;

	if (subleaf >= XSTATE_LEAVES)
		return r;
	r = c->xstate[subleaf];
	if (subleaf > 1 || !cpu_features.xsave)
		return r;
	xcr0 = x86_xgetbv(0); /* the guest's own: its FPU state is loaded */
	r.ebx = XSAVE_HEADER_END;
	for (unsigned i = 2; i < XSTATE_LEAVES; i++) {
		if (!(xcr0 & BIT(i)))
			continue;
		if (subleaf == 0)
			r.ebx = MAX(r.ebx, c->xstate[i].eax + c->xstate[i].ebx);
		else
			r.ebx += c->xstate[i].eax;
	}
	return r;
}

static struct cpuid_regs leaf_hypervisor(struct vcpu *v, u32 leaf)
{
	struct cpuid_regs r = { 0 };

	switch (leaf) {
	case CPUID_HYPERVISOR_BASE:
		r.eax = CPUID_HYPERVISOR_BASE;
		memcpy(&r.ebx, CPUID_SIGNATURE, 12);
		break;
	case CPUID_KVM_BASE:
		r.eax = CPUID_KVM_BASE + 1;
		memcpy(&r.ebx, CPUID_KVM_SIGNATURE, 12);
		break;
	case CPUID_KVM_BASE + 1:
		r.eax =
		    KVM_FEATURE_NOP_IO_DELAY | KVM_FEATURE_CLOCKSOURCE2 | KVM_FEATURE_CLOCK_STABLE;
		break;
	default: v->cpuid->unknown++; v->cpuid->last_unknown = leaf;
	}
	return r;
}

static struct cpuid_regs leaf_basic(struct vcpu *v, u32 leaf, u32 subleaf)
{
	struct cpuid_cache *c = v->cpuid;
	struct cpuid_regs r = { 0 };

	switch (leaf) {
	case 1:
		r = c->basic[1];
		if (vcpu_get_reg(v, REG_CR4) & CR4_OSXSAVE)
			r.ecx |= F1C_OSXSAVE;
		return r;
	case 4: return subleaf < ARRAY_SIZE(c->cache) ? c->cache[subleaf] : r;
	case 7: return subleaf == 0 ? c->basic[7] : r;
	case 0xb: return leaf_topology(v, subleaf);
	case 0xd: return leaf_xstate(v, subleaf);
	default: return c->basic[leaf];
	}
}

struct cpuid_regs cpuid_guest(struct vcpu *v, u32 leaf, u32 subleaf)
{
	struct cpuid_cache *c = v->cpuid;

	if (leaf <= c->basic_max)
		return leaf_basic(v, leaf, subleaf);
	if (leaf >= EXTENDED_BASE && leaf <= c->extended_max)
		return c->extended[leaf - EXTENDED_BASE];
	if (leaf >> 28 == CPUID_HYPERVISOR_BASE >> 28)
		return leaf_hypervisor(v, leaf);
	c->unknown++;
	c->last_unknown = leaf;
	if (leaf >= EXTENDED_BASE || !cpu_features.intel_like)
		return (struct cpuid_regs){ 0 };
	return leaf_basic(v, c->basic_max, subleaf); /* what Intel's do past the last basic leaf */
}

void cpuid_answer(struct vcpu *v)
{
	u32 leaf = (u32)v->gpr[REG_RAX];
	const struct cpuid_regs *r;
	struct cpuid_regs computed;

	if (likely(leaf <= v->cpuid->basic_max && !(BASIC_COMPUTED & BIT(leaf)))) {
		r = &v->cpuid->basic[leaf];
	} else {
		computed = cpuid_guest(v, leaf, (u32)v->gpr[REG_RCX]);
		r = &computed;
	}
	v->gpr[REG_RAX] = r->eax;
	v->gpr[REG_RBX] = r->ebx;
	v->gpr[REG_RCX] = r->ecx;
	v->gpr[REG_RDX] = r->edx;
}

u64 cpuid_unknown(const struct vcpu *v, u32 *last)
{
	*last = v->cpuid->last_unknown;
	return v->cpuid->unknown;
}

u64 cpuid_cr4_mask(const struct vcpu *v)
{
	return v->cpuid->cr4_mask;
}

u64 cpuid_efer_mask(const struct vcpu *v)
{
	return v->cpuid->efer_mask;
}

unsigned cpuid_phys_bits(const struct vcpu *v)
{
	return v->cpuid->extended[8].eax & 0xff;
}

u32 cpuid_signature(const struct vcpu *v)
{
	return v->cpuid->basic[1].eax;
}

bool cpuid_has_rdtscp(const struct vcpu *v)
{
	return v->cpuid->extended[1].edx & FE1D_RDTSCP;
}
