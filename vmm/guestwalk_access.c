/* Segments, and copies to and from guest memory by linear address. */
#include "error.h"
#include "lib/string.h"
#include "vmm/guestwalk.h"
#include "vmm/partition.h"
#include "x86/msr.h"

#define PAGE_SIZE 4096u
#define PAGE_OFFSET(a) ((unsigned)(a) & (PAGE_SIZE - 1))

#define SEG_TYPE_CODE 8u
#define SEG_TYPE_EXPAND_DOWN 4u /* data */
#define SEG_TYPE_WRITABLE 2u	/* data */
#define SEG_TYPE_READABLE 2u	/* code */

unsigned guest_cpl(struct vcpu *v)
{
	struct guest_context c;

	backend->get_context(v, &c);
	return c.cpl;
}

unsigned guest_code_bits(struct vcpu *v)
{
	struct guest_context c;

	backend->get_context(v, &c);
	return c.bits;
}

static bool is_canonical(u64 address)
{
	return (u64)((s64)(address << 16) >> 16) == address;
}

static unsigned linear_64(const struct segment *s, enum segment_name seg, u64 offset, unsigned size,
			  gva_t *gva)
{
	u64 base = seg >= SEG_FS ? s->base : 0;

	*gva = base + offset;
	if (is_canonical(*gva) && is_canonical(*gva + size - 1) && *gva + size - 1 >= *gva)
		return 0;
	return seg == SEG_SS ? VEC_SS : VEC_GP;
}

/* SDM 3A 5.3: limits, upside down for expand-down data. */
static bool limit_holds(const struct segment *s, u64 offset, unsigned size)
{
	u64 last = offset + size - 1;
	bool expand_down =
	    (s->attr & (SEG_TYPE_CODE | SEG_TYPE_EXPAND_DOWN)) == SEG_TYPE_EXPAND_DOWN;

	if (!expand_down)
		return last <= s->limit;
	return offset > s->limit && last <= (s->attr & SEG_ATTR_DB ? 0xffffffffu : 0xffffu);
}

/* SDM 3A 5.5. */
static bool type_allows(const struct segment *s, unsigned access)
{
	if (s->attr & SEG_ATTR_UNUSABLE)
		return false;
	if (access & ACCESS_WRITE)
		return !(s->attr & SEG_TYPE_CODE) && s->attr & SEG_TYPE_WRITABLE;
	return !(s->attr & SEG_TYPE_CODE) || s->attr & SEG_TYPE_READABLE;
}

unsigned guest_linear_check(struct vcpu *v, unsigned bits, enum segment_name seg, u64 offset,
			    unsigned size, unsigned access, gva_t *gva)
{
	struct segment s;
	bool typed;

	if (bits == 64 && seg < SEG_FS) {
		s.base = 0;
		return linear_64(&s, seg, offset, size, gva);
	}
	backend->get_seg(v, seg, &s);
	if (bits == 64)
		return linear_64(&s, seg, offset, size, gva);
	/* Real and virtual-8086 mode know limits, but no types. */
	typed = vcpu_get_reg(v, REG_CR0) & CR0_PE && !(vcpu_get_reg(v, REG_RFLAGS) & RFLAGS_VM);
	*gva = (u32)(s.base + offset);
	if (limit_holds(&s, offset, size) && (!typed || type_allows(&s, access)))
		return 0;
	return seg == SEG_SS ? VEC_SS : VEC_GP;
}

int guest_linear(struct vcpu *v, enum segment_name seg, u64 offset, unsigned size, unsigned access,
		 gva_t *gva)
{
	unsigned vector = guest_linear_check(v, guest_code_bits(v), seg, offset, size, access, gva);

	if (!vector)
		return 0;
	event_raise(v, vector, true, 0);
	return -EFAULT;
}

static int map_page(struct vcpu *v, gva_t gva, unsigned access, gpa_t *gpa)
{
	u32 error = 0;
	int r = guest_translate(v, gva, access, gpa, &error);

	if (r == -EFAULT)
		event_raise_pf(v, gva, error);
	return r;
}

int guest_map(struct vcpu *v, gva_t gva, unsigned len, unsigned access, struct guest_span *span)
{
	int r;

	span->len[0] = MIN(len, PAGE_SIZE - PAGE_OFFSET(gva));
	span->len[1] = len - span->len[0];
	r = map_page(v, gva, access, &span->gpa[0]);
	if (r || !span->len[1])
		return r;
	gva += span->len[0];
	if (!(vcpu_get_reg(v, REG_EFER) & EFER_LMA))
		gva = (u32)gva; /* an operand may wrap at 4 GiB */
	return map_page(v, gva, access, &span->gpa[1]);
}

/* One load or store where the size has one: other processors of the guest must not see halves. */
static void copy_operand(void *dst, const void *src, unsigned len)
{
	switch (len) {
	case 1: __builtin_memcpy(dst, src, 1); break;
	case 2: __builtin_memcpy(dst, src, 2); break;
	case 4: __builtin_memcpy(dst, src, 4); break;
	case 8: __builtin_memcpy(dst, src, 8); break;
	default: memcpy(dst, src, len);
	}
}

static bool is_ram(const struct gpspace *gs, gpa_t gpa, unsigned len, bool write)
{
	const struct gpspace_range *r = gpspace_range_of(gs, gpa, len);

	return r && (!write || r->writable);
}

static unsigned device_piece(gpa_t gpa, unsigned len)
{
	unsigned size = 8;

	while (size > len || gpa & (size - 1))
		size /= 2;
	return size;
}

static bool is_own_apic(const struct vcpu *v, gpa_t gpa)
{
	return (v->lapic.state.base & (APIC_BASE_ENABLE | APIC_BASE_X2APIC)) == APIC_BASE_ENABLE &&
	       (gpa & ~(u64)(PAGE_SIZE - 1)) == (v->lapic.state.base & APIC_BASE_ADDRESS);
}

void guest_device_access(struct vcpu *v, gpa_t gpa, struct io_access *a)
{
	if (is_own_apic(v, gpa)) {
		a->addr = PAGE_OFFSET(gpa);
		vlapic_mmio(&v->lapic, a);
	} else {
		a->addr = gpa;
		partition_bus_access(v->partition, IO_MEMORY, a);
	}
}

static void device_access(struct vcpu *v, gpa_t gpa, u8 *buf, unsigned len, bool write)
{
	struct io_access a = { .write = write };

	for (unsigned size; len; len -= size, gpa += size, buf += size) {
		size = device_piece(gpa, len);
		a.size = size;
		a.value = 0;
		if (write)
			copy_operand(&a.value, buf, size);
		guest_device_access(v, gpa, &a);
		if (!write)
			copy_operand(buf, &a.value, size);
	}
}

int guest_physical_access(struct vcpu *v, gpa_t gpa, void *buf, unsigned len, bool write)
{
	struct gpspace *gs = &v->partition->space;
	void *hva;

	/* A store to ROM goes to the bus, where nothing takes it and it is counted. */
	if (is_own_apic(v, gpa) || !is_ram(gs, gpa, len, write)) {
		device_access(v, gpa, buf, len, write);
		return 0;
	}
	hva = gpspace_hva(gs, gpa);
	if (!hva)
		return -ENOMEM;
	if (write)
		copy_operand(hva, buf, len);
	else
		copy_operand(buf, hva, len);
	return 0;
}

int guest_span_access(struct vcpu *v, const struct guest_span *span, void *buf, bool write)
{
	int r = guest_physical_access(v, span->gpa[0], buf, span->len[0], write);

	if (r || !span->len[1])
		return r;
	return guest_physical_access(v, span->gpa[1], (u8 *)buf + span->len[0], span->len[1],
				     write);
}

static int linear_access(struct vcpu *v, gva_t gva, u8 *buf, unsigned len, unsigned access)
{
	struct guest_span span;

	while (len) {
		unsigned n = MIN(len, PAGE_SIZE);
		int r = guest_map(v, gva, n, access, &span);

		if (!r)
			r = guest_span_access(v, &span, buf, access & ACCESS_WRITE);
		if (r)
			return r;
		gva += n;
		buf += n;
		len -= n;
	}
	return 0;
}

int guest_read(struct vcpu *v, gva_t gva, void *buf, unsigned len, unsigned access)
{
	return linear_access(v, gva, buf, len, access & ~ACCESS_WRITE);
}

int guest_write(struct vcpu *v, gva_t gva, const void *buf, unsigned len, unsigned access)
{
	return linear_access(v, gva, (u8 *)buf, len, access | ACCESS_WRITE);
}
