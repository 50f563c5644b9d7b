#include "kernel/gdt.h"
#include "x86/insn.h"

/* Descriptor types and flags in place, SDM 3A figures 3-8 and 7-4. */
#define GDT_CODE64 0x00af9b000000ffffull /* present, code, accessed, L */
#define GDT_DATA 0x00cf93000000ffffull	 /* present, data, writable, accessed */
#define GDT_TSS_TYPE (0x89ull << 40)	 /* present, available 64-bit TSS */

struct gdt_pointer {
	u16 limit;
	u64 base;
} PACKED;

static_assert(sizeof(struct tss) == 104, "SDM 3A figure 7-11");
static_assert(offsetof(struct tss, ist) == 36, "SDM 3A figure 7-11");

static void load_segments(const struct gdt_pointer *p)
{
	__asm__ volatile("lgdt %0\n\t"
			 "pushq %1\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "lretq\n"
			 "1:\tmovl %2, %%eax\n\t"
			 "movl %%eax, %%ds\n\t"
			 "movl %%eax, %%es\n\t"
			 "movl %%eax, %%ss\n\t"
			 "xorl %%eax, %%eax\n\t"
			 "movl %%eax, %%fs\n\t"
			 "movl %%eax, %%gs"
			 :
			 : "m"(*p), "i"(SEL_KERNEL_CODE), "i"(SEL_KERNEL_DATA)
			 : "rax", "memory");
}

void gdt_load(struct cpu_tables *tables)
{
	u64 tss = (u64)&tables->tss;
	struct gdt_pointer p = { .limit = sizeof(tables->gdt) - 1, .base = (u64)tables->gdt };

	tables->tss.iomap_base = sizeof(tables->tss); /* none */
	tables->gdt[SEL_KERNEL_CODE / 8] = GDT_CODE64;
	tables->gdt[SEL_KERNEL_DATA / 8] = GDT_DATA;
	tables->gdt[SEL_TSS / 8] = (sizeof(tables->tss) - 1) | (tss & 0xffffff) << 16 |
				   GDT_TSS_TYPE | (tss >> 24 & 0xff) << 56;
	tables->gdt[SEL_TSS / 8 + 1] = tss >> 32;
	load_segments(&p);
	__asm__ volatile("ltr %w0" : : "r"(SEL_TSS));
}
