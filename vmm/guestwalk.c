/*
 * The guest's own page tables, walked as the processor would: SDM 3A 4.3 to 4.7. An entry is read
 * once and the copy is used; an entry outside RAM reads as ones, as on a bus where nothing answers.
 */
#include "vmm/guestwalk.h"

#include "error.h"
#include "kernel/cpu.h"
#include "vmm/partition.h"

#define PTE_P BIT(0)
#define PTE_W BIT(1)
#define PTE_U BIT(2)
#define PTE_A BIT(5)
#define PTE_D BIT(6)
#define PTE_PS BIT(7)
#define PTE_NX BIT(63)
#define PTE_ADDRESS MASK(51, 12)
#define PTE_LARGE_PAT BIT(12)

#define PDPTE_PAE_RESERVED (MASK(2, 1) | MASK(8, 5)) /* SDM 3A table 4-8 */
#define PDE_PSE_RESERVED BIT(21)		     /* SDM 3A table 4-4, with PSE-36 */
#define PAE_RESERVED MASK(62, 52)		     /* ignored or keys in long mode only */

#define WALK_TRIES 8 /* restarts when other processors change entries under us */

struct walk {
	struct vcpu *v;
	const struct guest_context *c;
	struct walk_words *words; /* NULL: nobody wants them */
	gva_t gva;
	unsigned access;
	unsigned levels, index_bits, entry_size;
	/* What the entries so far allow: */
	bool writable, user, no_exec;
	u32 error; /* when it fails */
};

static bool walk_is_long(const struct walk *w)
{
	return w->levels == 4;
}

static bool walk_is_pae(const struct walk *w)
{
	return w->levels == 3;
}

static int walk_fault(struct walk *w, u32 error)
{
	bool nx_known = w->c->cr4 & CR4_PAE && w->c->efer & EFER_NXE;

	if (w->access & ACCESS_WRITE)
		error |= PF_W;
	if (w->access & ACCESS_USER)
		error |= PF_U;
	if (w->access & ACCESS_FETCH && (nx_known || w->c->cr4 & CR4_SMEP))
		error |= PF_I;
	w->error = error;
	return -EFAULT;
}

static unsigned level_shift(const struct walk *w, unsigned level)
{
	return 12 + (level - 1) * w->index_bits;
}

static bool entry_is_leaf(const struct walk *w, unsigned level, u64 entry)
{
	if (level == 1)
		return true;
	if (level == 2)
		return entry & PTE_PS && (w->entry_size == 8 || w->c->cr4 & CR4_PSE);
	return level == 3 && walk_is_long(w) && entry & PTE_PS;
}

static u64 entry_reserved(const struct walk *w, unsigned level, u64 entry)
{
	bool leaf = entry_is_leaf(w, level, entry);
	u64 mask = MASK(51, 12) & ~(BIT(cpu_features.phys_bits) - 1);

	if (w->entry_size == 4)
		return leaf && level == 2 ? PDE_PSE_RESERVED : 0;
	if (walk_is_pae(w))
		mask |= PAE_RESERVED;
	if (walk_is_pae(w) && level == 3)
		return mask | PDPTE_PAE_RESERVED | PTE_NX;
	if (!(w->c->efer & EFER_NXE))
		mask |= PTE_NX;
	if (level == 4 || (level == 3 && !cpu_features.pages_1g))
		mask |= PTE_PS;
	if (leaf && level > 1)
		mask |= MASK(level_shift(w, level) - 1, 12) & ~PTE_LARGE_PAT;
	return mask;
}

/* SDM 3A 4.6.1. */
static bool walk_permits(const struct walk *w)
{
	bool write = w->access & ACCESS_WRITE, fetch = w->access & ACCESS_FETCH;

	if (fetch && w->no_exec)
		return false;
	if (w->access & ACCESS_USER)
		return w->user && (!write || w->writable);
	if (w->user && fetch && w->c->cr4 & CR4_SMEP)
		return false;
	if (w->user && !fetch && w->c->cr4 & CR4_SMAP) {
		if (w->access & ACCESS_IMPLICIT || !(vcpu_get_reg(w->v, REG_RFLAGS) & RFLAGS_AC))
			return false;
	}
	return !write || w->writable || !(w->c->cr0 & CR0_WP);
}

static bool ram_is_writable(const struct gpspace *gs, gpa_t gpa)
{
	const struct gpspace_range *r = gpspace_range_of(gs, gpa, 1);

	return r && r->writable;
}

static u64 entry_read(const struct walk *w, const void *slot)
{
	if (!slot)
		return w->entry_size == 8 ? ~0ull : 0xffffffffull;
	if (w->entry_size == 8)
		return READ_ONCE(*(const u64 *)slot);
	return READ_ONCE(*(const u32 *)slot);
}

/* Sets bits in an entry that still is what was read; else -EAGAIN: the walk starts again. */
static int entry_mark(const struct walk *w, void *slot, u64 entry, u64 bits)
{
	u32 entry32 = (u32)entry;
	bool done;

	if (w->entry_size == 8)
		done = __atomic_compare_exchange_n((u64 *)slot, &entry, entry | bits, false,
						   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	else
		done = __atomic_compare_exchange_n((u32 *)slot, &entry32, entry32 | (u32)bits,
						   false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return done ? 0 : -EAGAIN;
}

/* Accessed, and Dirty in a leaf that is written: SDM 3A 4.8. PDPTEs of PAE have neither. */
static int entry_set_used(const struct walk *w, unsigned level, gpa_t at, void *slot, u64 entry)
{
	u64 bits = PTE_A;

	if (w->access & ACCESS_WRITE && entry_is_leaf(w, level, entry))
		bits |= PTE_D;
	if (w->access & ACCESS_PROBE || (entry & bits) == bits || !slot)
		return 0;
	if ((walk_is_pae(w) && level == 3) || !ram_is_writable(&w->v->partition->space, at))
		return 0;
	return entry_mark(w, slot, entry, bits);
}

static gpa_t leaf_address(const struct walk *w, unsigned level, u64 entry)
{
	u64 offset_mask = BIT(level_shift(w, level)) - 1;
	gpa_t base = entry & PTE_ADDRESS & ~offset_mask;

	if (w->entry_size == 4 && level == 2)
		base |= (entry >> 13 & 0xff) << 32; /* PSE-36 */
	return base | (w->gva & offset_mask);
}

static gpa_t walk_root(const struct walk *w)
{
	u64 cr3 = w->c->cr3;

	if (walk_is_long(w))
		return cr3 & PTE_ADDRESS;
	/* The processor keeps PAE's four PDPTEs from the last load of CR3; we read memory. */
	return walk_is_pae(w) ? cr3 & MASK(31, 5) : cr3 & MASK(31, 12);
}

static int walk_slot(struct walk *w, gpa_t at, void **slot)
{
	struct gpspace *gs = &w->v->partition->space;

	if (w->access & ACCESS_PRESENT) {
		*slot = gpspace_present(gs, at, w->entry_size, false);
		return *slot ? 0 : walk_fault(w, 0);
	}
	*slot = gpspace_hva(gs, at);
	return !*slot && gpspace_is_ram(gs, at, w->entry_size) ? -ENOMEM : 0;
}

static void walk_add_rights(struct walk *w, unsigned level, u64 entry)
{
	if (walk_is_pae(w) && level == 3)
		return;
	w->writable = w->writable && entry & PTE_W;
	w->user = w->user && entry & PTE_U;
	w->no_exec = w->no_exec || (w->entry_size == 8 && entry & PTE_NX);
}

/* One level: 0 and the next table or, at a leaf, the address and *leaf; or an error. */
static int walk_level(struct walk *w, unsigned level, gpa_t *table, bool *leaf)
{
	u64 index = w->gva >> level_shift(w, level) & (BIT(w->index_bits) - 1);
	gpa_t at = *table + index * w->entry_size;
	void *slot;
	u64 entry;
	int r = walk_slot(w, at, &slot);

	if (r)
		return r;
	entry = entry_read(w, slot);
	if (w->words)
		w->words->word[w->levels - level + 1] = (struct walk_word){ slot, entry };
	if (!(entry & PTE_P))
		return walk_fault(w, 0);
	if (entry & entry_reserved(w, level, entry))
		return walk_fault(w, PF_P | PF_RSVD);
	walk_add_rights(w, level, entry);
	*leaf = entry_is_leaf(w, level, entry);
	if (*leaf && !walk_permits(w))
		return walk_fault(w, PF_P);
	r = entry_set_used(w, level, at, slot, entry);
	*table = *leaf ? leaf_address(w, level, entry) : entry & PTE_ADDRESS;
	return r;
}

static int walk_once(struct walk *w, gpa_t *gpa)
{
	bool leaf = false;

	w->writable = w->user = true;
	w->no_exec = false;
	*gpa = walk_root(w);
	for (unsigned level = w->levels; !leaf; level--) {
		int r = walk_level(w, level, gpa, &leaf);

		if (r)
			return r;
	}
	return 0;
}

static void walk_init(struct walk *w)
{
	bool pae = w->c->cr4 & CR4_PAE;

	w->levels = !pae ? 2 : w->c->efer & EFER_LMA ? 4 : 3;
	w->index_bits = pae ? 9 : 10;
	w->entry_size = pae ? 8 : 4;
	if (!walk_is_long(w)) {
		w->gva = (u32)w->gva;
		w->words = NULL;
	}
}

/* With the version of the nested tables first: before any entry is looked up through them. */
static void walk_note_version(struct walk *w)
{
	const u64 *generation = &w->v->partition->space.pt.generation;

	for (unsigned i = 0; i < WALK_WORDS; i++)
		w->words->word[i] = (struct walk_word){ generation, READ_ONCE(*generation) };
}

static int walk(struct walk *w, gpa_t *gpa, u32 *pf_error)
{
	int r = -EAGAIN;

	if (!(w->c->cr0 & CR0_PG)) {
		*gpa = (u32)w->gva;
		return 0;
	}
	walk_init(w);
	if (w->words)
		walk_note_version(w);
	for (unsigned i = 0; i < WALK_TRIES && r == -EAGAIN; i++)
		r = walk_once(w, gpa);
	if (r == -EAGAIN) { /* the guest fights with itself: go on without the bits */
		w->access |= ACCESS_PROBE;
		r = walk_once(w, gpa);
	}
	if (r == -EFAULT)
		*pf_error = w->error;
	return r;
}

int guest_translate(struct vcpu *v, gva_t gva, unsigned access, gpa_t *gpa, u32 *pf_error)
{
	struct guest_context c;
	struct walk w = { .v = v, .c = &c, .gva = gva, .access = access };

	backend->get_context(v, &c);
	return walk(&w, gpa, pf_error);
}

int guest_translate_code(struct vcpu *v, const struct guest_context *c, gva_t gva,
			 struct walk_words *words, gpa_t *gpa, u32 *pf_error)
{
	struct walk w = {
		.v = v,
		.c = c,
		.words = words,
		.gva = gva,
		.access = ACCESS_FETCH | ACCESS_PROBE | (c->cpl == 3 ? ACCESS_USER : 0),
	};

	return walk(&w, gpa, pf_error);
}
