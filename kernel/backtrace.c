#include "kernel/backtrace.h"
#include "kernel/symbols.h"
#include "mm/frame.h"
#include "mm/kspace.h"

/* A frame pointer to follow: in kernel memory, and the chain only goes up within a stack. */
static bool frame_is_sane(u64 rbp, u64 below)
{
	return rbp % sizeof(u64) == 0 && rbp >= DIRECT_MAP && rbp > below &&
	       (below == 0 || rbp - below < KERNEL_STACK_SIZE) && !kspace_is_guard(rbp) &&
	       !kspace_is_guard(rbp + sizeof(u64));
}

unsigned backtrace_collect(u64 rbp, u64 *callers, unsigned max)
{
	u64 below = 0;
	unsigned n = 0;

	while (n < max && frame_is_sane(rbp, below)) {
		const u64 *frame = (const u64 *)rbp; /* saved RBP, return address */

		if (frame[1] == 0)
			break;
		callers[n++] = frame[1];
		below = rbp;
		rbp = frame[0];
	}
	return n;
}

/* A return address may be the start of the next function, when the call never returns. */
void backtrace_log(enum log_level level, u64 rip, bool is_return_address)
{
	u64 offset;
	const char *name = symbol_lookup(rip - is_return_address, &offset);

	if (name)
		log_print(level, "  %016lx %s+0x%lx", rip, name, offset + is_return_address);
	else
		log_print(level, "  %016lx ?", rip);
}
