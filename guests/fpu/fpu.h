/* What the files of the fpu guest share. */
#ifndef GUEST_FPU_H
#define GUEST_FPU_H

#include "lib.h"
#include "trap.h"

#define AREA_SIZE 4096 /* more than any standard-format XSAVE area of today */
#define LEGACY_SIZE 512
#define XSAVE_HEADER 64

/* regs.asm: everything between the two memory images happens in registers. */
void fpu_run(const u8 *load, u8 *store, u64 mask, u64 rounds);
void fpu_run_fxsave(const u8 *load, u8 *store, u64 mask, u64 rounds);

#endif
