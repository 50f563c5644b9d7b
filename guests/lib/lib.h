/*
 * What every guest has: a console on COM1, checks with a verdict, the command line, and the
 * knowledge whether it runs in a partition or on a bare machine.
 *
 * A guest is the function guest_main(). The library has set up the console, the traps (64-bit
 * guests) and the command line before, and ends the machine with a verdict when it returns.
 */
#ifndef GUEST_LIB_H
#define GUEST_LIB_H

#include "cpu.h"
#include "types.h"

#define PRINTF(f, a) __attribute__((format(printf, f, a)))

void guest_main(u32 mb_magic, u32 mb_info);

/* The machine's state at the first instruction, kept by start.asm for the hello guests. */
extern u32 entry_cr0, entry_eflags;

/* console: serial.c, print.c */
#define COM1 0x3f8
#define UART_THR 0 /* with LCR.DLAB = 0 */
#define UART_IER 1
#define UART_IIR 2
#define UART_FCR 2
#define UART_LCR 3
#define UART_MCR 4
#define UART_LSR 5
#define UART_SCR 7

void serial_init(void);
void serial_putc(char c);
/* Which of these interrupt on IRQ 4; 0: none. Idle it is at once, unless something is printed. */
#define SERIAL_RECEIVED 0x01
#define SERIAL_IDLE 0x02
void serial_interrupt(u8 causes);
void print(const char *format, ...) PRINTF(1, 2);
void print_args(const char *format, __builtin_va_list args);

/* checks: check.c */
void check(bool ok, const char *text, ...) PRINTF(2, 3);
void check_eq(u64 got, u64 want, const char *text, ...) PRINTF(3, 4);
void check_eq_or_lax(u64 got, u64 want, const char *text);
void check_range(u64 got, u64 low, u64 high, const char *text, ...) PRINTF(4, 5);
void check_skip(const char *reason, const char *text, ...) PRINTF(2, 3);
u32 check_failures(void);
void verdict(void) __attribute__((noreturn));
void power_off(void) __attribute__((noreturn));

/* where am I: where.c */
bool in_partition(void);
bool on_bare_tcg(void);
bool vendor_is_amd(void);

/* command line and memory size, as the boot loader gave them: cmdline.c */
void cmdline_init(u32 mb_magic, u32 mb_info);
const char *cmdline(void);
bool cmdline_get(const char *key, char *value, size_t size);
bool cmdline_is(const char *key, const char *value);
u64 cmdline_number(const char *key, u64 otherwise);
u64 memory_top(void);

/* string.c; the compiler may call the mem*() ones by itself */
void *memcpy(void *to, const void *from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
int memcmp(const void *a, const void *b, size_t size);
size_t strlen(const char *s);
bool str_equal(const char *a, const char *b);

#endif
