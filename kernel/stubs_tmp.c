/* Stands in for parts that others are writing. Goes away when they exist. */
#include "drivers/uart.h"
#include "kernel/log.h"
#include "kernel/terminal.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/kspace.h"

#define WEAK __attribute__((weak))

WEAK void kspace_init(const struct machine *m)
{
	(void)m;
}
WEAK void *kspace_map_device(u64 pa, u64 size)
{
	(void)size;
	return phys_to_virt(pa);
}
WEAK void *kspace_alloc_stack(void)
{
	char *p = heap_alloc(KERNEL_STACK_SIZE);
	return p ? p + KERNEL_STACK_SIZE : NULL;
}
WEAK void kspace_free_stack(void *top)
{
	heap_free((char *)top - KERNEL_STACK_SIZE);
}
WEAK bool kspace_is_guard(u64 va)
{
	(void)va;
	return false;
}
WEAK void vmm_init(void);
WEAK void vmm_init(void)
{
}
WEAK void monitor_start(void);
WEAK void monitor_start(void)
{
}
WEAK void terminal_init(void)
{
	log_set_polled();
}
WEAK void terminal_drain(void)
{
}
WEAK void terminal_printf(const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	for (const char *s = text; *s; s++) {
		if (*s == '\n')
			uart_put_polled('\r');
		uart_put_polled(*s);
	}
}
