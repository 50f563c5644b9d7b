/* Reading the guest's code: fetch.h says why a page that is kept may be used. */
#include "vmm/fetch.h"

#include "lib/string.h"
#include "vmm/partition.h"

/* By the guest's tables; NULL: a fault, or no RAM. */
static const u8 *code_page_walk(struct vcpu *v, const struct guest_context *c, gva_t page,
				struct walk_words *words)
{
	u32 error;
	gpa_t gpa;

	if (guest_translate_code(v, c, page, words, &gpa, &error))
		return NULL;
	return gpspace_hva(&v->partition->space, gpa);
}

static const u8 *code_page_keep(struct vcpu *v, const struct guest_context *c, gva_t page)
{
	struct code_page *p = code_page_slot(&v->code, page);

	p->hva = code_page_walk(v, c, page, &p->words);
	p->last = p->hva ? page + CODE_PAGE_SIZE - 1 : 0;
	p->context = *c;
	return p->hva;
}

/* Copies code up to the end of its page; the number of bytes. Devices are not read. */
static unsigned fetch_page(struct vcpu *v, const struct guest_context *c, gva_t gva, u8 *buf,
			   unsigned max)
{
	unsigned offset = CODE_PAGE_OFFSET(gva), len = MIN(max, CODE_PAGE_SIZE - offset);
	const u8 *code = code_page_find(&v->code, c, gva), *page;

	if (!code) {
		bool keep = c->bits == 64 && c->cr0 & CR0_PG;

		page = keep ? code_page_keep(v, c, gva - offset)
			    : code_page_walk(v, c, gva - offset, NULL);
		if (!page)
			return 0;
		code = page + offset;
	}
	memcpy(buf, code, len);
	return len;
}

unsigned guest_fetch(struct vcpu *v, const struct guest_context *c, u8 *buf, unsigned max)
{
	gva_t gva = guest_rip_linear(c);
	unsigned n = fetch_page(v, c, gva, buf, max);

	if (n && n < max)
		n += fetch_page(v, c, gva + n, buf + n, max - n);
	return n;
}

static unsigned peek_page(struct vcpu *v, const struct guest_context *c, gva_t gva, u8 *buf,
			  unsigned max)
{
	unsigned access = ACCESS_FETCH | ACCESS_PROBE | ACCESS_PRESENT;
	unsigned len = MIN(max, CODE_PAGE_SIZE - CODE_PAGE_OFFSET(gva));
	const u8 *code;
	u32 error;
	gpa_t gpa;

	if (guest_translate(v, gva, access | (c->cpl == 3 ? ACCESS_USER : 0), &gpa, &error))
		return 0;
	code = gpspace_present(&v->partition->space, gpa, len, false);
	if (!code)
		return 0;
	memcpy(buf, code, len);
	return len;
}

unsigned guest_peek(struct vcpu *v, const struct guest_context *c, u8 *buf, unsigned max)
{
	gva_t gva = guest_rip_linear(c);
	unsigned n = peek_page(v, c, gva, buf, max);

	if (n && n < max)
		n += peek_page(v, c, gva + n, buf + n, max - n);
	return n;
}
