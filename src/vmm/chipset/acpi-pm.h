/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ACPI's fixed hardware, which the chipsets have alike: PM1 event and control block, the PM timer, the buttons, sleep and what ends it.
 * ACPI Specification 6.4, chapters 4.8.2 and 4.8.3.  A part of a chipset's device, which has ports, general purpose events and the
 * interrupt's place.  Under the VM lock.
 */
#pragma once

#include "core/vm.h"

G_BEGIN_DECLS

/* Offsets in the block: 12 bytes. */
enum
{
  ACPI_PM_STATUS = 0x00,
  ACPI_PM_ENABLE = 0x02,
  ACPI_PM_CONTROL = 0x04,
  ACPI_PM_TIMER = 0x08,
  ACPI_PM_SIZE = 0x0c,
};

/* What the control register keeps. */
#define ACPI_PM_CONTROL_KEPT 0x1c03

/* SLP_TYP as _S3, _S4 and _S5 give them. */
enum
{
  ACPI_PM_S5 = 0,
  ACPI_PM_S3 = 1,
  ACPI_PM_S4 = 2,
};

typedef struct
{
  Device *device; /* whose it is, for the log */
  IrqLine sci;
  uint16_t pm_status, pm_enable, pm_control;
  gboolean asleep, rtc_line;
  uint64_t last_overflow; /* changes of bit 23 seen so far */
  VmTimer overflow;
  gboolean gpe; /* a general purpose event is on that is enabled; derived */
  void (*wake_func) (void *opaque);
  void *wake_opaque;
} AcpiPm;

/* For the owner's state table, by the names that files have: with `f` the AcpiPm in T.  The second part came with version 1. */
#define ACPI_PM_STATE_(T, f, name_, type_, size_, max_)                                            \
  {                                                                                                \
    .name = #name_, .type = type_, .offset = offsetof (T, f.name_), .count = 1, .stride = (size_), \
    .max = (max_),                                                                                 \
  }
#define ACPI_PM_STATE_REGISTERS(T, f)                                             \
  ACPI_PM_STATE_ (T, f, pm_status, STATE_TYPE_U16, 2, 0),                         \
      ACPI_PM_STATE_ (T, f, pm_enable, STATE_TYPE_U16, 2, 0),                     \
      ACPI_PM_STATE_ (T, f, pm_control, STATE_TYPE_U16, 2, ACPI_PM_CONTROL_KEPT), \
      ACPI_PM_STATE_ (T, f, last_overflow, STATE_TYPE_U64, 8, 0),                 \
      ACPI_PM_STATE_ (T, f, overflow, STATE_TYPE_TIMER, 0, 0)
#define ACPI_PM_STATE_SLEEP(T, f)                                       \
  ACPI_PM_STATE_ (T, f, asleep, STATE_TYPE_BOOL, sizeof (gboolean), 1), \
      ACPI_PM_STATE_ (T, f, rtc_line, STATE_TYPE_BOOL, sizeof (gboolean), 1)

/* In the owner's realize, reset, post_load (behind the table; `gpe` has been set) and unrealize. */
void acpi_pm_init (AcpiPm *pm, Device *device, IrqLine sci);
void acpi_pm_reset (AcpiPm *pm);
void acpi_pm_loaded (AcpiPm *pm);
void acpi_pm_exit (AcpiPm *pm);

/* 1, 2 or 4 bytes of the block. */
uint64_t acpi_pm_read (AcpiPm *pm, uint64_t addr, unsigned size);
void acpi_pm_write (AcpiPm *pm, uint64_t addr, uint64_t value, unsigned size);
/* SCI_EN, which the SMI command port switches. */
void acpi_pm_enable (AcpiPm *pm, gboolean on);
/* A general purpose event that is enabled is on, or none any more. */
void acpi_pm_set_gpe (AcpiPm *pm, gboolean on);

/* The person pressed the button: a guest with ACPI on hears of it, one that sleeps wakes.  FALSE if nobody listens to it now (a guest
 * without ACPI, or that is still in its firmware): then nothing has happened. */
gboolean acpi_pm_power_button (AcpiPm *pm);
gboolean acpi_pm_sleep_button (AcpiPm *pm);
/* IRQ8# of the RTC, while its alarm holds it: sets RTC_STS, and wakes a guest that has enabled it. */
IrqLine acpi_pm_rtc_line (AcpiPm *pm);
/* Called when a guest wakes from S3, before its processors start at the reset vector: tells firmware that memory is the guest's
 * and that it is to go on at the waking vector.  VM lock held. */
void acpi_pm_set_wake_func (AcpiPm *pm, void (*func) (void *opaque), void *opaque);

G_END_DECLS
