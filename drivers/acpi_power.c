/* Soft-off. ACPI 6.4: 4.8.3.2 (PM1 control), 4.8.3.7 (sleep control). */
#include "drivers/acpi_power.h"
#include "drivers/acpi.h"
#include "drivers/uart.h"
#include "kernel/log.h"
#include "kernel/machine.h"
#include "lib/string.h"
#include "mm/kspace.h"
#include "x86/insn.h"

#define PM1_SCI_EN 0x0001
#define PM1_SLP_TYP_SHIFT 10
#define PM1_SLP_TYP 0x1c00
#define PM1_SLP_EN 0x2000
#define SLP_TYP_MASK 0x07
#define SLEEP_TYP_SHIFT 2
#define SLEEP_EN 0x20
#define ACPI_ENABLE_TRIES 100000
#define POWER_OFF_WAIT 1000000 /* loops: emulators take a moment to leave */

#define UART_WAIT 1000000

#define AML_NAME_OP 0x08
#define AML_PACKAGE_OP 0x12
#define AML_BYTE_PREFIX 0x0a

#define BOCHS_SHUTDOWN_PORT 0x8900

/* What power-off needs beyond struct machine. Constant after parsing. */
static u16 smi_command;
static u8 acpi_enable;
static struct acpi_address sleep_control;

/* One element of a package of small integers; the position behind it. */
static const u8 *read_small_integer(const u8 *p, const u8 *end, u8 *value)
{
	if (p < end && *p == AML_BYTE_PREFIX)
		p++;
	*value = p < end ? *p & SLP_TYP_MASK : 0; /* ZeroOp and OneOp are their own values */
	return p + 1;
}

/* Name (_S5, Package () { a, b, ...}): NameOp ["\"] "_S5_" PackageOp PkgLength NumElements ... */
static bool find_s5(struct machine *m, const u8 *aml, size_t size)
{
	const u8 *end = aml + size;

	for (const u8 *p = aml + 2; p + 8 < end; p++) {
		const u8 *q = p + 4;

		if (*p != '_' || memcmp(p, "_S5_", 4) != 0 || *q != AML_PACKAGE_OP)
			continue;
		if (p[-1] != AML_NAME_OP && !(p[-1] == '\\' && p[-2] == AML_NAME_OP))
			continue;
		q++;
		q += (*q >> 6) + 1; /* PkgLength: its top bits count the bytes that follow */
		q++;		    /* NumElements */
		q = read_small_integer(q, end, &m->s5_slp_typ_a);
		read_small_integer(q, end, &m->s5_slp_typ_b);
		return true;
	}
	return false;
}

static u16 io_port(const struct acpi_address *extended, u32 legacy)
{
	if (extended->space == ACPI_SPACE_IO && extended->address &&
	    extended->address <= UINT16_MAX)
		return (u16)extended->address;
	return legacy <= UINT16_MAX ? (u16)legacy : 0;
}

void acpi_power_parse(struct machine *m, const struct acpi_fadt *fadt,
		      const struct acpi_header *dsdt)
{
	if (fadt->flags & FADT_HARDWARE_REDUCED) {
		sleep_control = fadt->sleep_control;
	} else {
		m->pm1a_cnt = io_port(&fadt->x_pm1a_control, fadt->pm1a_control);
		m->pm1b_cnt = io_port(&fadt->x_pm1b_control, fadt->pm1b_control);
		smi_command = fadt->smi_command <= UINT16_MAX ? (u16)fadt->smi_command : 0;
		acpi_enable = fadt->acpi_enable;
	}
	if (dsdt)
		m->s5_valid = find_s5(m, (const u8 *)dsdt, dsdt->length);
}

static void write_register(bool io, u64 address, u8 value)
{
	volatile u8 *p;

	if (io) {
		x86_outb((u16)address, value);
		return;
	}
	p = kspace_map_device(address, 1);
	if (p)
		*p = value;
}

/* The last lines are still on their way out. */
static void wait_for_uart(void)
{
	for (unsigned i = 0; i < UART_WAIT && !uart_sent(); i++)
		x86_pause();
}

static void pause_for_effect(void)
{
	for (unsigned i = 0; i < POWER_OFF_WAIT; i++)
		x86_pause();
}

/* Until the firmware is told, the PM1 registers belong to it: 4.8.2.5. */
static void enable_acpi(u16 pm1_control)
{
	if (x86_inw(pm1_control) & PM1_SCI_EN || !smi_command || !acpi_enable)
		return;
	x86_outb(smi_command, acpi_enable);
	for (unsigned i = 0; i < ACPI_ENABLE_TRIES && !(x86_inw(pm1_control) & PM1_SCI_EN); i++)
		x86_pause();
}

static void enter_s5(void)
{
	u16 value;

	if (sleep_control.address)
		write_register(sleep_control.space == ACPI_SPACE_IO, sleep_control.address,
			       (u8)(machine.s5_slp_typ_a << SLEEP_TYP_SHIFT | SLEEP_EN));
	if (!machine.pm1a_cnt)
		return;
	enable_acpi(machine.pm1a_cnt);
	value = x86_inw(machine.pm1a_cnt) & ~(PM1_SLP_TYP | PM1_SLP_EN);
	x86_outw(machine.pm1a_cnt, value | machine.s5_slp_typ_a << PM1_SLP_TYP_SHIFT | PM1_SLP_EN);
	if (machine.pm1b_cnt)
		x86_outw(machine.pm1b_cnt,
			 value | machine.s5_slp_typ_b << PM1_SLP_TYP_SHIFT | PM1_SLP_EN);
}

static NORETURN void halt_forever(void)
{
	for (;;) {
		x86_cli();
		x86_hlt();
	}
}

void acpi_power_off(void)
{
	x86_cli();
	wait_for_uart();
	if (machine.s5_valid) {
		enter_s5();
		pause_for_effect();
	}
	for (const char *s = "Shutdown"; *s; s++)
		x86_outb(BOCHS_SHUTDOWN_PORT, *s);
	pause_for_effect();
	log_set_polled();
	log_error("this machine has no way to power off: it may be switched off now");
	halt_forever();
}
