/*
 * One-instruction wrappers and the names of the bits the guests use.
 * Names follow the Intel SDM (volume 3A chapter 2, volume 4) and the AMD APM (volume 2).
 */
#ifndef GUEST_CPU_H
#define GUEST_CPU_H

#include "types.h"

#define RFLAGS_CF (1u << 0)
#define RFLAGS_PF (1u << 2)
#define RFLAGS_ZF (1u << 6)
#define RFLAGS_SF (1u << 7)
#define RFLAGS_TF (1u << 8)
#define RFLAGS_IF (1u << 9)
#define RFLAGS_DF (1u << 10)
#define RFLAGS_OF (1u << 11)
#define RFLAGS_RF (1u << 16)
#define RFLAGS_VM (1u << 17)

#define CR0_PE (1ul << 0)
#define CR0_MP (1ul << 1)
#define CR0_EM (1ul << 2)
#define CR0_TS (1ul << 3)
#define CR0_ET (1ul << 4)
#define CR0_NE (1ul << 5)
#define CR0_WP (1ul << 16)
#define CR0_AM (1ul << 18)
#define CR0_NW (1ul << 29)
#define CR0_CD (1ul << 30)
#define CR0_PG (1ul << 31)

#define CR4_TSD (1ul << 2)
#define CR4_DE (1ul << 3)
#define CR4_PAE (1ul << 5)
#define CR4_PGE (1ul << 7)
#define CR4_PCE (1ul << 8)
#define CR4_OSFXSR (1ul << 9)
#define CR4_OSXMMEXCPT (1ul << 10)
#define CR4_VMXE (1ul << 13)
#define CR4_OSXSAVE (1ul << 18)

#define MSR_TSC 0x10
#define MSR_APIC_BASE 0x1b
#define MSR_MTRR_CAP 0xfe
#define MSR_SYSENTER_CS 0x174
#define MSR_SYSENTER_ESP 0x175
#define MSR_SYSENTER_EIP 0x176
#define MSR_PAT 0x277
#define MSR_MTRR_DEF_TYPE 0x2ff
#define MSR_TSC_DEADLINE 0x6e0
#define MSR_X2APIC 0x800
#define MSR_EFER 0xc0000080
#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_CSTAR 0xc0000083
#define MSR_FMASK 0xc0000084
#define MSR_FS_BASE 0xc0000100
#define MSR_GS_BASE 0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102
#define MSR_TSC_AUX 0xc0000103

#define APIC_BASE_BSP (1ull << 8)
#define APIC_BASE_EXTD (1ull << 10)
#define APIC_BASE_EN (1ull << 11)

#define EFER_SCE (1ull << 0)
#define EFER_LME (1ull << 8)
#define EFER_LMA (1ull << 10)
#define EFER_NXE (1ull << 11)

#define CPUID1_ECX_MONITOR (1u << 3)
#define CPUID1_ECX_VMX (1u << 5)
#define CPUID1_ECX_X2APIC (1u << 21)
#define CPUID1_ECX_MOVBE (1u << 22)
#define CPUID1_ECX_TSC_DEADLINE (1u << 24)
#define CPUID1_ECX_XSAVE (1u << 26)
#define CPUID1_ECX_OSXSAVE (1u << 27)
#define CPUID1_ECX_HYPERVISOR (1u << 31)
#define CPUID1_EDX_TSC (1u << 4)
#define CPUID1_EDX_MSR (1u << 5)
#define CPUID1_EDX_PAE (1u << 6)
#define CPUID1_EDX_APIC (1u << 9)
#define CPUID1_EDX_MTRR (1u << 12)
#define CPUID1_EDX_FXSR (1u << 24)
#define CPUID81_EDX_NX (1u << 20)
#define CPUID81_EDX_RDTSCP (1u << 27)
#define CPUID81_EDX_LM (1u << 29)

struct cpuid {
	u32 eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid(u32 leaf, u32 subleaf)
{
	struct cpuid r;

	asm volatile("cpuid"
		     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
		     : "a"(leaf), "c"(subleaf)
		     : "memory");
	return r;
}

static inline void outb(u16 port, u8 value)
{
	asm volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void outw(u16 port, u16 value)
{
	asm volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void outl(u16 port, u32 value)
{
	asm volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline u8 inb(u16 port)
{
	u8 value;

	asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline u16 inw(u16 port)
{
	u16 value;

	asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline u32 inl(u16 port)
{
	u32 value;

	asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline u64 rdmsr(u32 msr)
{
	u32 low, high;

	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
	return (u64)high << 32 | low;
}

static inline void wrmsr(u32 msr, u64 value)
{
	asm volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

static inline u64 rdtsc(void)
{
	u32 low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (u64)high << 32 | low;
}

static inline ulong read_cr0(void)
{
	ulong value;

	asm volatile("mov %%cr0, %0" : "=r"(value) : : "memory");
	return value;
}

static inline ulong read_cr2(void)
{
	ulong value;

	asm volatile("mov %%cr2, %0" : "=r"(value) : : "memory");
	return value;
}

static inline ulong read_cr3(void)
{
	ulong value;

	asm volatile("mov %%cr3, %0" : "=r"(value) : : "memory");
	return value;
}

static inline ulong read_cr4(void)
{
	ulong value;

	asm volatile("mov %%cr4, %0" : "=r"(value) : : "memory");
	return value;
}

static inline void write_cr0(ulong value)
{
	asm volatile("mov %0, %%cr0" : : "r"(value) : "memory");
}

static inline void write_cr3(ulong value)
{
	asm volatile("mov %0, %%cr3" : : "r"(value) : "memory");
}

static inline void write_cr4(ulong value)
{
	asm volatile("mov %0, %%cr4" : : "r"(value) : "memory");
}

#ifdef __x86_64__
static inline ulong read_cr8(void)
{
	ulong value;

	asm volatile("mov %%cr8, %0" : "=r"(value) : : "memory");
	return value;
}

static inline void write_cr8(ulong value)
{
	asm volatile("mov %0, %%cr8" : : "r"(value) : "memory");
}
#endif

static inline ulong read_flags(void)
{
	ulong value;

	asm volatile("pushf\n\tpop %0" : "=r"(value) : : "memory");
	return value;
}

static inline void invlpg(const void *address)
{
	asm volatile("invlpg (%0)" : : "r"(address) : "memory");
}

static inline void irq_off(void)
{
	asm volatile("cli" : : : "memory");
}

static inline void irq_on(void)
{
	asm volatile("sti" : : : "memory");
}

/* Enable interrupts and sleep; the shadow of STI makes the pair one step (SDM 2B, STI). */
static inline void irq_on_and_halt(void)
{
	asm volatile("sti\n\thlt" : : : "memory");
}

static inline void cpu_halt(void)
{
	asm volatile("hlt" : : : "memory");
}

#endif
