#pragma once
/* What GRUB and ACPI said about this machine. Filled at boot, constant afterwards. */
#include "types.h"

#define MACHINE_REGIONS 128
#define MACHINE_MODULES 64
#define MACHINE_CPUS 64
#define MACHINE_IOAPICS 8
#define MACHINE_CMDLINE 512

struct machine_region {
	hpa_t base;
	u64 size;
	u32 type; /* Multiboot2: 1 usable RAM, 3 ACPI reclaimable, others reserved */
};

struct machine_module {
	hpa_t base;
	u64 size;
	char name[128]; /* the first word of the module's string */
};

struct machine {
	char cmdline[MACHINE_CMDLINE];
	char loader[64]; /* "GRUB 2.06-..." */

	unsigned region_count;
	struct machine_region region[MACHINE_REGIONS];

	unsigned module_count;
	struct machine_module module[MACHINE_MODULES];

	hpa_t kernel_start, kernel_end; /* physical extent of the image with .bss */
	hpa_t mb_info;			/* Multiboot2 information */
	u32 mb_info_size;

	bool efi;
	bool vga_text; /* a text console at B8000 */
	hpa_t rsdp;    /* 0 when there is no ACPI */

	/* From the MADT and FADT (drivers/acpi.c): */
	unsigned cpu_count;
	u32 cpu_apic_id[MACHINE_CPUS];
	hpa_t lapic_base;
	unsigned ioapic_count;
	struct {
		u32 id, gsi_base;
		hpa_t base;
	} ioapic[MACHINE_IOAPICS];
	struct {
		u8 gsi;
		bool active_low, level;
	} isa_irq[16];		       /* source overrides applied; identity by default */
	u16 pm1a_cnt, pm1b_cnt;	       /* I/O ports, 0: none */
	u8 s5_slp_typ_a, s5_slp_typ_b; /* from \_S5 */
	bool s5_valid;

	u64 tsc_khz; /* measured by kernel/clock.c */
};

extern struct machine machine;

/* The TSC at the kernel's very first instruction (boot/entry.asm). */
extern u64 boot_tsc;

/* Finds a module by its name; NULL when there is none. */
const struct machine_module *machine_module(const struct machine *m, const char *name);
/*
 * Value of "name=value" on the kernel command line, copied and terminated, or "" for a bare word.
 * False when the option is absent.
 */
bool machine_option(const struct machine *m, const char *name, char *value, size_t size);
