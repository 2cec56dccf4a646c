/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Registers, bits and descriptors of Intel's gigabit controllers.  PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual
 * (8254x), chapters 3 (descriptors), 5 (EEPROM) and 13 (registers).  Offsets in bytes.
 */
#pragma once

enum
{
  E1000_CTRL = 0x0000,
  E1000_CTRL_COPY = 0x0004,
  E1000_STATUS = 0x0008,
  E1000_EECD = 0x0010,
  E1000_EERD = 0x0014,
  E1000_CTRL_EXT = 0x0018,
  E1000_MDIC = 0x0020,
  E1000_FCAL = 0x0028,
  E1000_FCAH = 0x002c,
  E1000_FCT = 0x0030,
  E1000_VET = 0x0038,
  E1000_ICR = 0x00c0,
  E1000_ITR = 0x00c4,
  E1000_ICS = 0x00c8,
  E1000_IMS = 0x00d0,
  E1000_IMC = 0x00d8,
  E1000_RCTL = 0x0100,
  E1000_FCTTV = 0x0170,
  E1000_TXCW = 0x0178,
  E1000_RXCW = 0x0180,
  E1000_TCTL = 0x0400,
  E1000_TIPG = 0x0410,
  E1000_AIT = 0x0458,
  E1000_LEDCTL = 0x0e00,
  E1000_PBA = 0x1000,
  E1000_FCRTL = 0x2160,
  E1000_FCRTH = 0x2168,
  E1000_RDBAL = 0x2800,
  E1000_RDBAH = 0x2804,
  E1000_RDLEN = 0x2808,
  E1000_RDH = 0x2810,
  E1000_RDT = 0x2818,
  E1000_RDTR = 0x2820,
  E1000_RXDCTL = 0x2828,
  E1000_RADV = 0x282c,
  E1000_RSRPD = 0x2c00,
  E1000_TXDMAC = 0x3000,
  E1000_TDBAL = 0x3800,
  E1000_TDBAH = 0x3804,
  E1000_TDLEN = 0x3808,
  E1000_TDH = 0x3810,
  E1000_TDT = 0x3818,
  E1000_TIDV = 0x3820,
  E1000_TXDCTL = 0x3828,
  E1000_TADV = 0x382c,
  E1000_TSPMT = 0x3830,
  E1000_STATISTICS = 0x4000,
  E1000_MPC = 0x4010,
  E1000_PRC64 = 0x405c,
  E1000_GPRC = 0x4074,
  E1000_BPRC = 0x4078,
  E1000_MPRC = 0x407c,
  E1000_GPTC = 0x4080,
  E1000_GORCL = 0x4088,
  E1000_GORCH = 0x408c,
  E1000_GOTCL = 0x4090,
  E1000_GOTCH = 0x4094,
  E1000_RNBC = 0x40a0,
  E1000_RUC = 0x40a4,
  E1000_ROC = 0x40ac,
  E1000_TORL = 0x40c0,
  E1000_TORH = 0x40c4,
  E1000_TOTL = 0x40c8,
  E1000_TOTH = 0x40cc,
  E1000_TPR = 0x40d0,
  E1000_TPT = 0x40d4,
  E1000_PTC64 = 0x40d8,
  E1000_MPTC = 0x40f0,
  E1000_BPTC = 0x40f4,
  E1000_TSCTC = 0x40f8,
  E1000_TSCTFC = 0x40fc,
  E1000_STATISTICS_END = 0x4128,
  E1000_RXCSUM = 0x5000,
  E1000_MTA = 0x5200,
  E1000_RAL = 0x5400, /* and RAH, 16 pairs */
  E1000_VFTA = 0x5600,
  E1000_WUC = 0x5800,
  E1000_WUFC = 0x5808,
  E1000_WUS = 0x5810,
  E1000_MANC = 0x5820,
  E1000_IPAV = 0x5838,
  E1000_IP4AT = 0x5840,
  E1000_IP6AT = 0x5880,
  E1000_WUPL = 0x5900,
  E1000_WUPM = 0x5a00,
  E1000_END = 0x6000, /* what is kept; behind it lie memories for diagnosis, which read as 0 */

  E1000_N_MTA = 128,
  E1000_N_VFTA = 128,
  E1000_N_ADDRESSES = 16,
};

/* CTRL, 13.4.1 */
enum
{
  CTRL_FD = 1 << 0,
  CTRL_LRST = 1 << 3,
  CTRL_SLU = 1 << 6,
  CTRL_SPEED_1000 = 2 << 8,
  CTRL_RST = 1 << 26,
  CTRL_VME = 1 << 30,
  CTRL_PHY_RST = (int)(1u << 31),
};
/* STATUS, 13.4.2 */
enum
{
  STATUS_FD = 1 << 0,
  STATUS_LU = 1 << 1,
  STATUS_SPEED_SHIFT = 6,
  STATUS_ASDV_SHIFT = 8,
};
/* EECD, 13.4.3 */
enum
{
  EECD_SK = 1 << 0,
  EECD_CS = 1 << 1,
  EECD_DI = 1 << 2,
  EECD_DO = 1 << 3,
  EECD_REQ = 1 << 6,
  EECD_GNT = 1 << 7,
  EECD_PRES = 1 << 8,
};
/* EERD, 13.4.4 */
enum
{
  EERD_START = 1 << 0,
  EERD_DONE = 1 << 4,
  EERD_ADDRESS_SHIFT = 8,
  EERD_DATA_SHIFT = 16,
};
/* MDIC, 13.4.6 */
enum
{
  MDIC_REGISTER_SHIFT = 16,
  MDIC_PHY_SHIFT = 21,
  MDIC_WRITE = 1 << 26,
  MDIC_READ = 2 << 26,
  MDIC_READY = 1 << 28,
  MDIC_INTERRUPT = 1 << 29,
  MDIC_ERROR = 1 << 30,
};
/* CTRL_EXT, 13.4.5 */
enum
{
  CTRL_EXT_EE_RST = 1 << 13,
};
/* ICR, ICS, IMS, IMC, 13.4.17 */
enum
{
  ICR_TXDW = 1 << 0,
  ICR_TXQE = 1 << 1,
  ICR_LSC = 1 << 2,
  ICR_RXDMT0 = 1 << 4,
  ICR_RXO = 1 << 6,
  ICR_RXT0 = 1 << 7,
  ICR_MDAC = 1 << 9,
  ICR_ALL = 0x1ffff,
};
/* RCTL, 13.4.22 */
enum
{
  RCTL_EN = 1 << 1,
  RCTL_UPE = 1 << 3,
  RCTL_MPE = 1 << 4,
  RCTL_LPE = 1 << 5,
  RCTL_LBM = 3 << 6,
  RCTL_RDMTS_SHIFT = 8,
  RCTL_MO_SHIFT = 12,
  RCTL_BAM = 1 << 15,
  RCTL_BSIZE_SHIFT = 16,
  RCTL_VFE = 1 << 18,
  RCTL_CFIEN = 1 << 19,
  RCTL_CFI = 1 << 20,
  RCTL_DPF = 1 << 22,
  RCTL_PMCF = 1 << 23,
  RCTL_BSEX = 1 << 25,
  RCTL_SECRC = 1 << 26,
};
/* TCTL, 13.4.33 */
enum
{
  TCTL_EN = 1 << 1,
  TCTL_PSP = 1 << 3,
};
/* RDTR and TIDV: the write that flushes */
#define DELAY_FLUSH (1u << 31)
/* RXCSUM, 13.4.45 */
enum
{
  RXCSUM_START = 0xff,
  RXCSUM_IP = 1 << 8,
  RXCSUM_TCP_UDP = 1 << 9,
  RXCSUM_IP6 = 1 << 10,
};
/* RAH, 13.5.3 */
#define RAH_VALID (1u << 31)
/* WUC, 13.6.1 */
enum
{
  WUC_APME = 1 << 0,
  WUC_PME_ENABLE = 1 << 1,
  WUC_PME_STATUS = 1 << 2,
};
/* WUFC and WUS, 13.6.2 */
enum
{
  WUFC_LINK = 1 << 0,
  WUFC_MAGIC = 1 << 1,
  WUFC_EXACT = 1 << 2,
  WUFC_MULTICAST = 1 << 3,
  WUFC_BROADCAST = 1 << 4,
  WUFC_ARP = 1 << 5,
  WUFC_ALL = 0x3f,
};

/* 82574 GbE Controller Family Datasheet, chapter 10: what it has besides. */
enum
{
  E1000E_EIAC = 0x00dc,
  E1000E_IAM = 0x00e0,
  E1000E_IVAR = 0x00e4,
  E1000E_EITR = 0x00e8, /* 5 */
  E1000E_EXTCNF = 0x0f00,
  E1000E_PHY_CTRL = 0x0f10,
  E1000E_EEMNGCTL = 0x1010,
  E1000E_PSRCTL = 0x2170,
  E1000E_TARC = 0x3840,
  E1000E_RFCTL = 0x5008,
  E1000E_MRQC = 0x5818,
  E1000E_GCR = 0x5b00,
  E1000E_FACTPS = 0x5b30,
  E1000E_SWSM = 0x5b50,
  E1000E_FWSM = 0x5b54,
  E1000E_RETA = 0x5c00,
  E1000E_RSSRK = 0x5c80,

  E1000E_CTRL_MASTER_DISABLE = 1 << 2,
  E1000E_STATUS_MASTER_ENABLE = 1 << 19,
  E1000E_EECD_READ_DONE = 1 << 9,
  E1000E_EERD_DONE = 1 << 1,
  E1000E_EERD_ADDRESS_SHIFT = 2,
  E1000E_CTRL_EXT_IAME = 1 << 27,
  E1000E_ICR_RXQ0 = 1 << 20,
  E1000E_ICR_TXQ0 = 1 << 22,
  E1000E_ICR_TXQ1 = 1 << 23,
  E1000E_ICR_OTHER = 1 << 24,
  E1000E_ICR_ALL = 0x1ffffff,
  E1000E_OTHERS = ICR_LSC | ICR_RXO | ICR_MDAC | 1 << 16 | 1 << 17 | 1 << 18,
  E1000E_IVAR_VALID = 8,
  E1000E_SWSM_SMBI = 1 << 0,
  E1000E_RFCTL_EXTENDED = 1 << 15,
  E1000E_RCTL_SPLIT = 3 << 10,
  E1000E_RCTL_SPLIT_ON = 1 << 10,
};
#define E1000E_ICR_ASSERTED (1u << 31)

/* Receive descriptors, 3.2.3 */
enum
{
  RX_STATUS_DD = 1 << 0,
  RX_STATUS_EOP = 1 << 1,
  RX_STATUS_IXSM = 1 << 2,
  RX_STATUS_VP = 1 << 3,
  RX_STATUS_TCPCS = 1 << 5,
  RX_STATUS_IPCS = 1 << 6,
  RX_STATUS_PIF = 1 << 7,
  RX_ERROR_TCPE = 1 << 5,
  RX_ERROR_IPE = 1 << 6,
};
/* Transmit descriptors, 3.3: the third word */
enum
{
  TX_LENGTH_LEGACY = 0xffff,
  TX_LENGTH = 0xfffff,
  TX_CSO_SHIFT = 16,
  TX_TYPE = 0xf << 20,
  TX_TYPE_DATA = 1 << 20,
  TX_EOP = 1 << 24,
  TX_IC = 1 << 26,  /* legacy */
  TX_TSE = 1 << 26, /* data, context */
  TX_RS = 1 << 27,
  TX_DEXT = 1 << 29,
  TX_VLE = 1 << 30,
  TX_IDE = (int)(1u << 31),
  TX_CONTEXT_TCP = 1 << 24,
  TX_CONTEXT_IP4 = 1 << 25,
};
/* and the fourth */
enum
{
  TX_STATUS_DD = 1 << 0,
  TX_CSS_SHIFT = 8,
  TX_POPTS_IXSM = 1 << 8,
  TX_POPTS_TXSM = 1 << 9,
  TX_SPECIAL_SHIFT = 16,
  TX_HDRLEN_SHIFT = 8,
  TX_MSS_SHIFT = 16,
};

/* IEEE 802.3, 22.2.4, and the 88E1011's own.  8254x manual, chapter 11 of the PHYs' part. */
enum
{
  PHY_CONTROL = 0,
  PHY_STATUS = 1,
  PHY_ID1 = 2,
  PHY_ID2 = 3,
  PHY_ADVERTISE = 4,
  PHY_PARTNER = 5,
  PHY_EXPANSION = 6,
  PHY_NEXT_PAGE = 7,
  PHY_CONTROL_1000 = 9,
  PHY_STATUS_1000 = 10,
  PHY_EXTENDED_STATUS = 15,
  PHY_SPECIFIC_CONTROL = 16,
  PHY_SPECIFIC_STATUS = 17,
  PHY_INTERRUPT_ENABLE = 18,
  PHY_INTERRUPT_STATUS = 19,
  PHY_EXTENDED_CONTROL = 20,
  PHY_ERRORS = 21,
  PHY_PAGE = 29,
  PHY_PAGED = 30,
  PHY_N = 32,

  PHY_CONTROL_RESET = 1 << 15,
  PHY_CONTROL_LOOPBACK = 1 << 14,
  PHY_CONTROL_AUTO = 1 << 12,
  PHY_CONTROL_POWER_DOWN = 1 << 11,
  PHY_CONTROL_ISOLATE = 1 << 10,
  PHY_CONTROL_RESTART = 1 << 9,
  PHY_STATUS_LINK = 1 << 2,
  PHY_STATUS_AUTO_DONE = 1 << 5,
  PHY_SPECIFIC_LINK = 1 << 10,
  PHY_SPECIFIC_RESOLVED = 1 << 11,
  PHY_SPECIFIC_FULL = 1 << 13,
  PHY_SPECIFIC_1000 = 2 << 14,
  PHY_INTERRUPT_LINK = 1 << 10,
  PHY_INTERRUPT_AUTO_DONE = 1 << 11,
};
