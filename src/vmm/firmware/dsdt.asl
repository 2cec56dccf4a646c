/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The classic PC's devices for ACPI (Advanced Configuration and Power Interface Specification 6.4, chapters 5, 6, 19).
 * Preprocessed by the C compiler.  acpi.c replaces the values of PMEM (start of the PCI window) and PVST
 * (whether pvpanic is there) when the tables are made.
 */
DefinitionBlock ("dsdt.aml", "DSDT", 1, "VIVAR ", "VIVPC   ", 1)
{
    Name (PMEM, 0xC0DE0001)
    Name (PVST, 0xC0DE0002)

    Scope (\_SB)
    {
        Device (PCI0)
        {
            Name (_HID, EisaId ("PNP0A03"))
            Name (_UID, Zero)
            Name (_BBN, Zero)

            Name (RES0, ResourceTemplate ()
            {
                WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode, 0, 0, 0xFF, 0, 0x100)
                IO (Decode16, 0x0CF8, 0x0CF8, 1, 8)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange, 0, 0x0000, 0x0CF7, 0, 0x0CF8)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange, 0, 0x0D00, 0xADFF, 0, 0xA100)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange, 0, 0xAF00, 0xFFFF, 0, 0x5100)
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable, ReadWrite, 0, 0xA0000, 0xBFFFF, 0, 0x20000)
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite, 0, 0xC0000000, 0xFEBFFFFF, 0,
                             0x3EC00000, , , WIN0)
            })
            Method (_CRS, 0, Serialized)
            {
                CreateDWordField (RES0, \_SB.PCI0.WIN0._MIN, WMIN)
                CreateDWordField (RES0, \_SB.PCI0.WIN0._MAX, WMAX)
                CreateDWordField (RES0, \_SB.PCI0.WIN0._LEN, WLEN)
                WMIN = PMEM
                WLEN = WMAX - WMIN + 1
                Return (RES0)
            }

            /* Function 0 of slot n, pin p: link (n + p - 1) & 3, as the board is wired. */
#define SLOT(n, a, b, c, d) \
    Package () { n##FFFF, 0, a, 0 }, Package () { n##FFFF, 1, b, 0 }, Package () { n##FFFF, 2, c, 0 }, Package () { n##FFFF, 3, d, 0 }
            Name (_PRT, Package ()
            {
                SLOT (0x0001, LNKS, LNKB, LNKC, LNKD),
                SLOT (0x0002, LNKB, LNKC, LNKD, LNKA),
                SLOT (0x0003, LNKC, LNKD, LNKA, LNKB),
                SLOT (0x0004, LNKD, LNKA, LNKB, LNKC),
                SLOT (0x0005, LNKA, LNKB, LNKC, LNKD),
                SLOT (0x0006, LNKB, LNKC, LNKD, LNKA),
                SLOT (0x0007, LNKC, LNKD, LNKA, LNKB),
                SLOT (0x0008, LNKD, LNKA, LNKB, LNKC),
                SLOT (0x0009, LNKA, LNKB, LNKC, LNKD),
                SLOT (0x000A, LNKB, LNKC, LNKD, LNKA),
                SLOT (0x000B, LNKC, LNKD, LNKA, LNKB),
                SLOT (0x000C, LNKD, LNKA, LNKB, LNKC),
                SLOT (0x000D, LNKA, LNKB, LNKC, LNKD),
                SLOT (0x000E, LNKB, LNKC, LNKD, LNKA),
                SLOT (0x000F, LNKC, LNKD, LNKA, LNKB),
                SLOT (0x0010, LNKD, LNKA, LNKB, LNKC),
                SLOT (0x0011, LNKA, LNKB, LNKC, LNKD),
                SLOT (0x0012, LNKB, LNKC, LNKD, LNKA),
                SLOT (0x0013, LNKC, LNKD, LNKA, LNKB),
                SLOT (0x0014, LNKD, LNKA, LNKB, LNKC),
                SLOT (0x0015, LNKA, LNKB, LNKC, LNKD),
                SLOT (0x0016, LNKB, LNKC, LNKD, LNKA),
                SLOT (0x0017, LNKC, LNKD, LNKA, LNKB),
                SLOT (0x0018, LNKD, LNKA, LNKB, LNKC),
                SLOT (0x0019, LNKA, LNKB, LNKC, LNKD),
                SLOT (0x001A, LNKB, LNKC, LNKD, LNKA),
                SLOT (0x001B, LNKC, LNKD, LNKA, LNKB),
                SLOT (0x001C, LNKD, LNKA, LNKB, LNKC),
                SLOT (0x001D, LNKA, LNKB, LNKC, LNKD),
                SLOT (0x001E, LNKB, LNKC, LNKD, LNKA),
                SLOT (0x001F, LNKC, LNKD, LNKA, LNKB)
            })

            Device (ISA)
            {
                Name (_ADR, 0x00010000)
                OperationRegion (PIRQ, PCI_Config, 0x60, 4)
                Field (PIRQ, ByteAcc, NoLock, Preserve) { PRQA, 8, PRQB, 8, PRQC, 8, PRQD, 8 }

                Device (PIC)
                {
                    Name (_HID, EisaId ("PNP0000"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x20, 0x20, 1, 2)
                        IO (Decode16, 0xA0, 0xA0, 1, 2)
                        IO (Decode16, 0x4D0, 0x4D0, 1, 2)
                        IRQNoFlags () { 2 }
                    })
                }
                Device (TIMR)
                {
                    Name (_HID, EisaId ("PNP0100"))
                    Name (_CRS, ResourceTemplate () { IO (Decode16, 0x40, 0x40, 1, 4) IRQNoFlags () { 0 } })
                }
                Device (DMA)
                {
                    Name (_HID, EisaId ("PNP0200"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x00, 0x00, 1, 0x10)
                        IO (Decode16, 0x81, 0x81, 1, 0x0F)
                        IO (Decode16, 0xC0, 0xC0, 1, 0x20)
                        DMA (Compatibility, NotBusMaster, Transfer8, ) { 4 }
                    })
                }
                Device (SPKR)
                {
                    Name (_HID, EisaId ("PNP0800"))
                    Name (_CRS, ResourceTemplate () { IO (Decode16, 0x61, 0x61, 1, 1) })
                }
                Device (FPU)
                {
                    Name (_HID, EisaId ("PNP0C04"))
                    Name (_CRS, ResourceTemplate () { IO (Decode16, 0xF0, 0xF0, 1, 0x10) IRQNoFlags () { 13 } })
                }
                Device (RTC)
                {
                    Name (_HID, EisaId ("PNP0B00"))
                    Name (_CRS, ResourceTemplate () { IO (Decode16, 0x70, 0x70, 1, 4) IRQNoFlags () { 8 } })
                }
                Device (KBD)
                {
                    Name (_HID, EisaId ("PNP0303"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x60, 0x60, 1, 1)
                        IO (Decode16, 0x64, 0x64, 1, 1)
                        IRQNoFlags () { 1 }
                    })
                }
                Device (MOU)
                {
                    Name (_HID, EisaId ("PNP0F13"))
                    Name (_CRS, ResourceTemplate () { IRQNoFlags () { 12 } })
                }
                Device (FDC)
                {
                    Name (_HID, EisaId ("PNP0700"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x3F0, 0x3F0, 1, 6)
                        IO (Decode16, 0x3F7, 0x3F7, 1, 1)
                        IRQNoFlags () { 6 }
                        DMA (Compatibility, NotBusMaster, Transfer8, ) { 2 }
                    })
                }
                Device (COM1)
                {
                    Name (_HID, EisaId ("PNP0501"))
                    Name (_UID, 1)
                    Name (_CRS, ResourceTemplate () { IO (Decode16, 0x3F8, 0x3F8, 1, 8) IRQNoFlags () { 4 } })
                }
                /* By which a guest says that it panics. */
                Device (PEVT)
                {
                    Name (_HID, "QEMU0001")
                    Name (_CRS, ResourceTemplate () { IO (Decode16, 0x505, 0x505, 1, 1) })
                    Method (_STA, 0, NotSerialized) { Return (PVST) }
                }
                /* Ports that belong to the board itself. */
                Device (RSVD)
                {
                    Name (_HID, EisaId ("PNP0C02"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x80, 0x80, 1, 1)
                        IO (Decode16, 0x92, 0x92, 1, 1)
                        IO (Decode16, 0xB2, 0xB2, 1, 2)
                        IO (Decode16, 0x402, 0x402, 1, 1)
                        IO (Decode16, 0x510, 0x510, 1, 0x0C)
                        IO (Decode16, 0x600, 0x600, 1, 0x40)
                        IO (Decode16, 0x700, 0x700, 1, 0x10)
                        IO (Decode16, 0xAFE0, 0xAFE0, 1, 4)
                    })
                }
            }

            Device (HPET)
            {
                Name (_HID, EisaId ("PNP0103"))
                Name (_UID, Zero)
                Name (_CRS, ResourceTemplate () { Memory32Fixed (ReadOnly, 0xFED00000, 0x400) })
            }
        }

        /* PIRQ registers: bit 7 off, else the ISA interrupt. */
#define LINK(NAME, UID, REG)                                                                                    \
    Device (NAME)                                                                                               \
    {                                                                                                           \
        Name (_HID, EisaId ("PNP0C0F"))                                                                         \
        Name (_UID, UID)                                                                                        \
        Name (_PRS, ResourceTemplate () { Interrupt (, Level, ActiveHigh, Shared) { 5, 10, 11 } })              \
        Method (_STA, 0, NotSerialized)                                                                         \
        {                                                                                                       \
            If (\_SB.PCI0.ISA.REG & 0x80) { Return (0x09) }                                                     \
            Return (0x0B)                                                                                       \
        }                                                                                                       \
        Method (_DIS, 0, NotSerialized) { \_SB.PCI0.ISA.REG |= 0x80 }                                           \
        Method (_CRS, 0, Serialized)                                                                            \
        {                                                                                                       \
            Name (BUF, ResourceTemplate () { Interrupt (, Level, ActiveHigh, Shared) { 0 } })                   \
            CreateDWordField (BUF, 0x05, IRQN)                                                                  \
            If (!(\_SB.PCI0.ISA.REG & 0x80)) { IRQN = \_SB.PCI0.ISA.REG }                                       \
            Return (BUF)                                                                                        \
        }                                                                                                       \
        Method (_SRS, 1, NotSerialized)                                                                         \
        {                                                                                                       \
            CreateDWordField (Arg0, 0x05, IRQW)                                                                 \
            \_SB.PCI0.ISA.REG = IRQW                                                                            \
        }                                                                                                       \
    }
        LINK (LNKA, 0, PRQA)
        LINK (LNKB, 1, PRQB)
        LINK (LNKC, 2, PRQC)
        LINK (LNKD, 3, PRQD)
        Device (LNKS)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 4)
            Name (_PRS, ResourceTemplate () { Interrupt (, Level, ActiveHigh, Shared) { 9 } })
            Method (_STA, 0, NotSerialized) { Return (0x0B) }
            Method (_DIS, 0, NotSerialized) { }
            Method (_CRS, 0, NotSerialized) { Return (_PRS) }
            Method (_SRS, 1, NotSerialized) { }
        }
    }

    /* All four elements: an incomplete package faults OpenBSD early. */
    Name (\_S3, Package (4) { One, One, Zero, Zero })
    Name (\_S5, Package (4) { Zero, Zero, Zero, Zero })
}
