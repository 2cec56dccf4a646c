DefinitionBlock ("", "DSDT", 1, "VIVAR ", "VIVPC   ", 0x00000001)
{
    External (_SB_.VGEN, UnknownObj)
    Scope (\_SB)
    {
        Device (PCI0)
        {
            Name (_HID, EisaId ("PNP0A03") )
            Name (_UID, Zero)
            Name (_BBN, Zero)
            Name (_CRS, ResourceTemplate ()
            {
                WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
                    0x0000,
                    0x0000,
                    0x00FF,
                    0x0000,
                    0x0100,
                    ,, )
                IO (Decode16,
                    0x0CF8,
                    0x0CF8,
                    0x01,
                    0x08,
                    )
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
                    0x0000,
                    0x0000,
                    0x0CF7,
                    0x0000,
                    0x0CF8,
                    ,, , TypeStatic, DenseTranslation)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
                    0x0000,
                    0x0D00,
                    0xADFF,
                    0x0000,
                    0xA100,
                    ,, , TypeStatic, DenseTranslation)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
                    0x0000,
                    0xAF00,
                    0xFFFF,
                    0x0000,
                    0x5100,
                    ,, , TypeStatic, DenseTranslation)
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable, ReadWrite,
                    0x00000000,
                    0x000A0000,
                    0x000BFFFF,
                    0x00000000,
                    0x00020000,
                    ,, , AddressRangeMemory, TypeStatic)
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                    0x00000000,
                    0x80000000,
                    0xFEBFFFFF,
                    0x00000000,
                    0x7EC00000,
                    ,, , AddressRangeMemory, TypeStatic)
            })
            Name (_PRT, Package (0x7C)
            {
                { 0x0001FFFF, Zero, LNKS, Zero },
                { 0x0001FFFF, One, LNKB, Zero },
                { 0x0001FFFF, 0x02, LNKC, Zero },
                { 0x0001FFFF, 0x03, LNKD, Zero },
                { 0x0002FFFF, Zero, LNKB, Zero },
                { 0x0002FFFF, One, LNKC, Zero },
                { 0x0002FFFF, 0x02, LNKD, Zero },
                { 0x0002FFFF, 0x03, LNKA, Zero },
                { 0x0003FFFF, Zero, LNKC, Zero },
                { 0x0003FFFF, One, LNKD, Zero },
                { 0x0003FFFF, 0x02, LNKA, Zero },
                { 0x0003FFFF, 0x03, LNKB, Zero },
                { 0x0004FFFF, Zero, LNKD, Zero },
                { 0x0004FFFF, One, LNKA, Zero },
                { 0x0004FFFF, 0x02, LNKB, Zero },
                { 0x0004FFFF, 0x03, LNKC, Zero },
                { 0x0005FFFF, Zero, LNKA, Zero },
                { 0x0005FFFF, One, LNKB, Zero },
                { 0x0005FFFF, 0x02, LNKC, Zero },
                { 0x0005FFFF, 0x03, LNKD, Zero },
                { 0x0006FFFF, Zero, LNKB, Zero },
                { 0x0006FFFF, One, LNKC, Zero },
                { 0x0006FFFF, 0x02, LNKD, Zero },
                { 0x0006FFFF, 0x03, LNKA, Zero },
                { 0x0007FFFF, Zero, LNKC, Zero },
                { 0x0007FFFF, One, LNKD, Zero },
                { 0x0007FFFF, 0x02, LNKA, Zero },
                { 0x0007FFFF, 0x03, LNKB, Zero },
                { 0x0008FFFF, Zero, LNKD, Zero },
                { 0x0008FFFF, One, LNKA, Zero },
                { 0x0008FFFF, 0x02, LNKB, Zero },
                { 0x0008FFFF, 0x03, LNKC, Zero },
                { 0x0009FFFF, Zero, LNKA, Zero },
                { 0x0009FFFF, One, LNKB, Zero },
                { 0x0009FFFF, 0x02, LNKC, Zero },
                { 0x0009FFFF, 0x03, LNKD, Zero },
                { 0x000AFFFF, Zero, LNKB, Zero },
                { 0x000AFFFF, One, LNKC, Zero },
                { 0x000AFFFF, 0x02, LNKD, Zero },
                { 0x000AFFFF, 0x03, LNKA, Zero },
                { 0x000BFFFF, Zero, LNKC, Zero },
                { 0x000BFFFF, One, LNKD, Zero },
                { 0x000BFFFF, 0x02, LNKA, Zero },
                { 0x000BFFFF, 0x03, LNKB, Zero },
                { 0x000CFFFF, Zero, LNKD, Zero },
                { 0x000CFFFF, One, LNKA, Zero },
                { 0x000CFFFF, 0x02, LNKB, Zero },
                { 0x000CFFFF, 0x03, LNKC, Zero },
                { 0x000DFFFF, Zero, LNKA, Zero },
                { 0x000DFFFF, One, LNKB, Zero },
                { 0x000DFFFF, 0x02, LNKC, Zero },
                { 0x000DFFFF, 0x03, LNKD, Zero },
                { 0x000EFFFF, Zero, LNKB, Zero },
                { 0x000EFFFF, One, LNKC, Zero },
                { 0x000EFFFF, 0x02, LNKD, Zero },
                { 0x000EFFFF, 0x03, LNKA, Zero },
                { 0x000FFFFF, Zero, LNKC, Zero },
                { 0x000FFFFF, One, LNKD, Zero },
                { 0x000FFFFF, 0x02, LNKA, Zero },
                { 0x000FFFFF, 0x03, LNKB, Zero },
                { 0x0010FFFF, Zero, LNKD, Zero },
                { 0x0010FFFF, One, LNKA, Zero },
                { 0x0010FFFF, 0x02, LNKB, Zero },
                { 0x0010FFFF, 0x03, LNKC, Zero },
                { 0x0011FFFF, Zero, LNKA, Zero },
                { 0x0011FFFF, One, LNKB, Zero },
                { 0x0011FFFF, 0x02, LNKC, Zero },
                { 0x0011FFFF, 0x03, LNKD, Zero },
                { 0x0012FFFF, Zero, LNKB, Zero },
                { 0x0012FFFF, One, LNKC, Zero },
                { 0x0012FFFF, 0x02, LNKD, Zero },
                { 0x0012FFFF, 0x03, LNKA, Zero },
                { 0x0013FFFF, Zero, LNKC, Zero },
                { 0x0013FFFF, One, LNKD, Zero },
                { 0x0013FFFF, 0x02, LNKA, Zero },
                { 0x0013FFFF, 0x03, LNKB, Zero },
                { 0x0014FFFF, Zero, LNKD, Zero },
                { 0x0014FFFF, One, LNKA, Zero },
                { 0x0014FFFF, 0x02, LNKB, Zero },
                { 0x0014FFFF, 0x03, LNKC, Zero },
                { 0x0015FFFF, Zero, LNKA, Zero },
                { 0x0015FFFF, One, LNKB, Zero },
                { 0x0015FFFF, 0x02, LNKC, Zero },
                { 0x0015FFFF, 0x03, LNKD, Zero },
                { 0x0016FFFF, Zero, LNKB, Zero },
                { 0x0016FFFF, One, LNKC, Zero },
                { 0x0016FFFF, 0x02, LNKD, Zero },
                { 0x0016FFFF, 0x03, LNKA, Zero },
                { 0x0017FFFF, Zero, LNKC, Zero },
                { 0x0017FFFF, One, LNKD, Zero },
                { 0x0017FFFF, 0x02, LNKA, Zero },
                { 0x0017FFFF, 0x03, LNKB, Zero },
                { 0x0018FFFF, Zero, LNKD, Zero },
                { 0x0018FFFF, One, LNKA, Zero },
                { 0x0018FFFF, 0x02, LNKB, Zero },
                { 0x0018FFFF, 0x03, LNKC, Zero },
                { 0x0019FFFF, Zero, LNKA, Zero },
                { 0x0019FFFF, One, LNKB, Zero },
                { 0x0019FFFF, 0x02, LNKC, Zero },
                { 0x0019FFFF, 0x03, LNKD, Zero },
                { 0x001AFFFF, Zero, LNKB, Zero },
                { 0x001AFFFF, One, LNKC, Zero },
                { 0x001AFFFF, 0x02, LNKD, Zero },
                { 0x001AFFFF, 0x03, LNKA, Zero },
                { 0x001BFFFF, Zero, LNKC, Zero },
                { 0x001BFFFF, One, LNKD, Zero },
                { 0x001BFFFF, 0x02, LNKA, Zero },
                { 0x001BFFFF, 0x03, LNKB, Zero },
                { 0x001CFFFF, Zero, LNKD, Zero },
                { 0x001CFFFF, One, LNKA, Zero },
                { 0x001CFFFF, 0x02, LNKB, Zero },
                { 0x001CFFFF, 0x03, LNKC, Zero },
                { 0x001DFFFF, Zero, LNKA, Zero },
                { 0x001DFFFF, One, LNKB, Zero },
                { 0x001DFFFF, 0x02, LNKC, Zero },
                { 0x001DFFFF, 0x03, LNKD, Zero },
                { 0x001EFFFF, Zero, LNKB, Zero },
                { 0x001EFFFF, One, LNKC, Zero },
                { 0x001EFFFF, 0x02, LNKD, Zero },
                { 0x001EFFFF, 0x03, LNKA, Zero },
                { 0x001FFFFF, Zero, LNKC, Zero },
                { 0x001FFFFF, One, LNKD, Zero },
                { 0x001FFFFF, 0x02, LNKA, Zero },
                { 0x001FFFFF, 0x03, LNKB, Zero }
            })
            Device (ISA)
            {
                Device (PIC)
                {
                    Name (_HID, EisaId ("PNP0000") )
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16,
                            0x0020,
                            0x0020,
                            0x01,
                            0x02,
                            )
                        IO (Decode16,
                            0x00A0,
                            0x00A0,
                            0x01,
                            0x02,
                            )
                        IO (Decode16,
                            0x04D0,
                            0x04D0,
                            0x01,
                            0x02,
                            )
                        IRQNoFlags ()
                            {2}
                    })
                }
                Name (_ADR, 0x00010000)
                OperationRegion (PIRQ, PCI_Config, 0x60, 0x04)
                Field (PIRQ, ByteAcc, NoLock, Preserve)
                {
                    PRQA,   8,
                    PRQB,   8,
                    PRQC,   8,
                    PRQD,   8
                }
                Device (RSVD)
                {
                    Name (_HID, EisaId ("PNP0C02") )
                    Name (_UID, "RSVD")
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16,
                            0x0080,
                            0x0080,
                            0x01,
                            0x01,
                            )
                        IO (Decode16,
                            0x0092,
                            0x0092,
                            0x01,
                            0x01,
                            )
                        IO (Decode16,
                            0x0402,
                            0x0402,
                            0x01,
                            0x01,
                            )
                    })
                }
                Device (PMRS)
                {
                    Name (_HID, EisaId ("PNP0C02") )
                    Name (_UID, "PMRS")
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16,
                            0x00B2,
                            0x00B2,
                            0x01,
                            0x02,
                            )
                        IO (Decode16,
                            0x0600,
                            0x0600,
                            0x01,
                            0x40,
                            )
                        IO (Decode16,
                            0x0700,
                            0x0700,
                            0x01,
                            0x10,
                            )
                        IO (Decode16,
                            0xAFE0,
                            0xAFE0,
                            0x01,
                            0x04,
                            )
                    })
                }
                Device (TIMR)
                {
                    Name (_HID, EisaId ("PNP0100") )
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16,
                            0x0040,
                            0x0040,
                            0x01,
                            0x04,
                            )
                        IRQNoFlags ()
                            {0}
                    })
                }
                Device (SPKR)
                {
                    Name (_HID, EisaId ("PNP0800") )
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16,
                            0x0061,
                            0x0061,
                            0x01,
                            0x01,
                            )
                    })
                }
                Device (RTC)
                {
                    Name (_HID, EisaId ("PNP0B00") )
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16,
                            0x0070,
                            0x0070,
                            0x01,
                            0x04,
                            )
                        IRQNoFlags ()
                            {8}
                    })
                }
                Device (DMA)
                {
                    Name (_HID, EisaId ("PNP0200") )
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16,
                            0x0000,
                            0x0000,
                            0x01,
                            0x10,
                            )
                        IO (Decode16,
                            0x0081,
                            0x0081,
                            0x01,
                            0x0F,
                            )
                        IO (Decode16,
                            0x00C0,
                            0x00C0,
                            0x01,
                            0x20,
                            )
                        DMA (Compatibility, NotBusMaster, Transfer8, )
                            {4}
                    })
                }
                Device (FWCF)
                {
                    Name (_HID, "QEMU0002")
                    Name (_STA, 0x0B)
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16,
                            0x0510,
                            0x0510,
                            0x01,
                            0x0C,
                            )
                    })
                }
                Device (FPU)
                {
                    Name (_HID, EisaId ("PNP0C04") )
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16,
                            0x00F0,
                            0x00F0,
                            0x01,
                            0x10,
                            )
                        IRQNoFlags ()
                            {13}
                    })
                }
                Device (KBD)
                {
                    Name (_HID, EisaId ("PNP0303") )
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16,
                            0x0060,
                            0x0060,
                            0x01,
                            0x01,
                            )
                        IO (Decode16,
                            0x0064,
                            0x0064,
                            0x01,
                            0x01,
                            )
                        IRQNoFlags ()
                            {1}
                    })
                }
                Device (MOU)
                {
                    Name (_HID, EisaId ("PNP0F13") )
                    Name (_CRS, ResourceTemplate ()
                    {
                        IRQNoFlags ()
                            {12}
                    })
                }
                Device (COM1)
                {
                    Name (_HID, EisaId ("PNP0501") )
                    Name (_UID, One)
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16,
                            0x03F8,
                            0x03F8,
                            0x01,
                            0x08,
                            )
                        IRQNoFlags ()
                            {4}
                    })
                }
                Device (FDC)
                {
                    Name (_HID, EisaId ("PNP0700"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16,
                            0x03F0,
                            0x03F0,
                            0x01,
                            0x06,
                            )
                        IO (Decode16,
                            0x03F7,
                            0x03F7,
                            0x01,
                            0x01,
                            )
                        IRQNoFlags ()
                            {6}
                        DMA (Compatibility, NotBusMaster, Transfer8, )
                            {2}
                    })
                }
                Device (PEVT)
                {
                    Name (_HID, "QEMU0001")
                    Name (_STA, 0x0F)
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16,
                            0x0505,
                            0x0505,
                            0x01,
                            0x01,
                            )
                    })
                }
            }
        }
        Device (LNKA)
        {
            Name (_HID, EisaId ("PNP0C0F") )
            Name (_UID, Zero)
            Name (_PRS, ResourceTemplate ()
            {
                Interrupt (ResourceConsumer, Level, ActiveHigh, Shared, ,, )
                {
                    0x00000005,
                    0x0000000A,
                    0x0000000B,
                }
            })
            Method (_STA, 0, NotSerialized)
            {
                If ((\_SB.PCI0.ISA.PRQA & 0x80))
                {
                    Return (0x09)
                }
                Return (0x0B)
            }
            Method (_DIS, 0, NotSerialized)
            {
                \_SB.PCI0.ISA.PRQA |= 0x80
            }
            Name (BUF, ResourceTemplate ()
            {
                Interrupt (ResourceConsumer, Level, ActiveHigh, Shared, ,, _Y00)
                {
                    0x00000000,
                }
            })
            CreateDWordField (BUF, \_SB.LNKA._Y00._INT, IRQN)
            Method (_CRS, 0, Serialized)
            {
                IRQN = Zero
                If (!(\_SB.PCI0.ISA.PRQA & 0x80))
                {
                    IRQN = \_SB.PCI0.ISA.PRQA
                }
                Return (BUF)
            }
            Method (_SRS, 1, Serialized)
            {
                CreateDWordField (Arg0, 0x05, IRQW)
                \_SB.PCI0.ISA.PRQA = IRQW
            }
        }
        Device (LNKB)
        {
            Name (_HID, EisaId ("PNP0C0F") )
            Name (_UID, One)
            Name (_PRS, ResourceTemplate ()
            {
                Interrupt (ResourceConsumer, Level, ActiveHigh, Shared, ,, )
                {
                    0x00000005,
                    0x0000000A,
                    0x0000000B,
                }
            })
            Method (_STA, 0, NotSerialized)
            {
                If ((\_SB.PCI0.ISA.PRQB & 0x80))
                {
                    Return (0x09)
                }
                Return (0x0B)
            }
            Method (_DIS, 0, NotSerialized)
            {
                \_SB.PCI0.ISA.PRQB |= 0x80
            }
            Name (BUF, ResourceTemplate ()
            {
                Interrupt (ResourceConsumer, Level, ActiveHigh, Shared, ,, _Y01)
                {
                    0x00000000,
                }
            })
            CreateDWordField (BUF, \_SB.LNKB._Y01._INT, IRQN)
            Method (_CRS, 0, Serialized)
            {
                IRQN = Zero
                If (!(\_SB.PCI0.ISA.PRQB & 0x80))
                {
                    IRQN = \_SB.PCI0.ISA.PRQB
                }
                Return (BUF)
            }
            Method (_SRS, 1, Serialized)
            {
                CreateDWordField (Arg0, 0x05, IRQW)
                \_SB.PCI0.ISA.PRQB = IRQW
            }
        }
        Device (LNKC)
        {
            Name (_HID, EisaId ("PNP0C0F") )
            Name (_UID, 0x02)
            Name (_PRS, ResourceTemplate ()
            {
                Interrupt (ResourceConsumer, Level, ActiveHigh, Shared, ,, )
                {
                    0x00000005,
                    0x0000000A,
                    0x0000000B,
                }
            })
            Method (_STA, 0, NotSerialized)
            {
                If ((\_SB.PCI0.ISA.PRQC & 0x80))
                {
                    Return (0x09)
                }
                Return (0x0B)
            }
            Method (_DIS, 0, NotSerialized)
            {
                \_SB.PCI0.ISA.PRQC |= 0x80
            }
            Name (BUF, ResourceTemplate ()
            {
                Interrupt (ResourceConsumer, Level, ActiveHigh, Shared, ,, _Y02)
                {
                    0x00000000,
                }
            })
            CreateDWordField (BUF, \_SB.LNKC._Y02._INT, IRQN)
            Method (_CRS, 0, Serialized)
            {
                IRQN = Zero
                If (!(\_SB.PCI0.ISA.PRQC & 0x80))
                {
                    IRQN = \_SB.PCI0.ISA.PRQC
                }
                Return (BUF)
            }
            Method (_SRS, 1, Serialized)
            {
                CreateDWordField (Arg0, 0x05, IRQW)
                \_SB.PCI0.ISA.PRQC = IRQW
            }
        }
        Device (LNKD)
        {
            Name (_HID, EisaId ("PNP0C0F") )
            Name (_UID, 0x03)
            Name (_PRS, ResourceTemplate ()
            {
                Interrupt (ResourceConsumer, Level, ActiveHigh, Shared, ,, )
                {
                    0x00000005,
                    0x0000000A,
                    0x0000000B,
                }
            })
            Method (_STA, 0, NotSerialized)
            {
                If ((\_SB.PCI0.ISA.PRQD & 0x80))
                {
                    Return (0x09)
                }
                Return (0x0B)
            }
            Method (_DIS, 0, NotSerialized)
            {
                \_SB.PCI0.ISA.PRQD |= 0x80
            }
            Name (BUF, ResourceTemplate ()
            {
                Interrupt (ResourceConsumer, Level, ActiveHigh, Shared, ,, _Y03)
                {
                    0x00000000,
                }
            })
            CreateDWordField (BUF, \_SB.LNKD._Y03._INT, IRQN)
            Method (_CRS, 0, Serialized)
            {
                IRQN = Zero
                If (!(\_SB.PCI0.ISA.PRQD & 0x80))
                {
                    IRQN = \_SB.PCI0.ISA.PRQD
                }
                Return (BUF)
            }
            Method (_SRS, 1, Serialized)
            {
                CreateDWordField (Arg0, 0x05, IRQW)
                \_SB.PCI0.ISA.PRQD = IRQW
            }
        }
        Device (LNKS)
        {
            Name (_HID, EisaId ("PNP0C0F") )
            Name (_UID, 0x04)
            Name (_PRS, ResourceTemplate ()
            {
                Interrupt (ResourceConsumer, Level, ActiveHigh, Shared, ,, )
                {
                    0x00000009,
                }
            })
            Name (_STA, 0x0B)
            Method (_DIS, 0, NotSerialized)
            {
            }
            Method (_CRS, 0, NotSerialized)
            {
                Return (_PRS)
            }
            Method (_SRS, 1, NotSerialized)
            {
            }
        }
        Device (HPET)
        {
            Name (_HID, EisaId ("PNP0103") )
            Name (_UID, Zero)
            Name (_CRS, ResourceTemplate ()
            {
                Memory32Fixed (ReadOnly,
                    0xFED00000,
                    0x00000400,
                    )
            })
        }
    }
    Scope (\_GPE)
    {
        Method (_E05, 0, NotSerialized)
        {
            Notify (\_SB.VGEN, 0x80)
        }
    }
    Name (_S3, { One, One, Zero, Zero })
    Name (_S4, { 0x02, 0x02, Zero, Zero })
    Name (_S5, { Zero, Zero, Zero, Zero })
}
[000h 0000   4]                    Signature : "FACP"    [Fixed ACPI Description Table (FADT)]
[004h 0004   4]                 Table Length : 000000F4
[008h 0008   1]                     Revision : 03
[009h 0009   1]                     Checksum : 18
[00Ah 0010   6]                       Oem ID : "VIVAR "
[010h 0016   8]                 Oem Table ID : "VIVPC   "
[018h 0024   4]                 Oem Revision : 00000001
[01Ch 0028   4]              Asl Compiler ID : "VIVA"
[020h 0032   4]        Asl Compiler Revision : 00000001
[024h 0036   4]                 FACS Address : 07FF0000
[028h 0040   4]                 DSDT Address : 07FF0040
[02Ch 0044   1]                        Model : 01
[02Dh 0045   1]                   PM Profile : 00 [Unspecified]
[02Eh 0046   2]                SCI Interrupt : 0009
[030h 0048   4]             SMI Command Port : 000000B2
[034h 0052   1]            ACPI Enable Value : F1
[035h 0053   1]           ACPI Disable Value : F0
[036h 0054   1]               S4BIOS Command : 00
[037h 0055   1]              P-State Control : 00
[038h 0056   4]     PM1A Event Block Address : 00000600
[03Ch 0060   4]     PM1B Event Block Address : 00000000
[040h 0064   4]   PM1A Control Block Address : 00000604
[044h 0068   4]   PM1B Control Block Address : 00000000
[048h 0072   4]    PM2 Control Block Address : 00000000
[04Ch 0076   4]       PM Timer Block Address : 00000608
[050h 0080   4]           GPE0 Block Address : 0000AFE0
[054h 0084   4]           GPE1 Block Address : 00000000
[058h 0088   1]       PM1 Event Block Length : 04
[059h 0089   1]     PM1 Control Block Length : 02
[05Ah 0090   1]     PM2 Control Block Length : 00
[05Bh 0091   1]        PM Timer Block Length : 04
[05Ch 0092   1]            GPE0 Block Length : 04
[05Dh 0093   1]            GPE1 Block Length : 00
[05Eh 0094   1]             GPE1 Base Offset : 00
[05Fh 0095   1]                 _CST Support : 00
[060h 0096   2]                   C2 Latency : 0FFF
[062h 0098   2]                   C3 Latency : 0FFF
[064h 0100   2]               CPU Cache Size : 0000
[066h 0102   2]           Cache Flush Stride : 0000
[068h 0104   1]            Duty Cycle Offset : 00
[069h 0105   1]             Duty Cycle Width : 00
[06Ah 0106   1]          RTC Day Alarm Index : 00
[06Bh 0107   1]        RTC Month Alarm Index : 00
[06Ch 0108   1]            RTC Century Index : 32
[06Dh 0109   2]   Boot Flags (decoded below) : 0003
               Legacy Devices Supported (V2) : 1
            8042 Present on ports 60/64 (V2) : 1
                        VGA Not Present (V4) : 0
                      MSI Not Supported (V4) : 0
                PCIe ASPM Not Supported (V4) : 0
                   CMOS RTC Not Present (V5) : 0
[06Fh 0111   1]                     Reserved : 00
[070h 0112   4]        Flags (decoded below) : 00000485
      WBINVD instruction is operational (V1) : 1
              WBINVD flushes all caches (V1) : 0
                    All CPUs support C1 (V1) : 1
                  C2 works on MP system (V1) : 0
            Control Method Power Button (V1) : 0
            Control Method Sleep Button (V1) : 0
        RTC wake not in fixed reg space (V1) : 0
            RTC can wake system from S4 (V1) : 1
                        32-bit PM Timer (V1) : 0
                      Docking Supported (V1) : 0
               Reset Register Supported (V2) : 1
                            Sealed Case (V3) : 0
                    Headless - No Video (V3) : 0
        Use native instr after SLP_TYPx (V3) : 0
              PCIEXP_WAK Bits Supported (V4) : 0
                     Use Platform Timer (V4) : 0
               RTC_STS valid on S4 wake (V4) : 0
                Remote Power-on capable (V4) : 0
                 Use APIC Cluster Model (V4) : 0
     Use APIC Physical Destination Mode (V4) : 0
                       Hardware Reduced (V5) : 0
                      Low Power S0 Idle (V5) : 0
[074h 0116  12]               Reset Register : [Generic Address Structure]
[074h 0116   1]                     Space ID : 01 [SystemIO]
[075h 0117   1]                    Bit Width : 08
[076h 0118   1]                   Bit Offset : 00
[077h 0119   1]         Encoded Access Width : 01 [Byte Access:8]
[078h 0120   8]                      Address : 0000000000000CF9
[080h 0128   1]         Value to cause reset : 0F
[081h 0129   2]    ARM Flags (decoded below) : 0000
                              PSCI Compliant : 0
                       Must use HVC for PSCI : 0
[083h 0131   1]          FADT Minor Revision : 00
[084h 0132   8]                 FACS Address : 0000000000000000
[08Ch 0140   8]                 DSDT Address : 0000000007FF0040
[094h 0148  12]             PM1A Event Block : [Generic Address Structure]
[094h 0148   1]                     Space ID : 01 [SystemIO]
[095h 0149   1]                    Bit Width : 20
[096h 0150   1]                   Bit Offset : 00
[097h 0151   1]         Encoded Access Width : 02 [Word Access:16]
[098h 0152   8]                      Address : 0000000000000600
[0A0h 0160  12]             PM1B Event Block : [Generic Address Structure]
[0A0h 0160   1]                     Space ID : 01 [SystemIO]
[0A1h 0161   1]                    Bit Width : 00
[0A2h 0162   1]                   Bit Offset : 00
[0A3h 0163   1]         Encoded Access Width : 00 [Undefined/Legacy]
[0A4h 0164   8]                      Address : 0000000000000000
[0ACh 0172  12]           PM1A Control Block : [Generic Address Structure]
[0ACh 0172   1]                     Space ID : 01 [SystemIO]
[0ADh 0173   1]                    Bit Width : 10
[0AEh 0174   1]                   Bit Offset : 00
[0AFh 0175   1]         Encoded Access Width : 02 [Word Access:16]
[0B0h 0176   8]                      Address : 0000000000000604
[0B8h 0184  12]           PM1B Control Block : [Generic Address Structure]
[0B8h 0184   1]                     Space ID : 01 [SystemIO]
[0B9h 0185   1]                    Bit Width : 00
[0BAh 0186   1]                   Bit Offset : 00
[0BBh 0187   1]         Encoded Access Width : 00 [Undefined/Legacy]
[0BCh 0188   8]                      Address : 0000000000000000
[0C4h 0196  12]            PM2 Control Block : [Generic Address Structure]
[0C4h 0196   1]                     Space ID : 01 [SystemIO]
[0C5h 0197   1]                    Bit Width : 00
[0C6h 0198   1]                   Bit Offset : 00
[0C7h 0199   1]         Encoded Access Width : 00 [Undefined/Legacy]
[0C8h 0200   8]                      Address : 0000000000000000
[0D0h 0208  12]               PM Timer Block : [Generic Address Structure]
[0D0h 0208   1]                     Space ID : 01 [SystemIO]
[0D1h 0209   1]                    Bit Width : 20
[0D2h 0210   1]                   Bit Offset : 00
[0D3h 0211   1]         Encoded Access Width : 03 [DWord Access:32]
[0D4h 0212   8]                      Address : 0000000000000608
[0DCh 0220  12]                   GPE0 Block : [Generic Address Structure]
[0DCh 0220   1]                     Space ID : 01 [SystemIO]
[0DDh 0221   1]                    Bit Width : 20
[0DEh 0222   1]                   Bit Offset : 00
[0DFh 0223   1]         Encoded Access Width : 01 [Byte Access:8]
[0E0h 0224   8]                      Address : 000000000000AFE0
[0E8h 0232  12]                   GPE1 Block : [Generic Address Structure]
[0E8h 0232   1]                     Space ID : 01 [SystemIO]
[0E9h 0233   1]                    Bit Width : 00
[0EAh 0234   1]                   Bit Offset : 00
[0EBh 0235   1]         Encoded Access Width : 00 [Undefined/Legacy]
[0ECh 0236   8]                      Address : 0000000000000000
Raw Table Data: Length 244 (0xF4)
    0000: 46 41 43 50 F4 00 00 00 03 18 56 49 56 41 52 20
    0010: 56 49 56 50 43 20 20 20 01 00 00 00 56 49 56 41
    0020: 01 00 00 00 00 00 FF 07 40 00 FF 07 01 00 09 00
    0030: B2 00 00 00 F1 F0 00 00 00 06 00 00 00 00 00 00
    0040: 04 06 00 00 00 00 00 00 00 00 00 00 08 06 00 00
    0050: E0 AF 00 00 00 00 00 00 04 02 00 04 04 00 00 00
    0060: FF 0F FF 0F 00 00 00 00 00 00 00 00 32 03 00 00
    0070: 85 04 00 00 01 08 00 01 F9 0C 00 00 00 00 00 00
    0080: 0F 00 00 00 00 00 00 00 00 00 00 00 40 00 FF 07
    0090: 00 00 00 00 01 20 00 02 00 06 00 00 00 00 00 00
    00A0: 01 00 00 00 00 00 00 00 00 00 00 00 01 10 00 02
    00B0: 04 06 00 00 00 00 00 00 01 00 00 00 00 00 00 00
    00C0: 00 00 00 00 01 00 00 00 00 00 00 00 00 00 00 00
    00D0: 01 20 00 03 08 06 00 00 00 00 00 00 01 20 00 01
    00E0: E0 AF 00 00 00 00 00 00 01 00 00 00 00 00 00 00
    00F0: 00 00 00 00
[000h 0000   4]                    Signature : "APIC"    [Multiple APIC Description Table (MADT)]
[004h 0004   4]                 Table Length : 00000088
[008h 0008   1]                     Revision : 03
[009h 0009   1]                     Checksum : 03
[00Ah 0010   6]                       Oem ID : "VIVAR "
[010h 0016   8]                 Oem Table ID : "VIVPC   "
[018h 0024   4]                 Oem Revision : 00000001
[01Ch 0028   4]              Asl Compiler ID : "VIVA"
[020h 0032   4]        Asl Compiler Revision : 00000001
[024h 0036   4]           Local Apic Address : FEE00000
[028h 0040   4]        Flags (decoded below) : 00000001
                         PC-AT Compatibility : 1
[02Ch 0044   1]                Subtable Type : 00 [Processor Local APIC]
[02Dh 0045   1]                       Length : 08
[02Eh 0046   1]                 Processor ID : 00
[02Fh 0047   1]                Local Apic ID : 00
[030h 0048   4]        Flags (decoded below) : 00000001
                           Processor Enabled : 1
                      Runtime Online Capable : 0
[034h 0052   1]                Subtable Type : 00 [Processor Local APIC]
[035h 0053   1]                       Length : 08
[036h 0054   1]                 Processor ID : 01
[037h 0055   1]                Local Apic ID : 01
[038h 0056   4]        Flags (decoded below) : 00000001
                           Processor Enabled : 1
                      Runtime Online Capable : 0
[03Ch 0060   1]                Subtable Type : 00 [Processor Local APIC]
[03Dh 0061   1]                       Length : 08
[03Eh 0062   1]                 Processor ID : 02
[03Fh 0063   1]                Local Apic ID : 02
[040h 0064   4]        Flags (decoded below) : 00000001
                           Processor Enabled : 1
                      Runtime Online Capable : 0
[044h 0068   1]                Subtable Type : 01 [I/O APIC]
[045h 0069   1]                       Length : 0C
[046h 0070   1]                  I/O Apic ID : 00
[047h 0071   1]                     Reserved : 00
[048h 0072   4]                      Address : FEC00000
[04Ch 0076   4]                    Interrupt : 00000000
[050h 0080   1]                Subtable Type : 02 [Interrupt Source Override]
[051h 0081   1]                       Length : 0A
[052h 0082   1]                          Bus : 00
[053h 0083   1]                       Source : 00
[054h 0084   4]                    Interrupt : 00000002
[058h 0088   2]        Flags (decoded below) : 0000
                                    Polarity : 0
                                Trigger Mode : 0
[05Ah 0090   1]                Subtable Type : 02 [Interrupt Source Override]
[05Bh 0091   1]                       Length : 0A
[05Ch 0092   1]                          Bus : 00
[05Dh 0093   1]                       Source : 05
[05Eh 0094   4]                    Interrupt : 00000005
[062h 0098   2]        Flags (decoded below) : 000D
                                    Polarity : 1
                                Trigger Mode : 3
[064h 0100   1]                Subtable Type : 02 [Interrupt Source Override]
[065h 0101   1]                       Length : 0A
[066h 0102   1]                          Bus : 00
[067h 0103   1]                       Source : 09
[068h 0104   4]                    Interrupt : 00000009
[06Ch 0108   2]        Flags (decoded below) : 000D
                                    Polarity : 1
                                Trigger Mode : 3
[06Eh 0110   1]                Subtable Type : 02 [Interrupt Source Override]
[06Fh 0111   1]                       Length : 0A
[070h 0112   1]                          Bus : 00
[071h 0113   1]                       Source : 0A
[072h 0114   4]                    Interrupt : 0000000A
[076h 0118   2]        Flags (decoded below) : 000D
                                    Polarity : 1
                                Trigger Mode : 3
[078h 0120   1]                Subtable Type : 02 [Interrupt Source Override]
[079h 0121   1]                       Length : 0A
[07Ah 0122   1]                          Bus : 00
[07Bh 0123   1]                       Source : 0B
[07Ch 0124   4]                    Interrupt : 0000000B
[080h 0128   2]        Flags (decoded below) : 000D
                                    Polarity : 1
                                Trigger Mode : 3
[082h 0130   1]                Subtable Type : 04 [Local APIC NMI]
[083h 0131   1]                       Length : 06
[084h 0132   1]                 Processor ID : FF
[085h 0133   2]        Flags (decoded below) : 0000
                                    Polarity : 0
                                Trigger Mode : 0
[087h 0135   1]         Interrupt Input LINT : 01
Raw Table Data: Length 136 (0x88)
    0000: 41 50 49 43 88 00 00 00 03 03 56 49 56 41 52 20
    0010: 56 49 56 50 43 20 20 20 01 00 00 00 56 49 56 41
    0020: 01 00 00 00 00 00 E0 FE 01 00 00 00 00 08 00 00
    0030: 01 00 00 00 00 08 01 01 01 00 00 00 00 08 02 02
    0040: 01 00 00 00 01 0C 00 00 00 00 C0 FE 00 00 00 00
    0050: 02 0A 00 00 02 00 00 00 00 00 02 0A 00 05 05 00
    0060: 00 00 0D 00 02 0A 00 09 09 00 00 00 0D 00 02 0A
    0070: 00 0A 0A 00 00 00 0D 00 02 0A 00 0B 0B 00 00 00
    0080: 0D 00 04 06 FF 00 00 01
[000h 0000   4]                    Signature : "WAET"    [Windows ACPI Emulated Devices Table]
[004h 0004   4]                 Table Length : 00000028
[008h 0008   1]                     Revision : 01
[009h 0009   1]                     Checksum : DB
[00Ah 0010   6]                       Oem ID : "VIVAR "
[010h 0016   8]                 Oem Table ID : "VIVPC   "
[018h 0024   4]                 Oem Revision : 00000001
[01Ch 0028   4]              Asl Compiler ID : "VIVA"
[020h 0032   4]        Asl Compiler Revision : 00000001
[024h 0036   4]        Flags (decoded below) : 00000003
                        RTC needs no INT ack : 1
                     PM timer, one read only : 1
Raw Table Data: Length 40 (0x28)
    0000: 57 41 45 54 28 00 00 00 01 DB 56 49 56 41 52 20
    0010: 56 49 56 50 43 20 20 20 01 00 00 00 56 49 56 41
    0020: 01 00 00 00 03 00 00 00
DefinitionBlock ("", "SSDT", 1, "VIVAR ", "VIVPC   ", 0x00000001)
{
    Scope (\_PR)
    {
        Processor (CP00, 0x00, 0x00000000, 0x00) {}
        Processor (CP01, 0x01, 0x00000000, 0x00) {}
        Processor (CP02, 0x02, 0x00000000, 0x00) {}
    }
}
[000h 0000   4]                    Signature : "HPET"    [High Precision Event Timer table]
[004h 0004   4]                 Table Length : 00000038
[008h 0008   1]                     Revision : 01
[009h 0009   1]                     Checksum : 57
[00Ah 0010   6]                       Oem ID : "VIVAR "
[010h 0016   8]                 Oem Table ID : "VIVPC   "
[018h 0024   4]                 Oem Revision : 00000001
[01Ch 0028   4]              Asl Compiler ID : "VIVA"
[020h 0032   4]        Asl Compiler Revision : 00000001
[024h 0036   4]            Hardware Block ID : 8086A201
[028h 0040  12]         Timer Block Register : [Generic Address Structure]
[028h 0040   1]                     Space ID : 00 [SystemMemory]
[029h 0041   1]                    Bit Width : 00
[02Ah 0042   1]                   Bit Offset : 00
[02Bh 0043   1]         Encoded Access Width : 00 [Undefined/Legacy]
[02Ch 0044   8]                      Address : 00000000FED00000
[034h 0052   1]              Sequence Number : 00
[035h 0053   2]          Minimum Clock Ticks : 0000
[037h 0055   1]        Flags (decoded below) : 00
                             4K Page Protect : 0
                            64K Page Protect : 0
Raw Table Data: Length 56 (0x38)
    0000: 48 50 45 54 38 00 00 00 01 57 56 49 56 41 52 20
    0010: 56 49 56 50 43 20 20 20 01 00 00 00 56 49 56 41
    0020: 01 00 00 00 01 A2 86 80 00 00 00 00 00 00 D0 FE
    0030: 00 00 00 00 00 00 00 00
DefinitionBlock ("", "SSDT", 1, "VIVAR ", "VIVPC   ", 0x00000001)
{
    Name (\VGIA, 0x07FE0000)
    Scope (\_SB)
    {
        Device (VGEN)
        {
            Name (_HID, "VIVA0001")
            Name (_CID, "VM_Gen_Counter")
            Name (_DDN, "VM_Gen_Counter")
            Name (_STA, 0x0F)
            Method (ADDR, 0, NotSerialized)
            {
                Local0 = Package (0x02)
                    {
                        Zero,
                        Zero
                    }
                Local0 [Zero] = (\VGIA + 0x28)
                Return (Local0)
            }
        }
    }
}
