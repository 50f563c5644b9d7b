/* Runs each instruction on RAM and on a device and compares everything it left. */
#include "mmio.h"

#define CELL_OFFSET LAPIC_TIMER_INITIAL
#define VOID_MEMORY 0xd0000000ul
#define REG_COUNT 17
#define REG_RAX 0
#define REG_RCX 1
#define REG_RDX 2
#define REG_RSP 4
#define REG_RSI 6
#define REG_RDI 7
#define REG_FLAGS 16
#define FLAGS_CLEAN 2
#define FLAGS_ARITH 0x8d5

extern u64 mmio_regs[REG_COUNT];
void mmio_call(u64 routine);

struct outcome {
	u64 regs[REG_COUNT];
	u8 work[PAGE_SIZE];
	u32 cell;
};

static u8 ram[2 * PAGE_SIZE] __attribute__((aligned(4096)));
static u8 work[PAGE_SIZE] __attribute__((aligned(4096)));
static struct outcome want, got;

static const u32 cells[] = { 0x00000000, 0xffffffff, 0x80000001, 0x12345678 };
static const u64 values[] = { 0, ~0ull, 0x8000000080008081, 0x7edcba9801234567 };

static void map_window(u64 first, u64 second)
{
	window_map(0, first | PTE_PRESENT | PTE_WRITE | (first >= VOID_MEMORY ? PTE_UNCACHED : 0));
	window_map(1,
		   second | PTE_PRESENT | PTE_WRITE | (second >= VOID_MEMORY ? PTE_UNCACHED : 0));
}

static void run(const struct mmio_op *op, u32 round, struct outcome *out)
{
	u64 value = values[round % ARRAY_SIZE(values)];
	u64 cell = WINDOW + CELL_OFFSET;

	for (u32 i = 0; i < REG_COUNT; i++)
		mmio_regs[i] = 0x0101010101010101 * (0x10 + i);
	mmio_regs[REG_RAX] = value ^ 0x00ff00ff0f0f0f0f;
	mmio_regs[REG_RDX] = (u64)work + 8; /* room for downwards */
	mmio_regs[REG_RSI] = value;
	mmio_regs[REG_RDI] = cell;
	mmio_regs[REG_FLAGS] = FLAGS_CLEAN | (round & 1 ? RFLAGS_CF : 0);
	for (u32 i = 0; i < sizeof(work); i++)
		work[i] = (u8)(i * 7 + round);
	wrmsr(MSR_FS_BASE, cell - 0x40);
	wrmsr(MSR_GS_BASE, cell + 0x100000);
	mmio_call(op->routine);
	memcpy(out->regs, mmio_regs, sizeof(out->regs));
	memcpy(out->work, work, sizeof(work));
	out->regs[REG_RSP] = 0;
	out->regs[REG_FLAGS] &= FLAGS_ARITH & op->flags_mask;
}

static bool same(const char *place, const struct mmio_op *op, bool compare_cell)
{
	for (u32 i = 0; i < REG_COUNT; i++) {
		if (got.regs[i] == want.regs[i])
			continue;
		check(false, "%s: %s: register %u: got 0x%llx, want 0x%llx", place, op->name, i,
		      got.regs[i], want.regs[i]);
		return false;
	}
	if (memcmp(got.work, want.work, sizeof(want.work)) != 0) {
		check(false, "%s: %s: memory beside the device differs", place, op->name);
		return false;
	}
	if (compare_cell && got.cell != want.cell) {
		check(false, "%s: %s: the register holds 0x%x, want 0x%x", place, op->name,
		      got.cell, want.cell);
		return false;
	}
	return true;
}

static void check_on_lapic(const struct mmio_op *op)
{
	for (u32 round = 0; round < ARRAY_SIZE(cells) * ARRAY_SIZE(values); round++) {
		u32 cell = cells[round / ARRAY_SIZE(values)];

		map_window((u64)ram, (u64)ram + PAGE_SIZE);
		memcpy(ram + CELL_OFFSET, &cell, 4);
		run(op, round, &want);
		memcpy(&want.cell, ram + CELL_OFFSET, 4);
		map_window(LAPIC_BASE, (u64)ram + PAGE_SIZE);
		lapic_write(LAPIC_TIMER_INITIAL, cell);
		run(op, round, &got);
		got.cell = lapic_read(LAPIC_TIMER_INITIAL);
		if (!same("lapic", op, true))
			return;
	}
	check(true, "lapic: %s", op->name);
}

/* RAM that looks like nothing: QEMU reads unmapped memory as 0, Bochs and a partition as ones. */
static void fill_like_void(u8 *page)
{
	memset(page, *(volatile u8 *)phys(VOID_MEMORY), PAGE_SIZE);
}

static void fill_like_ram(u8 *page)
{
	for (u32 i = 0; i < PAGE_SIZE; i++)
		page[i] = (u8)(i * 3 + 1);
}

/* Each of the two pages is RAM or void. */
static void check_on_void(const struct mmio_op *op, const char *place, bool first, bool second)
{
	for (u32 round = 0; round < ARRAY_SIZE(values); round++) {
		(first ? fill_like_void : fill_like_ram)(ram);
		(second ? fill_like_void : fill_like_ram)(ram + PAGE_SIZE);
		map_window((u64)ram, (u64)ram + PAGE_SIZE);
		run(op, round, &want);
		(first ? fill_like_void : fill_like_ram)(ram);
		(second ? fill_like_void : fill_like_ram)(ram + PAGE_SIZE);
		map_window(first ? VOID_MEMORY : (u64)ram,
			   second ? VOID_MEMORY + PAGE_SIZE : (u64)ram + PAGE_SIZE);
		run(op, round, &got);
		if (!same(place, op, false))
			return;
	}
	check(true, "%s: %s", place, op->name);
}

void mmio_check_ops(const char *group, const struct mmio_op *ops)
{
	print("group: %s\n", group);
	for (; ops->routine; ops++) {
		if (ops->size == 4)
			check_on_lapic(ops);
		check_on_void(ops, "unmapped", true, true);
		if (ops->size == MMIO_CROSS) {
			check_on_void(ops, "RAM, unmapped", false, true);
			check_on_void(ops, "unmapped, RAM", true, false);
		}
	}
}
