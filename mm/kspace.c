/* The kernel's address space. */
#include "mm/kspace.h"
#include "error.h"
#include "kernel/machine.h"
#include "kernel/panic.h"
#include "lib/list.h"
#include "lib/spinlock.h"
#include "mm/memmap.h"
#include "mm/pt.h"
#include "x86/insn.h"

#define CPUID_EXT_FEATURES 0x80000001u
#define CPUID_EXT_EDX_PAGE1GB BIT(26) /* SDM 2A CPUID */

#define MULTIBOOT_ACPI 3 /* Multiboot2 3.6.8: reclaimable tables */
#define MULTIBOOT_NVS 4

#define STACK_STRIDE (2 * KERNEL_STACK_SIZE) /* the lower half of each slot is never mapped */

/* linker.ld; all on page boundaries */
extern char kernel_start[], text_start[], text_end[], rodata_start[], rodata_end[], data_start[],
    kernel_end[];

static struct {
	struct spinlock lock; /* protects the rest */
	struct pt pt;
	u64 next_window;		 /* where the next device window goes */
	u64 stack_slots;		 /* how many were ever used */
	struct list free_stacks;	 /* nodes lie at the low end of the stacks */
	void (*flush)(u64 va, u64 size); /* constant after kspace_set_flush() */
} ks = { .lock = SPINLOCK_INIT(LOCK_KSPACE) };

static void map_or_panic(u64 va, hpa_t pa, u64 size, unsigned prot)
{
	int err = pt_map(&ks.pt, va, pa, size, prot);

	if (err)
		panic("cannot map %#llx bytes at %#llx: %s", (unsigned long long)size,
		      (unsigned long long)va, error_name(err));
}

static bool in_direct_map(const struct memmap_span *s)
{
	return s->kind == MEMMAP_RAM || s->kind == MEMMAP_BOOT ||
	       (s->kind == MEMMAP_FIRMWARE &&
		(s->type == MULTIBOOT_ACPI || s->type == MULTIBOOT_NVS));
}

/* Adjacent spans are joined, so that as much as possible is mapped by large pages. */
static void map_direct(const struct machine *m)
{
	struct memmap_span s = { 0 };
	/* BIOS data, VGA text, ROMs: whether in the memory map or not. */
	hpa_t start = 0, end = MIB;

	while (memmap_next(m, &s)) {
		if (!in_direct_map(&s) || s.end <= MIB)
			continue;
		if (MAX(s.start, MIB) != end) {
			map_or_panic(DIRECT_MAP + start, start, end - start, PT_READ | PT_WRITE);
			start = s.start;
		}
		end = s.end;
	}
	map_or_panic(DIRECT_MAP + start, start, end - start, PT_READ | PT_WRITE);
}

static void map_image_part(const char *start, const char *end, unsigned prot)
{
	if (start < end)
		map_or_panic((u64)start, (u64)start - KERNEL_BASE, (u64)(end - start), prot);
}

static void map_image(void)
{
	hpa_t pa = (u64)kernel_start - KERNEL_BASE;

	map_image_part(kernel_start, text_start, PT_READ);
	map_image_part(text_start, text_end, PT_READ | PT_EXEC);
	map_image_part(rodata_start, rodata_end, PT_READ);
	map_image_part(data_start, kernel_end, PT_READ | PT_WRITE);
	/* Nor may the code be written through its other address. */
	if (pt_protect(&ks.pt, DIRECT_MAP + pa, (u64)(rodata_end - kernel_start), PT_READ))
		panic("cannot protect the kernel's image");
}

void kspace_init(const struct machine *m)
{
	pt_format_kernel.pages_1g = x86_cpuid(CPUID_EXT_FEATURES, 0).edx & CPUID_EXT_EDX_PAGE1GB;
	if (pt_init(&ks.pt, &pt_format_kernel, OWNER_KERNEL))
		panic("no memory for the kernel's page tables");
	ks.next_window = DEVICE_MAP;
	list_init(&ks.free_stacks);
	map_direct(m);
	map_image();
	x86_write_cr3(ks.pt.root);
	frame_add_high();
}

hpa_t kspace_root(void)
{
	return ks.pt.root;
}

/* A new window, with an unmapped page behind it so that overruns fault. Addresses come once. */
static void *map_window(hpa_t pa, u64 size, unsigned prot)
{
	u64 offset = pa & (FRAME_SIZE - 1), bytes = ROUND_UP(size + offset, FRAME_SIZE), flags, va;
	int err = -EINVAL;

	if (!ks.pt.root || !size || size > GIB)
		return NULL;
	flags = spin_lock_irq(&ks.lock);
	va = ks.next_window;
	if (va + bytes < STACK_MAP) {
		ks.next_window += bytes + FRAME_SIZE;
		err = pt_map(&ks.pt, va, pa - offset, bytes, prot);
	}
	spin_unlock_irq(&ks.lock, flags);
	return err ? NULL : (void *)(va + offset);
}

void *kspace_map_device(hpa_t pa, u64 size)
{
	return map_window(pa, size, PT_READ | PT_WRITE | PT_UNCACHED);
}

void kspace_set_flush(void (*flush)(u64 va, u64 size))
{
	ks.flush = flush;
}

void kspace_unmap(const void *window, u64 size)
{
	u64 va = ROUND_DOWN((u64)window, FRAME_SIZE);
	u64 bytes = ROUND_UP((u64)window + size, FRAME_SIZE) - va, flags;
	hpa_t retired;

	if (va < DEVICE_MAP || va + bytes > STACK_MAP)
		return;
	flags = spin_lock_irq(&ks.lock);
	if (pt_unmap(&ks.pt, va, bytes))
		panic("kspace_unmap: %p", window);
	retired = pt_take_retired(&ks.pt);
	spin_unlock_irq(&ks.lock, flags);
	ks.flush(va, bytes);
	pt_free_retired(retired);
}

static bool directly_mapped(hpa_t pa, u64 size)
{
	struct pt_mapping m;
	hpa_t end;

	if (__builtin_add_overflow(pa, size, &end) || end > DEVICE_MAP - DIRECT_MAP)
		return false;
	for (; pa < end; pa = ROUND_DOWN(pa, m.size) + m.size)
		if (pt_lookup(&ks.pt, DIRECT_MAP + pa, &m))
			return false;
	return true;
}

const void *kspace_map_firmware(hpa_t pa, u64 size)
{
	if (size && ks.pt.root && directly_mapped(pa, size))
		return phys_to_virt(pa);
	return map_window(pa, size, PT_READ);
}

/* Maps the next slot; NULL when out of memory. The lock is held. */
static void *new_stack(void)
{
	unsigned order = __builtin_ctzll(KERNEL_STACK_SIZE / FRAME_SIZE);
	u64 top = STACK_MAP + (ks.stack_slots + 1) * STACK_STRIDE;
	hpa_t pa = frame_alloc(order, OWNER_KERNEL);

	if (pa == HPA_NONE)
		return NULL;
	/* One table holds the whole slot, so this fails before the first page or not at all. */
	if (pt_map(&ks.pt, top - KERNEL_STACK_SIZE, pa, KERNEL_STACK_SIZE, PT_READ | PT_WRITE)) {
		frame_free(pa, order);
		return NULL;
	}
	ks.stack_slots++;
	return (void *)top;
}

void *kspace_alloc_stack(void)
{
	u64 flags = spin_lock_irq(&ks.lock);
	struct list *node = ks.free_stacks.next;
	void *top;

	if (list_empty(&ks.free_stacks)) {
		top = new_stack();
	} else {
		list_remove(node);
		top = (char *)node + KERNEL_STACK_SIZE;
	}
	spin_unlock_irq(&ks.lock, flags);
	return top;
}

void kspace_free_stack(void *top)
{
	struct list *node = (struct list *)((char *)top - KERNEL_STACK_SIZE);
	u64 flags;

	if ((u64)top <= STACK_MAP || (u64)top > STACK_MAP + ks.stack_slots * STACK_STRIDE ||
	    ((u64)top - STACK_MAP) % STACK_STRIDE)
		panic("kspace_free_stack: %p is no stack", top);
	flags = spin_lock_irq(&ks.lock);
	list_push_front(&ks.free_stacks, node);
	spin_unlock_irq(&ks.lock, flags);
}

/* No lock: the fault handler asks, perhaps on behalf of code that holds it. */
bool kspace_is_guard(u64 va)
{
	return va >= STACK_MAP && va < STACK_MAP + READ_ONCE(ks.stack_slots) * STACK_STRIDE &&
	       (va - STACK_MAP) % STACK_STRIDE < STACK_STRIDE - KERNEL_STACK_SIZE;
}

static int check_leaf(u64 va, const struct pt_mapping *m, void *ctx)
{
	const char **wrong = ctx;

	if (m->prot & PT_EXEC && m->prot & PT_WRITE)
		*wrong = "a page is writable and executable";
	else if (m->prot & PT_EXEC && (va < (u64)text_start || va + m->size > (u64)text_end))
		*wrong = "a page outside the text is executable";
	else if (m->prot & PT_WRITE && m->pa < (u64)rodata_end - KERNEL_BASE &&
		 m->pa + m->size > (u64)kernel_start - KERNEL_BASE)
		*wrong = "the text can be written through another address";
	else if (va < 1ull << 47)
		*wrong = "a low address is mapped";
	else if (kspace_is_guard(va))
		*wrong = "a guard page is mapped";
	return *wrong != NULL;
}

const char *kspace_check(void)
{
	const char *wrong = NULL;
	u64 flags = spin_lock_irq(&ks.lock);

	pt_walk(&ks.pt, check_leaf, &wrong);
	spin_unlock_irq(&ks.lock, flags);
	return wrong;
}
