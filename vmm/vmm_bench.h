#pragma once
/* Adds the benches of the VMM to those of selftest=bench. Once, when the back end works. */
void vmm_bench_register(void);
