/* How the three kinds of page tables write down the same things. */
#include "mm/pt.h"

/* SDM 3A table 4-19 and 4-20, APM 2 5.3; the nested tables of AMD are the same. */
#define LEAF_P BIT(0)
#define LEAF_W BIT(1)
#define LEAF_U BIT(2)
#define LEAF_PWT BIT(3)
#define LEAF_PCD BIT(4) /* with PWT: entry 3 of the PAT, uncached as the processor resets it */
#define LEAF_A BIT(5)
#define LEAF_D BIT(6)
#define LEAF_PS BIT(7)
#define LEAF_NX BIT(63)

/* SDM 3C table 28-6. */
#define EPT_R BIT(0)
#define EPT_W BIT(1)
#define EPT_X BIT(2)
#define EPT_TYPE MASK(5, 3)
#define EPT_TYPE_UC (0ull << 3)
#define EPT_TYPE_WB (6ull << 3)
#define EPT_LARGE BIT(7)

static u64 legacy_encode(unsigned prot)
{
	u64 e = LEAF_P | LEAF_A | LEAF_D; /* preset: no walk has to write them */

	if (prot & PT_WRITE)
		e |= LEAF_W;
	if (!(prot & PT_EXEC))
		e |= LEAF_NX;
	if (prot & PT_UNCACHED)
		e |= LEAF_PWT | LEAF_PCD;
	return e;
}

static unsigned legacy_decode(u64 e)
{
	return PT_READ | (e & LEAF_W ? PT_WRITE : 0) | (e & LEAF_NX ? 0 : PT_EXEC) |
	       (e & LEAF_PCD ? PT_UNCACHED : 0);
}

/* A nested walk is a user access, whatever the guest does: APM 2 15.25.5. */
static u64 npt_encode(unsigned prot)
{
	return legacy_encode(prot) | LEAF_U;
}

static u64 ept_encode(unsigned prot)
{
	return EPT_R | (prot & PT_WRITE ? EPT_W : 0) | (prot & PT_EXEC ? EPT_X : 0) |
	       (prot & PT_UNCACHED ? EPT_TYPE_UC : EPT_TYPE_WB);
}

static unsigned ept_decode(u64 e)
{
	return (e & EPT_R ? PT_READ : 0) | (e & EPT_W ? PT_WRITE : 0) | (e & EPT_X ? PT_EXEC : 0) |
	       ((e & EPT_TYPE) == EPT_TYPE_UC ? PT_UNCACHED : 0);
}

struct pt_format pt_format_kernel = {
	.name = "kernel",
	.present = LEAF_P,
	.write = LEAF_P | LEAF_W,
	.table = LEAF_P | LEAF_W | LEAF_A,
	.large = LEAF_PS,
	.sign_extended = true,
	.encode = legacy_encode,
	.decode = legacy_decode,
};

struct pt_format pt_format_ept = {
	.name = "EPT",
	.present = EPT_R | EPT_W | EPT_X,
	.write = EPT_R | EPT_W,
	.table = EPT_R | EPT_W | EPT_X,
	.large = EPT_LARGE,
	.encode = ept_encode,
	.decode = ept_decode,
};

struct pt_format pt_format_npt = {
	.name = "NPT",
	.present = LEAF_P,
	.write = LEAF_P | LEAF_W,
	.table = LEAF_P | LEAF_W | LEAF_U | LEAF_A,
	.large = LEAF_PS,
	.encode = npt_encode,
	.decode = legacy_decode,
};
