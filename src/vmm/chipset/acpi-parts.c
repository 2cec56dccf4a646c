/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * See acpi-parts.h.
 */
#define G_LOG_DOMAIN "acpi"

#include "chipset/acpi-parts.h"

#define N_LINKS         8
#define LINK_OFF        0x80
#define LINK_IRQS       (1u << 5 | 1u << 10 | 1u << 11)
#define STA_PRESENT     0x0b /* there, decoding, working; nothing for a person to see */
#define STA_OFF         0x09
#define INTERRUPT_FIELD 5 /* where the number stands in an extended interrupt descriptor */

void
acpi_reserve_ports (Aml *isa, const char *name, const AcpiPorts *ports, unsigned n)
{
  aml_begin_device (isa, name);
  aml_name_eisa_id (isa, "_HID", "PNP0C02");
  aml_name_string (isa, "_UID", name);
  aml_name (isa, "_CRS");
  aml_begin_resources (isa);
  for (unsigned i = 0; i < n; i++)
    if (ports[i].base != 0)
      aml_res_io (isa, ports[i].base, (uint8_t)ports[i].length);
  aml_end (isa);
  aml_end (isa);
}

static void
sleep_state (Aml *root, const char *name, unsigned type)
{
  aml_name (root, name);
  aml_begin_package (root, 4);
  aml_number (root, type);
  aml_number (root, type);
  aml_number (root, 0);
  aml_number (root, 0);
  aml_end (root);
}

void
acpi_sleep_states (Aml *root, unsigned s3, unsigned s4, unsigned s5)
{
  sleep_state (root, "_S3", s3);
  sleep_state (root, "_S4", s4);
  sleep_state (root, "_S5", s5);
}

const char *
pirq_link_register (unsigned n)
{
  static const char *const names[N_LINKS]
      = { "PRQA", "PRQB", "PRQC", "PRQD", "PRQE", "PRQF", "PRQG", "PRQH" };

  g_return_val_if_fail (n < N_LINKS, NULL);
  return names[n];
}

/* REG & 0x80 */
static void
is_off (Aml *aml, const char *reg)
{
  aml_op (aml, AML_AND);
  aml_path (aml, reg);
  aml_number (aml, LINK_OFF);
  aml_op (aml, AML_NOWHERE);
}

void
pirq_link_acpi (Aml *aml, const char *name, unsigned uid, const char *reg_name)
{
  g_autofree char *reg = g_strconcat ("\\_SB.PCI0.ISA.", reg_name, NULL);

  aml_begin_device (aml, name);
  aml_name_eisa_id (aml, "_HID", "PNP0C0F");
  aml_name_number (aml, "_UID", uid);
  aml_name (aml, "_PRS");
  aml_begin_resources (aml);
  aml_res_interrupts (aml, LINK_IRQS);
  aml_end (aml);

  aml_begin_method (aml, "_STA", 0, FALSE);
  aml_begin_if (aml);
  is_off (aml, reg);
  aml_op (aml, AML_RETURN);
  aml_number (aml, STA_OFF);
  aml_end (aml);
  aml_op (aml, AML_RETURN);
  aml_number (aml, STA_PRESENT);
  aml_end (aml);

  aml_begin_method (aml, "_DIS", 0, FALSE);
  aml_op (aml, AML_OR);
  aml_path (aml, reg);
  aml_number (aml, LINK_OFF);
  aml_path (aml, reg);
  aml_end (aml);

  /* The field is made once, as making names within methods is slow. */
  aml_name (aml, "BUF");
  aml_begin_resources (aml);
  aml_res_interrupts (aml, 1);
  aml_end (aml);
  aml_op (aml, AML_DWORD_FIELD);
  aml_path (aml, "BUF");
  aml_number (aml, INTERRUPT_FIELD);
  aml_path (aml, "IRQN");
  aml_begin_method (aml, "_CRS", 0, TRUE);
  aml_op (aml, AML_STORE);
  aml_number (aml, 0);
  aml_path (aml, "IRQN");
  aml_begin_if (aml);
  aml_op (aml, AML_LNOT);
  is_off (aml, reg);
  aml_op (aml, AML_STORE);
  aml_path (aml, reg);
  aml_path (aml, "IRQN");
  aml_end (aml);
  aml_op (aml, AML_RETURN);
  aml_path (aml, "BUF");
  aml_end (aml);

  aml_begin_method (aml, "_SRS", 1, TRUE);
  aml_op (aml, AML_DWORD_FIELD);
  aml_op (aml, AML_ARG0);
  aml_number (aml, INTERRUPT_FIELD);
  aml_path (aml, "IRQW");
  aml_op (aml, AML_STORE);
  aml_path (aml, "IRQW");
  aml_path (aml, reg);
  aml_end (aml);
  aml_end (aml);
}

void
acpi_timer_and_speaker (Device *device, AcpiPieces *pieces)
{
  Aml *aml = acpi_scope (pieces, ACPI_SCOPE_ISA);

  aml_begin_device (aml, "TIMR");
  aml_name_eisa_id (aml, "_HID", "PNP0100");
  aml_name (aml, "_CRS");
  aml_begin_resources (aml);
  aml_res_io (aml, 0x40, 4);
  aml_res_irq (aml, 0);
  aml_end (aml);
  aml_end (aml);
  aml_begin_device (aml, "SPKR");
  aml_name_eisa_id (aml, "_HID", "PNP0800");
  aml_name (aml, "_CRS");
  aml_begin_resources (aml);
  aml_res_io (aml, 0x61, 1);
  aml_end (aml);
  aml_end (aml);
}
