/*
 * Guest-physical memory: what is not there, what is there but was never touched, and the
 * translation of addresses.
 */
#include "exits.h"

#define VOID_MEMORY 0xd0000000ul /* no memory and no device on any of our machines */
#define COLD_VECTOR 0x57

static volatile u32 cold_count;

static void check_void(void)
{
	volatile u8 *at = phys(VOID_MEMORY);

	if (!in_partition()) {
		check_skip("not in a partition", "reads of unmapped memory are ones");
		return;
	}
	check_eq(*at, 0xff, "unmapped memory: 8 bits read as ones");
	check_eq(*(volatile u16 *)(at + 2), 0xffff, "unmapped memory: 16 bits");
	check_eq(*(volatile u32 *)(at + 4), 0xffffffff, "unmapped memory: 32 bits");
	check_eq(*(volatile u64 *)(at + 8), ~0ull, "unmapped memory: 64 bits");
	*at = 0;
	*(volatile u16 *)(at + 2) = 0;
	*(volatile u32 *)(at + 4) = 0;
	*(volatile u64 *)(at + 8) = 0;
	check_eq(*(volatile u64 *)at, ~0ull, "unmapped memory: writes are ignored");
}

static void check_invlpg(void)
{
	static u8 a[PAGE_SIZE] __attribute__((aligned(4096)));
	static u8 b[PAGE_SIZE] __attribute__((aligned(4096)));
	volatile u8 *at;
	bool ok = true;

	a[0] = 0xaa;
	b[0] = 0xbb;
	for (u32 i = 0; i < 100; i++) {
		at = window_map(3, (u64)(i & 1 ? a : b) | PTE_PRESENT);
		ok = ok && *at == (i & 1 ? 0xaa : 0xbb);
	}
	check(ok, "INVLPG makes a changed entry count, 100 times");
}

static void on_cold(struct trap_frame *frame)
{
	(void)frame;
	cold_count++;
}

static void on_cold_irq(struct trap_frame *frame)
{
	(void)frame;
	cold_count++;
	lapic_eoi();
}

/*
 * The processor pushes the frame of a trap on a page the monitor has not given the guest yet.
 * The trap was on its way when it had to wait: it must neither be lost nor come twice.
 */
#define ON_STACK(top, code)                                                                 \
	asm volatile("movq %%rsp, %%rbx\n\tmovq %0, %%rsp\n\t" code "\n\tmovq %%rbx, %%rsp" \
		     :                                                                      \
		     : "r"(top)                                                             \
		     : "rbx", "memory", "cc")

static void check_cold_stack(void)
{
	if (!cold_memory(3)) {
		check_skip("too little memory", "traps on untouched stacks");
		return;
	}
	trap_set_handler(COLD_VECTOR, on_cold);
	cold_count = 0;
	ON_STACK(cold_memory(0) + MIB, "int $0x57");
	check_eq(cold_count, 1, "a software interrupt on an untouched stack");
	trap_set_handler(VEC_BP, on_cold);
	cold_count = 0;
	ON_STACK(cold_memory(1) + MIB, "int3");
	check_eq(cold_count, 1, "INT3 on an untouched stack");
	trap_set_handler(VEC_BP, NULL);
	trap_set_handler(COLD_VECTOR, on_cold_irq);
	cold_count = 0;
	lapic_init();
	irq_off();
	lapic_self_ipi(COLD_VECTOR);
	ON_STACK(cold_memory(2) + MIB, "sti\n\tnop\n\tnop\n\tcli");
	check_eq(cold_count, 1, "an interrupt on an untouched stack");
	trap_set_handler(COLD_VECTOR, NULL);
}

static void check_cold_data(void)
{
	u64 at = cold_memory(3), ins = cold_memory(4), rdi = ins + 4093, rcx = 6;
	bool zero = true;

	if (!at || !ins) {
		check_skip("too little memory", "untouched memory as data");
		return;
	}
	for (u64 i = 0; in_partition() && i < 2 * MIB; i += 8)
		zero = zero && *(u64 *)phys(at + i) == 0;
	check(zero, "untouched memory is zero");
	outb(BYTE_PORT, 0x99);
	asm volatile("rep insb" : "+D"(rdi), "+c"(rcx) : "d"(BYTE_PORT) : "memory");
	check(*(u8 *)phys(ins + 4093) == 0x99 && *(u8 *)phys(ins + 4098) == 0x99,
	      "INS writes to untouched memory");
}

void exits_memory(void)
{
	check_void();
	check_invlpg();
	check_cold_stack();
	check_cold_data();
}
