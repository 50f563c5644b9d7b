#pragma once
#include "vmm/vcpu.h"
/* Adds the back end's cases to the kernel's self-test. */
void vmx_selftest_register(void);
