#pragma once
/*
 * The bytes of the code at CS:RIP. A walk of the guest's tables for every instruction that we
 * emulate would cost more than all the rest, so each vCPU keeps where it found the last pages of
 * 64-bit code, each with all that the answer rested on:
 *
 * - the linear page, CR3, CPL, and those bits of CR4 and EFER that decide about a fetch. (In 64-bit
 *   code the others that a walk looks at cannot differ: CR0.PG, CR4.PAE and EFER.LMA are set. CS
 *   has no base. CR0.WP, CR4.SMAP and RFLAGS.AC are about data.)
 * - the words that the walk read, the entries of the guest's tables, by the kernel's own addresses.
 *   Those hold as long as the nested tables do, whose version is one of the words.
 *
 * At each use all of it is compared with what is there now: then a walk would give the same again.
 * So nobody has to tell us of INVLPG, of stores to page tables, or of other vCPUs; and nothing may
 * be stale, not even as a TLB entry may. The bytes themselves are never kept.
 *
 * Real mode, 32-bit and compatibility code take the walk every time.
 */
#include "compiler.h"
#include "types.h"
#include "vmm/backend.h"
#include "vmm/guestwalk.h"
#include "x86/msr.h"

#define CODE_PAGES 8
#define CODE_PAGE_SIZE 4096u
#define CODE_PAGE_OFFSET(a) ((unsigned)(a) & (CODE_PAGE_SIZE - 1))

struct code_page {
	gva_t last;    /* the linear address of its last byte; 0: none kept here */
	const u8 *hva; /* of its first */
	struct walk_words words;
	struct guest_context context;
};

/* In a vCPU, for its own thread; or for another one while it does not run. All zero when new. */
struct code_pages {
	struct code_page page[CODE_PAGES];
};

static inline struct code_page *code_page_slot(struct code_pages *pages, gva_t gva)
{
	return &pages->page[gva / CODE_PAGE_SIZE % CODE_PAGES];
}

/* Whether it was found at gva in this address space; the rest is still to be compared. */
static inline bool code_page_is_at(const struct code_page *p, gva_t gva, u64 cr3)
{
	return p->last == (gva | (CODE_PAGE_SIZE - 1)) && p->context.cr3 == cr3;
}

/*
 * The kernel's pointer to the code at a linear address, valid to the end of its page; NULL when it
 * is not kept. No lock, and nothing that takes time: may be called with interrupts off.
 */
static inline const u8 *code_page_find(struct code_pages *pages, const struct guest_context *c,
				       gva_t gva)
{
	const struct code_page *p = code_page_slot(pages, gva);
	const struct guest_context *was = &p->context;

	if (c->bits != 64 || !code_page_is_at(p, gva, c->cr3) || c->cpl != was->cpl ||
	    (c->cr4 ^ was->cr4) & CR4_SMEP || (c->efer ^ was->efer) & EFER_NXE ||
	    !walk_words_hold(&p->words))
		return NULL;
	return p->hva + CODE_PAGE_OFFSET(gva);
}

/* The linear address of CS:RIP. */
static inline gva_t guest_rip_linear(const struct guest_context *c)
{
	return c->bits == 64 ? c->rip : (u32)(c->cs_base + c->rip);
}

/*
 * Up to max bytes of the code at CS:RIP; the number read (0: not readable; nothing is raised in the
 * guest). At most 4 KiB.
 */
unsigned guest_fetch(struct vcpu *v, const struct guest_context *c, u8 *buf, unsigned max);
/*
 * The same for a look from outside: it changes nothing, and populates no memory. Any context, with
 * the vCPU's state loaded.
 */
unsigned guest_peek(struct vcpu *v, const struct guest_context *c, u8 *buf, unsigned max);
