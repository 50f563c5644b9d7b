/* Checks that the 32-bit and the 64-bit hello guests share. */
#ifndef GUEST_HELLO_H
#define GUEST_HELLO_H

#include "lib.h"

void hello_check_entry(void);
void hello_check_mb1(u32 magic, const void *info);
void hello_check_module(u32 index, u32 start, u32 end, const char *text);
void hello_check_range(u32 index, u64 base, u64 length, u32 type);
void hello_check_map_end(void);

#endif
