#pragma once
/* Adds the cases of the partition's life to the kernel's self-test. From vmm_init(). */
void vmm_selftest_register(void);
