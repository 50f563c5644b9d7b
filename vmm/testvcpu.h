#pragma once
/*
 * A partition of one vCPU and 2 MiB, with no devices and no thread of its own, for the self-tests
 * of the back ends and the watchdog's probe: code is put at TEST_CODE and entered with
 * backend->run() directly.
 */
#include "compiler.h"
#include "types.h"

struct vcpu;

#define TEST_CODE 0x1000u
#define TEST_RAM (2 * MIB)

/* Flat 16-bit real mode at TEST_CODE. NULL: out of memory. Thread context. */
MUST_CHECK struct vcpu *testvcpu_create(const u8 *code, size_t size);
void testvcpu_destroy(struct vcpu *v);
