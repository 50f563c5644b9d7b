/* Self-tests of memory, time, threads and traps, on the machine itself. */
#include "kernel/selftest.h"
#include "kernel/irq.h"
#include "types.h"

static int test_rdmsr_safe(struct selftest *t)
{
	u64 value;

	SELFTEST_EXPECT(t, x86_rdmsr_safe(0xbad00bad, &value) < 0);
	return SELFTEST_OK;
}

const struct selftest_case selftest_kernel_cases[] = {
	{ "rdmsr_safe_bad_msr", test_rdmsr_safe },
};
const unsigned selftest_kernel_count = ARRAY_SIZE(selftest_kernel_cases);
