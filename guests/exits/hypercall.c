/* Hypercalls: VMCALL on Intel, VMMCALL on AMD; RAX is the number and the answer. */
#include "exits.h"

#define HYPERCALL_NOTHING 0
#define HYPERCALL_UNKNOWN 0x7fff0000
#define HYPERCALL_NO_SUCH (-1000ll)

#define VMCALL ".byte 0x0f, 0x01, 0xc1"
#define VMMCALL ".byte 0x0f, 0x01, 0xd9"

static long long hypercall(u64 number)
{
	u64 rax = number, rbx = 0x1234;

	if (vendor_is_amd())
		TRY(VMMCALL, : "+a"(rax), "+b"(rbx) : : "r11", "memory");
	else
		TRY(VMCALL, : "+a"(rax), "+b"(rbx) : : "r11", "memory");
	if (rbx != 0x1234)
		check(false, "a hypercall leaves RBX alone");
	return (long long)rax;
}

void exits_hypercall(void)
{
	if (!in_partition()) {
		check_skip("not in a partition", "hypercalls");
		return;
	}
	check_eq((u64)hypercall(HYPERCALL_NOTHING), 0, "hypercall 0 returns 0");
	check_no_fault("hypercall 0 raises nothing");
	check_eq((u64)hypercall(HYPERCALL_UNKNOWN), (u64)HYPERCALL_NO_SUCH,
		 "an unknown hypercall returns -1000");
	if (vendor_is_amd())
		TRY(VMCALL, : : "a"(0) : "r11", "memory");
	else
		TRY(VMMCALL, : : "a"(0) : "r11", "memory");
	check_fault(VEC_UD, 0, "the other vendor's instruction");
}
