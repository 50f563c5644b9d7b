#include "vmm/insn_cache.h"

#include "error.h"
#include "lib/string.h"
#include "vmm/fetch.h"
#include "vmm/vcpu.h"

#define KEY_SIZE (INSN_KEY_WORDS * sizeof(u64))

static_assert(KEY_SIZE >= INSN_MAX, "a key holds the longest instruction");

static struct insn_slot *slot_at(struct vcpu *v, u64 rip)
{
	return &v->insns.slot[INSN_SLOT(rip)];
}

static bool slot_holds(const struct insn_slot *slot, const u64 *key, unsigned bits)
{
	return key[0] == slot->key[0] && key[1] == slot->key[1] && slot->bits == bits;
}

const struct insn *insn_known(struct vcpu *v, const struct guest_context *c)
{
	const struct insn_slot *slot = slot_at(v, c->rip);
	const u8 *code = code_page_find(&v->code, c, c->rip);
	u64 key[INSN_KEY_WORDS];

	if (!code || CODE_PAGE_OFFSET(c->rip) > CODE_PAGE_SIZE - KEY_SIZE)
		return NULL;
	__builtin_memcpy(key, code, KEY_SIZE);
	barrier(); /* the copy is what is compared */
	return slot_holds(slot, key, c->bits) ? &slot->insn : NULL;
}

int insn_fetch(struct vcpu *v, const struct guest_context *c, const struct insn **insn)
{
	struct insn_slot *slot = slot_at(v, c->rip);
	u64 key[INSN_KEY_WORDS];
	unsigned len;
	int r;

	*insn = insn_known(v, c);
	if (likely(*insn))
		return 0;
	len = guest_fetch(v, c, (u8 *)key, KEY_SIZE);
	*insn = &slot->insn;
	if (len == KEY_SIZE && slot_holds(slot, key, c->bits))
		return 0;
	r = insn_decode(&slot->insn, (u8 *)key, len, c->bits);
	memcpy(slot->key, key, KEY_SIZE);
	slot->bits = !r && len == KEY_SIZE ? c->bits : 0;
	return r == -EAGAIN ? -EFAULT : r;
}
