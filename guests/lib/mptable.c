/* The MP configuration table: MultiProcessor Specification 1.4, chapter 4. */
#include "lib.h"
#include "pctables.h"

#define MP_CPU_ENABLED 1
#define MP_CPU_BOOT 2
#define MP_UNIT_ENABLED 1
#define ALL_APICS 0xff

enum mp_type { MP_CPU = 0, MP_BUS = 1, MP_IOAPIC = 2, MP_IO_INTERRUPT = 3, MP_LOCAL_INTERRUPT = 4 };

enum mp_interrupt { MP_INT = 0, MP_NMI = 1, MP_SMI = 2, MP_EXTINT = 3 };

/* 4.1 */
struct mp_pointer {
	char signature[4]; /* _MP_ */
	u32 table;
	u8 length, revision, checksum, feature[5];
};

/* 4.2 */
struct mp_header {
	char signature[4]; /* PCMP */
	u16 length;
	u8 revision, checksum;
	char oem[8], product[12];
	u32 oem_table;
	u16 oem_size, entries;
	u32 lapic;
	u16 extended_length;
	u8 extended_checksum, reserved;
};

/* 4.3: all entries, one over the other */
union mp_entry {
	u8 type;
	struct {
		u8 type, id, version, flags;
		u32 signature, features, reserved[2];
	} cpu;
	struct {
		u8 type, id;
		char name[6];
	} bus;
	struct {
		u8 type, id, version, flags;
		u32 address;
	} ioapic;
	struct {
		u8 type, kind;
		u16 flags;
		u8 bus, irq, apic, pin;
	} interrupt;
};

static const struct mp_pointer *search(ulong from, ulong size)
{
	for (ulong at = from; at < from + size; at += 16) {
		const struct mp_pointer *p = phys(at);

		if (memcmp(p->signature, "_MP_", 4) == 0 && p->length == 1 &&
		    sum_is_zero(p, sizeof(*p)))
			return p;
	}
	return NULL;
}

/* Where chapter 4 says, in its order. Without an EBDA, the last KiB of base memory: 639K. */
static const struct mp_pointer *find_pointer(void)
{
	ulong ebda = (ulong) * (const u16 *)phys(0x40e) << 4;
	const struct mp_pointer *p = search(ebda ? ebda : 639 * 1024, 1024);

	return p ? p : search(0xf0000, 0x10000);
}

static void read_cpu(struct pc_tables *t, const union mp_entry *e)
{
	if (!(e->cpu.flags & MP_CPU_ENABLED) || t->cpus == CPUS_MAX)
		return;
	if (e->cpu.flags & MP_CPU_BOOT)
		t->boot_cpu = t->cpus;
	t->apic_id[t->cpus++] = e->cpu.id;
}

/* Of the ISA bus alone, whose number is in *isa. */
static void read_entry(struct pc_tables *t, const union mp_entry *e, u8 *isa)
{
	switch (e->type) {
	case MP_CPU: read_cpu(t, e); break;
	case MP_BUS:
		if (memcmp(e->bus.name, "ISA   ", 6) == 0)
			*isa = e->bus.id;
		break;
	case MP_IOAPIC:
		if (!(e->ioapic.flags & MP_UNIT_ENABLED))
			break;
		t->ioapics++;
		t->ioapic = e->ioapic.address;
		t->ioapic_id = e->ioapic.id;
		break;
	case MP_IO_INTERRUPT:
		if (e->interrupt.kind != MP_INT || e->interrupt.bus != *isa ||
		    e->interrupt.irq >= ISA_IRQS)
			break;
		t->gsi[e->interrupt.irq] = e->interrupt.pin;
		t->flags[e->interrupt.irq] = e->interrupt.flags;
		t->described |= (u16)(1 << e->interrupt.irq);
		break;
	case MP_LOCAL_INTERRUPT:
		if (e->interrupt.kind == MP_NMI && e->interrupt.apic == ALL_APICS)
			t->nmi_lint = e->interrupt.pin;
		break;
	}
}

bool mptable_read(struct pc_tables *t)
{
	const struct mp_pointer *p = find_pointer();
	const struct mp_header *h;
	const u8 *at;
	u8 isa = 0xff;

	memset(t, 0, sizeof(*t));
	t->nmi_lint = 0xff;
	if (!p || !p->table)
		return false;
	h = phys(p->table);
	if (memcmp(h->signature, "PCMP", 4) != 0 || !sum_is_zero(h, h->length))
		return false;
	t->lapic = h->lapic;
	at = (const u8 *)(h + 1);
	for (u32 i = 0; i < h->entries; i++) {
		const union mp_entry *e = (const void *)at;

		read_entry(t, e, &isa);
		at += e->type == MP_CPU ? sizeof(e->cpu) : sizeof(e->bus);
	}
	return true;
}
