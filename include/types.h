#pragma once
/* Integer and address types. The three address spaces of a hypervisor each have a name. */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

typedef u64 hpa_t; /* host-physical: what the processor puts on the bus */
typedef u64 gpa_t; /* guest-physical: what a partition believes to be physical */
typedef u64 gva_t; /* guest-linear: what the guest's own page tables translate */

#define HPA_NONE ((hpa_t)-1) /* no such frame; 0 is a valid address */

#define KIB (1024ull)
#define MIB (1024ull * KIB)
#define GIB (1024ull * MIB)

#define NS_PER_US 1000ull
#define NS_PER_MS 1000000ull
#define NS_PER_SEC 1000000000ull
