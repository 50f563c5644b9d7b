#pragma once
/* The part of <string.h> that the kernel uses. GCC may emit calls to the mem* functions. */
#include "types.h"

#if __STDC_HOSTED__
#include <string.h>
#else
void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
#endif

/* Copies at most size-1 characters and always terminates. Returns strlen(src). size > 0. */
size_t str_copy(char *dst, const char *src, size_t size);
/* True when the string begins with the prefix. */
bool str_starts(const char *s, const char *prefix);
/*
 * Parses a whole string of decimal, or 0x-prefixed hexadecimal, digits.
 * Returns 0, -EINVAL (empty, other characters) or -ERANGE (over 64 bits).
 */
int str_to_u64(const char *s, u64 *value);
/* The same with an optional suffix K, M or G (powers of 1024, either case). */
int str_to_size(const char *s, u64 *bytes);
