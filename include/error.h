#pragma once
/*
 * Error codes. Functions that can fail return 0 or one of these negated, and are MUST_CHECK.
 * The numbers are those of POSIX systems, so that the same code compiles in unit tests.
 */
#if __STDC_HOSTED__
#include <errno.h>
#else
enum {
	EPERM = 1,
	ENOENT = 2,
	EIO = 5,
	E2BIG = 7,
	ENOEXEC = 8,
	EAGAIN = 11,
	ENOMEM = 12,
	EFAULT = 14,
	EBUSY = 16,
	EEXIST = 17,
	ENODEV = 19,
	EINVAL = 22,
	ENOSPC = 28,
	ERANGE = 34,
	ENOSYS = 38,
	ENOTSUP = 95,
	ETIMEDOUT = 110,
	EDQUOT = 122,
};
#endif

/* "ENOMEM" for -ENOMEM or ENOMEM; "E?" for a number not in the list. */
const char *error_name(int error);
