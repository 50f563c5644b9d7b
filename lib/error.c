/* Names of error codes. */
#include "error.h"
#include "compiler.h"

/* clang-format off */
#define NAME(e) case e: return #e

const char *error_name(int error)
{
	switch (error < 0 ? -(unsigned)error : (unsigned)error) {
	NAME(EPERM);
	NAME(ENOENT);
	NAME(EIO);
	NAME(E2BIG);
	NAME(ENOEXEC);
	NAME(EAGAIN);
	NAME(ENOMEM);
	NAME(EFAULT);
	NAME(EBUSY);
	NAME(EEXIST);
	NAME(ENODEV);
	NAME(EINVAL);
	NAME(ENOSPC);
	NAME(ERANGE);
	NAME(ENOSYS);
	NAME(ENOTSUP);
	NAME(ETIMEDOUT);
	NAME(EDQUOT);
	default: return "E?";
	}
}
/* clang-format on */
