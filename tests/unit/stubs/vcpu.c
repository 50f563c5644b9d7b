/* A vCPU without a processor: see vcpu.h. */
#include "tests/unit/stubs/vcpu.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/cpu.h"
#include "mm/gmem.h"
#include "tests/unit/stubs/arena.h"
#include "x86/msr.h"

#define TABLES MIB   /* PML4; the other tables follow */
#define PTE_ALL 0x67 /* present, writable, user, accessed, dirty */

struct fake fake;
struct cpu_features cpu_features = { .phys_bits = 40, .pages_1g = true };

static gpa_t next_table;

static u64 fake_get_reg(struct vcpu *v, unsigned reg)
{
	return reg < REG_GPRS && reg != REG_RSP ? v->gpr[reg] : fake.reg[reg];
}

static void fake_set_reg(struct vcpu *v, unsigned reg, u64 value)
{
	if (reg < REG_GPRS && reg != REG_RSP)
		v->gpr[reg] = value;
	else
		fake.reg[reg] = value;
}

static void fake_get_context(struct vcpu *v, struct guest_context *c)
{
	u32 cs = fake.seg[SEG_CS].attr;

	(void)v;
	*c = (struct guest_context){
		.rip = fake.reg[REG_RIP],
		.cs_base = fake.seg[SEG_CS].base,
		.cr0 = fake.reg[REG_CR0],
		.cr3 = fake.reg[REG_CR3],
		.cr4 = fake.reg[REG_CR4],
		.efer = fake.reg[REG_EFER],
		.cpl = (fake.seg[SEG_SS].attr & SEG_ATTR_DPL) >> SEG_ATTR_DPL_SHIFT,
		.bits = cs & SEG_ATTR_L && fake.reg[REG_EFER] & EFER_LMA ? 64
			: cs & SEG_ATTR_DB				 ? 32
									 : 16,
	};
}

static void fake_get_seg(struct vcpu *v, enum segment_name seg, struct segment *s)
{
	(void)v;
	*s = fake.seg[seg];
}

static void fake_flush(struct vcpu *v)
{
	(void)v;
}

static const struct vcpu_backend fake_backend = {
	.name = "fake",
	.get_reg = fake_get_reg,
	.set_reg = fake_set_reg,
	.get_context = fake_get_context,
	.get_seg = fake_get_seg,
	.flush = fake_flush,
};
const struct vcpu_backend *backend = &fake_backend;

static void must(int r)
{
	if (r)
		abort();
}

int fake_start(void **state)
{
	(void)state;
	arena_frames(64 * MIB, false);
	memset(&fake, 0, sizeof(fake));
	fake.vector = -1;
	fake.vcpu.partition = &fake.partition;
	must(gpspace_init(&fake.partition.space, &pt_format_npt, OWNER_PARTITION));
	must(gpspace_add_ram(&fake.partition.space, 0, FAKE_RAM, true));
	must(gpspace_add_ram(&fake.partition.space, FAKE_ROM, FAKE_ROM_SIZE, false));
	fake_mode(64, 0);
	return 0;
}

int fake_stop(void **state)
{
	(void)state;
	gpspace_free(&fake.partition.space);
	return 0;
}

void fake_mode(unsigned bits, unsigned cpl)
{
	u32 data = 0x93 | cpl << SEG_ATTR_DPL_SHIFT | SEG_ATTR_DB | SEG_ATTR_G, code = data | 0x8;

	if (bits == 64)
		code = (code & ~SEG_ATTR_DB) | SEG_ATTR_L;
	if (bits == 16)
		data = 0x93, code = 0x9b;
	for (unsigned i = 0; i <= SEG_GS; i++)
		fake.seg[i] = (struct segment){
			.limit = bits == 16 ? 0xffff : 0xffffffff,
			.attr = i == SEG_CS ? code : data,
		};
	fake.reg[REG_RFLAGS] = RFLAGS_FIXED;
	fake.reg[REG_CR0] = bits == 16 ? CR0_ET : CR0_ET | CR0_PE;
	fake.reg[REG_CR4] = bits == 64 ? CR4_PAE : 0;
	fake.reg[REG_EFER] = bits == 64 ? EFER_LME | EFER_LMA | EFER_NXE : 0;
}

static gpa_t table_of(u64 gva, unsigned level)
{
	gpa_t table = TABLES;

	for (unsigned l = 4; l > level; l--) {
		gpa_t at = table + (gva >> (12 + 9 * (l - 1)) & 511) * 8;
		u64 entry = fake_peek(at, 8);

		if (!(entry & 1)) {
			entry = (next_table += 4096) | PTE_ALL;
			fake_poke(at, entry, 8);
		}
		table = entry & MASK(51, 12);
	}
	return table + (gva >> (12 + 9 * (level - 1)) & 511) * 8;
}

gpa_t fake_map(u64 gva, u64 entry)
{
	gpa_t at = table_of(gva, 1);

	fake_poke(at, entry, 8);
	return at;
}

u64 fake_entry(u64 gva, unsigned level)
{
	return fake_peek(table_of(gva, level), 8);
}

void fake_set_entry(u64 gva, unsigned level, u64 value)
{
	fake_poke(table_of(gva, level), value, 8);
}

void fake_long_paging(void)
{
	next_table = TABLES;
	must(gmem_zero(&fake.partition.space, TABLES, MIB));
	for (u64 a = 0; a < MIB; a += 4096)
		fake_map(a, a | PTE_ALL);
	for (u64 a = FAKE_DEVICE; a < FAKE_DEVICE + FAKE_DEVICE_SIZE; a += 4096)
		fake_map(a, a | PTE_ALL);
	fake.reg[REG_CR3] = TABLES;
	fake.reg[REG_CR0] |= CR0_PG | CR0_WP;
}

u64 fake_peek(gpa_t gpa, unsigned size)
{
	u64 value = 0;

	must(gmem_read(&fake.partition.space, gpa, &value, size));
	return value;
}

void fake_poke(gpa_t gpa, u64 value, unsigned size)
{
	must(gmem_load(&fake.partition.space, gpa, &value, size));
}

struct vm_exit *fake_code(u64 rip, const void *bytes, unsigned len, enum vm_exit_reason reason)
{
	struct vm_exit *exit = &fake.vcpu.exit;

	must(gmem_load(&fake.partition.space, rip, bytes, len));
	fake.reg[REG_RIP] = rip;
	*exit = (struct vm_exit){ .reason = reason, .rip = rip };
	/* No shortcut: as if a walk had faulted; tests that want it say otherwise. */
	exit->u.fault.walk = reason == VM_EXIT_FAULT;
	return exit;
}

static void remember(enum io_space space, const struct io_access *a, bool apic)
{
	if (fake.access_count >= FAKE_ACCESSES)
		abort();
	fake.access[fake.access_count++] = (struct fake_access){ space, *a, apic };
}

static void device_io(struct io_access *a)
{
	u64 at = a->addr - FAKE_DEVICE;

	if (at >= FAKE_DEVICE_SIZE) {
		a->value = ~0ull;
		return;
	}
	if (a->write)
		memcpy(fake.device + at, &a->value, a->size);
	else
		memcpy(&a->value, fake.device + at, a->size);
}

void partition_bus_access(struct partition *p, enum io_space space, struct io_access *a)
{
	if (p != &fake.partition)
		abort();
	if (space == IO_MEMORY) {
		device_io(a);
	} else if (!a->write) {
		a->value = 0xa5a5a5a5a5a5a5a5ull; /* the upper part is to be ignored */
		for (unsigned i = 0; i < a->size; i++)
			((u8 *)&a->value)[i] = fake.port_value++;
	}
	remember(space, a, false);
}

void vlapic_mmio(void *dev, struct io_access *a)
{
	if (dev != &fake.vcpu.lapic)
		abort();
	if (!a->write)
		a->value = 0xa01c0000 + a->addr;
	remember(IO_MEMORY, a, true);
}

void event_raise(struct vcpu *v, u8 vector, bool has_error, u32 error)
{
	if (v != &fake.vcpu)
		abort();
	fake.vector = vector;
	fake.has_error = has_error;
	fake.error_code = error;
}

void event_raise_ud(struct vcpu *v)
{
	event_raise(v, VEC_UD, false, 0);
}

void event_raise_gp(struct vcpu *v, u32 error)
{
	event_raise(v, VEC_GP, true, error);
}

void event_raise_pf(struct vcpu *v, gva_t address, u32 error)
{
	fake.reg[REG_CR2] = address;
	event_raise(v, VEC_PF, true, error);
}

void partition_error(struct vcpu *v, const char *fmt, ...)
{
	va_list args;

	(void)v;
	va_start(args, fmt);
	vsnprintf(fake.error, sizeof(fake.error), fmt, args);
	va_end(args);
	fake.errors++;
}
