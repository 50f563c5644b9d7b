/* The processor: what it can do, its control registers, and the per-CPU structure behind GS. */
#include "kernel/cpu.h"
#include "kernel/irq.h"
#include "kernel/panic.h"
#include "kernel/smp.h"
#include "lib/string.h"
#include "mm/kspace.h"
#include "x86/insn.h"
#include "x86/msr.h"
#include "x86/reg.h"

/* CPUID leaves and bits, SDM 2A CPUID; APM 3 appendix E. */
#define CPUID_EXTENDED 0x80000000
#define CPUID_EXTENDED_FEATURES 0x80000001
#define CPUID_BRAND 0x80000002
#define CPUID_POWER 0x80000007
#define CPUID_ADDRESS_SIZES 0x80000008
#define CPUID_XSAVE 0xd
#define CPUID_1_ECX_VMX BIT(5)
#define CPUID_1_ECX_X2APIC BIT(21)
#define CPUID_1_ECX_TSC_DEADLINE BIT(24)
#define CPUID_1_ECX_XSAVE BIT(26)
#define CPUID_1_ECX_HYPERVISOR BIT(31)
#define CPUID_7_EBX_SMEP BIT(7)
#define CPUID_7_EBX_SMAP BIT(20)
#define CPUID_D1_EAX_XSAVEOPT BIT(0)
#define CPUID_EXT_ECX_SVM BIT(2)
#define CPUID_EXT_EDX_1G BIT(26)
#define CPUID_POWER_EDX_INVARIANT_TSC BIT(8)

/* The power-on default: WB, WT, UC-, UC, twice. SDM 3A 11.12.4. */
#define PAT_DEFAULT 0x0007040600070406ull
#define EARLY_IST_SIZE 4096

struct cpu *cpus[CPUS_MAX];
unsigned cpu_count;
u64 cpus_online, cpus_idle;
struct cpu_features cpu_features;

static struct cpu boot_cpu;
static u8 early_ist[IST_COUNT][EARLY_IST_SIZE] ALIGNED(16);

/* Some vendors pad the name with spaces at its end. */
static void trim(char *s)
{
	for (size_t n = strlen(s); n > 0 && s[n - 1] == ' '; n--)
		s[n - 1] = '\0';
}

static void read_names(struct cpu_features *f, u32 max_extended)
{
	struct cpuid_regs r = x86_cpuid(0, 0);

	memcpy(f->vendor, &r.ebx, 4);
	memcpy(f->vendor + 4, &r.edx, 4);
	memcpy(f->vendor + 8, &r.ecx, 4);
	if (max_extended < CPUID_BRAND + 2)
		return;
	for (u32 i = 0; i < 3; i++) {
		r = x86_cpuid(CPUID_BRAND + i, 0);
		memcpy(f->brand + i * sizeof(r), &r, sizeof(r));
	}
	trim(f->brand);
}

static void read_xsave(struct cpu_features *f)
{
	struct cpuid_regs r = x86_cpuid(CPUID_XSAVE, 0);

	f->xcr0_supported = (u64)r.edx << 32 | r.eax;
	f->xsave_size = r.ecx;
	f->xsaveopt = x86_cpuid(CPUID_XSAVE, 1).eax & CPUID_D1_EAX_XSAVEOPT;
}

static void read_features(struct cpu_features *f)
{
	u32 max = x86_cpuid(0, 0).eax, max_extended = x86_cpuid(CPUID_EXTENDED, 0).eax;
	struct cpuid_regs basic = x86_cpuid(1, 0), ext = x86_cpuid(CPUID_EXTENDED_FEATURES, 0);

	read_names(f, max_extended);
	f->intel_like = basic.ecx & CPUID_1_ECX_VMX;
	f->amd_like = ext.ecx & CPUID_EXT_ECX_SVM;
	f->x2apic = basic.ecx & CPUID_1_ECX_X2APIC;
	f->tsc_deadline = basic.ecx & CPUID_1_ECX_TSC_DEADLINE;
	f->hypervisor = basic.ecx & CPUID_1_ECX_HYPERVISOR;
	f->pages_1g = ext.edx & CPUID_EXT_EDX_1G;
	f->xsave = max >= CPUID_XSAVE && basic.ecx & CPUID_1_ECX_XSAVE;
	if (max >= 7) {
		struct cpuid_regs r = x86_cpuid(7, 0);

		f->smep = r.ebx & CPUID_7_EBX_SMEP;
		f->smap = r.ebx & CPUID_7_EBX_SMAP;
	}
	if (max_extended >= CPUID_POWER)
		f->invariant_tsc = x86_cpuid(CPUID_POWER, 0).edx & CPUID_POWER_EDX_INVARIANT_TSC;
	f->phys_bits = 36;
	if (max_extended >= CPUID_ADDRESS_SIZES)
		f->phys_bits = x86_cpuid(CPUID_ADDRESS_SIZES, 0).eax & 0xff;
	if (f->xsave)
		read_xsave(f);
}

/*
 * The kernel itself needs paging, W^X and no FPU; the FPU, SSE and XSAVE bits are for guests, whose
 * state stays in the registers. No user pages exist, so SMEP costs nothing and SMAP would mean
 * nothing.
 */
static void set_control_registers(const struct cpu_features *f)
{
	u64 cr4 = CR4_PAE | CR4_PGE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT;

	if (f->smep)
		cr4 |= CR4_SMEP;
	if (f->xsave)
		cr4 |= CR4_OSXSAVE;
	x86_write_cr0(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG);
	x86_write_cr4(cr4);
	x86_wrmsr(MSR_EFER, EFER_LME | EFER_LMA | EFER_NXE);
	x86_wrmsr(MSR_PAT, PAT_DEFAULT);
	if (f->xsave)
		x86_xsetbv(0, f->xcr0_supported);
}

static void load_tables(struct cpu *cpu)
{
	cpu->self = cpu;
	cpu->preempt_count = 1; /* until sched_idle() */
	gdt_load(&cpu->tables);
	x86_wrmsr(MSR_GS_BASE, (u64)cpu);
	trap_load();
}

void cpu_init_boot(void)
{
	struct cpu *cpu = &boot_cpu;

	cpus[0] = cpu;
	cpu_count = 1;
	cpus_online = 1;
	read_features(&cpu_features);
	set_control_registers(&cpu_features);
	for (unsigned i = 0; i < IST_COUNT; i++)
		cpu->tables.tss.ist[i] = (u64)early_ist[i] + EARLY_IST_SIZE;
	trap_init();
	load_tables(cpu);
}

bool cpu_init_other(struct cpu *cpu, char *why, size_t size)
{
	load_tables(cpu);
	if (!cpu_matches(why, size))
		return false;
	set_control_registers(&cpu_features);
	return true;
}

bool cpu_alloc_stacks(struct cpu *cpu)
{
	for (unsigned i = 0; i < IST_COUNT; i++) {
		void *stack = kspace_alloc_stack();

		if (!stack)
			return false;
		cpu->tables.tss.ist[i] = (u64)stack;
	}
	return true;
}
