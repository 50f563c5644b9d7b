#pragma once
/* Where the devices of a partition's PC are. Guests learn it from the ACPI tables, or know it. */
#define VPIC_MASTER_PORT 0x20
#define VPIC_SLAVE_PORT 0xa0
#define VPIC_ELCR_PORT 0x4d0
#define VPIT_PORT 0x40
#define VPIT_PORT61 0x61
#define VI8042_DATA_PORT 0x60
#define VI8042_COMMAND_PORT 0x64
#define VRTC_PORT 0x70
#define VPOST_PORT 0x80 /* I/O delay: writes are taken, reads give what was written */
#define VPORT92 0x92
#define VUART_COM1_PORT 0x3f8
#define VUART_COM1_GSI 4
#define VPCI_ADDRESS_PORT 0xcf8 /* and the reset control register at CF9 */
#define VPCI_DATA_PORT 0xcfc

/* ACPI: the PIIX4's layout, as QEMU has it. S5 is SLP_TYP 0, so `outw 0x604, 0x2000` powers off. */
#define VPM_BASE 0x600
#define VPM1A_EVT (VPM_BASE + 0) /* status 2, enable 2 */
#define VPM1A_CNT (VPM_BASE + 4)
#define VPM_TIMER (VPM_BASE + 8)
#define VPM_SIZE 0x10
#define VPM_SLP_TYP_S5 0
#define VPM_SCI_GSI 9
#define VRESET_PORT 0xcf9
#define VRESET_VALUE 0x06

#define VIOAPIC_BASE 0xfec00000u
#define VIOAPIC_SIZE 0x1000u
#define VIOAPIC_PINS 24
#define VIOAPIC_VERSION 0x20
#define VLAPIC_BASE 0xfee00000u
#define VLAPIC_SIZE 0x1000u
#define VLAPIC_VERSION 0x15

#define VPIT_GSI 0 /* on IOAPIC pin 2, by the MADT's override */
#define VRTC_GSI 8
#define VCPUS_MAX 16
