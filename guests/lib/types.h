/* Integer types and the two macros every guest uses. */
#ifndef GUEST_TYPES_H
#define GUEST_TYPES_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef unsigned long ulong;
typedef __SIZE_TYPE__ size_t;

#define bool _Bool
#define true 1
#define false 0
#define NULL ((void *)0)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define PAGE_SIZE 4096ul
#define MIB (1024ul * 1024)

/*
 * A pointer to a physical address. All guests are mapped one to one. The empty asm hides the
 * constant from the compiler, which otherwise reasons that nothing can live at such an address.
 */
static inline void *phys(ulong address)
{
	asm("" : "+r"(address));
	return (void *)address;
}

#endif
