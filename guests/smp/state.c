/*
 * What an INIT leaves (SDM 3A table 10-1, APM 2 table 14-1): a processor that has changed all it
 * can is stopped and started again at a page that writes its state down. Some of it survives: the
 * TSC, most MSRs, the FPU.
 */
#include "tests.h"

#define RECORD_PAGE 9
#define MARK 0x5eed5eed
#define DR7_RESET 0x400
#define DR6_RESET 0xffff0ff0
#define PAT_OTHER 0x0007040600070401ull
#define MXCSR_OTHER 0x1fa0
#define XMM_OTHER 0x0123456789abcdefull
#define XCR0_OTHER 3

struct record {
	u32 eax, ebx, ecx, edx, esi, edi, ebp, esp, eflags;
	u32 cr0, cr2, cr3, cr4, dr0, dr1, dr2, dr3, dr6, dr7, efer;
	u32 at_ds, at_es, at_fs, at_gs, at_ss;
	u16 cs, ds, es, fs, gs, ss;
	u16 gdt_limit;
	u32 gdt_base;
	u16 idt_limit;
	u32 idt_base;
} __attribute__((packed));

extern const u8 record_page[], record_end[];
extern u32 record; /* its place in the page */

void leave_traces(volatile u32 *beat) __attribute__((noreturn));

/* MSRs that an INIT leaves alone, and what they are given before. */
static const struct {
	u32 msr;
	const char *name;
	u64 value;
} kept[] = {
	{ MSR_SYSENTER_CS, "SYSENTER_CS", 0x30 },
	{ MSR_SYSENTER_ESP, "SYSENTER_ESP", 0x123456 },
	{ MSR_SYSENTER_EIP, "SYSENTER_EIP", 0x654321 },
	{ MSR_STAR, "STAR", 0x0010000800000000 },
	{ MSR_LSTAR, "LSTAR", 0x111000 },
	{ MSR_CSTAR, "CSTAR", 0x222000 },
	{ MSR_FMASK, "FMASK", 0x700 },
	{ MSR_KERNEL_GS_BASE, "KERNEL_GS_BASE", 0x333000 },
	{ MSR_PAT, "PAT", PAT_OTHER },
};

static u64 msrs[ARRAY_SIZE(kept)];
static u64 tsc_before, tsc_at_init, tsc_after, pat_before;
static volatile bool reached;

/* The local APIC and the rest, as it is before the library touches it. */
static struct {
	u32 id, svr, tpr, ldr, dfr, lint0, lint1, timer, error, icr, initial, irr, isr, ldtr, tr;
	u64 base;
} after;

static u32 bits_of(u32 reg)
{
	u32 bits = 0;

	for (u32 i = 0; i < 8; i++)
		bits |= lapic_read(reg + i * 0x10);
	return bits;
}

static void look(void)
{
	after.base = rdmsr(MSR_APIC_BASE);
	after.id = lapic_id();
	after.svr = lapic_read(LAPIC_SVR);
	after.tpr = lapic_read(LAPIC_TPR);
	after.ldr = lapic_read(LAPIC_LDR);
	after.dfr = lapic_read(LAPIC_DFR);
	after.lint0 = lapic_read(LAPIC_LVT_LINT0);
	after.lint1 = lapic_read(LAPIC_LVT_LINT1);
	after.timer = lapic_read(LAPIC_LVT_TIMER);
	after.error = lapic_read(LAPIC_LVT_ERROR);
	after.icr = lapic_read(LAPIC_ICR_LOW);
	after.initial = lapic_read(LAPIC_TIMER_INITIAL);
	after.irr = bits_of(LAPIC_IRR);
	after.isr = bits_of(LAPIC_ISR);
	for (u32 i = 0; i < ARRAY_SIZE(kept); i++)
		msrs[i] = rdmsr(kept[i].msr);
	asm volatile("sldt %0" : "=r"(after.ldtr));
	asm volatile("str %0" : "=r"(after.tr));
	tsc_after = rdtsc();
}

static bool has_xsave(void)
{
	return cpuid(1, 0).ecx & CPUID1_ECX_XSAVE;
}

static void dirty_fpu(void)
{
	u32 mxcsr = MXCSR_OTHER;
	u64 xmm = XMM_OTHER;

	write_cr4(read_cr4() | CR4_OSFXSR | (has_xsave() ? CR4_OSXSAVE : 0));
	if (has_xsave())
		asm volatile("xsetbv" : : "c"(0), "a"(XCR0_OTHER), "d"(0));
	asm volatile("fninit\n\tfldpi\n\tldmxcsr %0\n\tmovq %1, %%xmm3" : : "m"(mxcsr), "m"(xmm));
}

static void dirty_apic(void)
{
	lapic_write(LAPIC_TPR, 0x20);
	lapic_write(LAPIC_LDR, 0x55000000);
	lapic_write(LAPIC_DFR, 0x0fffffff);
	lapic_write(LAPIC_LVT_LINT0, VECTOR_LOW);
	lapic_write(LAPIC_LVT_ERROR, VECTOR_ERROR);
	lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER);
	lapic_write(LAPIC_TIMER_INITIAL, 0xfffffff0);
	lapic_ipi(lapic_id(), VECTOR_MID); /* waits in IRR */
}

static void dirty(void *arg)
{
	(void)arg;
	pat_before = rdmsr(MSR_PAT);
	for (u32 i = 0; i < ARRAY_SIZE(kept); i++)
		wrmsr(kept[i].msr, kept[i].value);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
	wrmsr(MSR_FS_BASE, 0x10000);
	write_cr0(read_cr0() | CR0_MP | CR0_NE | CR0_AM);
	write_cr4(read_cr4() | CR4_PGE | CR4_DE);
	dirty_apic();
	dirty_fpu();
	tsc_before = rdtsc();
	reached = true;
	leave_traces(&beat[cpu_index()]);
}

static void check_registers(const struct record *r)
{
	u32 general = r->eax | r->ebx | r->ecx | r->esi | r->edi | r->ebp | r->esp;

	check_eq(general, 0, "after INIT: EAX, EBX, ECX, ESI, EDI, EBP, ESP are 0");
	check_eq_or_lax(r->edx, cpuid(1, 0).eax, "after INIT: EDX is the processor's signature");
	check_eq(r->eflags, 2, "after INIT: EFLAGS");
	check_eq(r->cs, RECORD_PAGE << 8, "after SIPI: CS is the vector's page");
	check_eq(r->ds | r->es | r->fs | r->gs | r->ss, 0, "after INIT: selectors are 0");
	check(r->at_ds == MARK && r->at_es == MARK && r->at_fs == MARK && r->at_gs == MARK &&
		  r->at_ss == MARK,
	      "after INIT: segment bases are 0");
	check(r->gdt_base == 0 && r->gdt_limit == 0xffff, "after INIT: GDTR");
	check(r->idt_base == 0 && r->idt_limit == 0xffff, "after INIT: IDTR");
	check_eq(after.ldtr | after.tr, 0, "after INIT: LDTR and TR");
	check_eq_or_lax(r->cr0, CR0_ET, "after INIT: CR0 has ET; CD and NW stay 0");
	check_eq(r->cr2 | r->cr3 | r->cr4, 0, "after INIT: CR2, CR3 and CR4 are 0");
	check_eq(r->dr0 | r->dr1 | r->dr2 | r->dr3, 0, "after INIT: DR0 to DR3 are 0");
	check(r->dr6 == DR6_RESET && r->dr7 == DR7_RESET, "after INIT: DR6 and DR7");
	check_eq(r->efer, 0, "after INIT: EFER is 0");
}

static void check_apic(void)
{
	check_eq(after.id, cpus[1].apic_id, "after INIT: the APIC ID is kept");
	check_eq(after.base, LAPIC_BASE | APIC_BASE_EN, "after INIT: APIC_BASE is kept");
	check_eq(after.svr, LAPIC_SPURIOUS, "after INIT: the APIC is software-disabled");
	check(after.tpr == 0 && after.ldr == 0 && after.dfr == 0xffffffff,
	      "after INIT: TPR, LDR and DFR");
	check_eq(after.irr | after.isr, 0, "after INIT: IRR and ISR are empty");
	check(after.lint1 == LVT_MASKED && after.timer == LVT_MASKED && after.error == LVT_MASKED,
	      "after INIT: LVT entries are masked");
	check_eq_or_lax(after.lint0, LVT_MASKED, "after INIT: LINT0 as well");
	check(after.icr == 0 && after.initial == 0, "after INIT: ICR and timer");
}

static volatile u32 mxcsr_now, xcr0_now;
static u64 xmm_now, pi_now;

static void read_fpu(void *arg)
{
	u32 mxcsr;

	(void)arg;
	write_cr4(read_cr4() | CR4_OSFXSR | (has_xsave() ? CR4_OSXSAVE : 0));
	asm volatile("stmxcsr %0\n\tmovq %%xmm3, %1\n\tfstpl %2"
		     : "=m"(mxcsr), "=m"(xmm_now), "=m"(pi_now));
	mxcsr_now = mxcsr;
	if (has_xsave())
		asm volatile("xgetbv" : "=a"(xcr0_now) : "c"(0) : "edx");
	wrmsr(MSR_PAT, pat_before);
}

static void check_survivors(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(kept); i++) {
		if (msrs[i] == kept[i].value || in_partition())
			check_eq(msrs[i], kept[i].value, "after INIT: %s is kept", kept[i].name);
		else
			check_skip("this machine clears it", "after INIT: %s", kept[i].name);
	}
	check(tsc_before < tsc_at_init && tsc_at_init < tsc_after, "after INIT: the TSC goes on");
	check(cpu_wait(1, WAIT_MS), "it answers");
	cpu_call(1, read_fpu, NULL);
	cpu_wait(1, WAIT_MS);
	check_eq_or_lax(mxcsr_now, MXCSR_OTHER, "after INIT: MXCSR is kept");
	check_eq_or_lax(xmm_now, XMM_OTHER, "after INIT: XMM3 is kept");
	check_eq_or_lax(pi_now, 0x400921fb54442d18, "after INIT: the x87 stack is kept");
	if (has_xsave())
		check_eq_or_lax(xcr0_now, XCR0_OTHER, "after INIT: XCR0 is kept");
}

void smp_test_state(void)
{
	u8 *page = phys(RECORD_PAGE * PAGE_SIZE);
	struct record *r = (void *)(page + ((const u8 *)&record - record_page));
	u32 starts = cpus[1].starts;
	u32 before;

	if (cpu_count < 2) {
		check_skip("one processor", "the state after INIT");
		return;
	}
	memcpy(page, record_page, (size_t)(record_end - record_page));
	smp_ap_hook = look;
	cpu_call(1, dirty, NULL);
	WAIT_FOR(reached, WAIT_MS);
	check(beats(1), "all that can be changed is changed");
	before = beat[1];
	cpu_init(1);
	settle();
	tsc_at_init = rdtsc();
	cpu_startup(1, RECORD_PAGE);
	check(cpu_came_up(1, starts + 1), "it starts at another page, from %u turns on", before);
	smp_ap_hook = NULL;
	check_registers(r);
	check_apic();
	check_survivors();
}
