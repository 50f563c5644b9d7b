/*
 * What a partition's PC has, for systems that ask ACPI. Addresses are those of vmm/dev/platform.h;
 * tests/unit/test_vacpi.c compares them.
 */
DefinitionBlock ("", "DSDT", 2, "PRTITA", "PARTITA ", 1)
{
    /* Power off: SLP_TYP 0 (VPM_SLP_TYP_S5). No other sleep state. */
    Name (\_S5, Package () { 0, 0, 0, 0 })

    Scope (\_SB)
    {
        Device (PIC)
        {
            Name (_HID, EisaId ("PNP0000"))
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x20, 0x20, 0, 2)
                IO (Decode16, 0xA0, 0xA0, 0, 2)
                IRQNoFlags () { 2 }
            })
        }

        Device (TIMR)
        {
            Name (_HID, EisaId ("PNP0100"))
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x40, 0x40, 0, 4)
                IRQNoFlags () { 0 }
            })
        }

        Device (RTC)
        {
            Name (_HID, EisaId ("PNP0B00"))
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x70, 0x70, 0, 2)
                IRQNoFlags () { 8 }
            })
        }

        Device (COM1)
        {
            Name (_HID, EisaId ("PNP0501"))
            Name (_UID, 1)
            Name (_STA, 0x0F)
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x3F8, 0x3F8, 0, 8)
                IRQNoFlags () { 4 }
            })
        }

        /* What is taken, and has no driver: port 61h, POST, port 92, ELCR, ACPI, APICs. */
        Device (MBRD)
        {
            Name (_HID, EisaId ("PNP0C02"))
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x61, 0x61, 0, 1)
                IO (Decode16, 0x80, 0x80, 0, 1)
                IO (Decode16, 0x92, 0x92, 0, 1)
                IO (Decode16, 0x4D0, 0x4D0, 0, 2)
                IO (Decode16, 0x600, 0x600, 0, 0x10)
                Memory32Fixed (ReadWrite, 0xFEC00000, 0x1000)
                Memory32Fixed (ReadWrite, 0xFEE00000, 0x1000)
            })
        }
    }
}
