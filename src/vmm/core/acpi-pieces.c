/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * See acpi-pieces.h.
 */
#define G_LOG_DOMAIN "acpi"

#include "core/acpi-pieces.h"

static void
table_free (gpointer data)
{
  AcpiTable *table = data;

  aml_free (table->body);
  g_array_unref (table->pointers);
  g_free (table);
}

AcpiPieces *
acpi_pieces_new (void)
{
  AcpiPieces *pieces = g_new0 (AcpiPieces, 1);

  for (unsigned i = 0; i < ACPI_N_SCOPES; i++)
    pieces->scopes[i] = aml_new ();
  pieces->madt = aml_new ();
  pieces->tables = g_ptr_array_new_with_free_func (table_free);
  pieces->files = g_array_new (FALSE, FALSE, sizeof (AcpiFile));
  pieces->tells = g_array_new (FALSE, FALSE, sizeof (AcpiTell));
  return pieces;
}

void
acpi_pieces_free (AcpiPieces *pieces)
{
  if (pieces == NULL)
    return;
  for (unsigned i = 0; i < ACPI_N_SCOPES; i++)
    aml_free (pieces->scopes[i]);
  aml_free (pieces->madt);
  g_ptr_array_unref (pieces->tables);
  g_array_unref (pieces->files);
  g_array_unref (pieces->tells);
  g_free (pieces);
}

Aml *
acpi_scope (AcpiPieces *pieces, AcpiScope scope)
{
  return pieces->scopes[scope];
}

Aml *
acpi_madt (AcpiPieces *pieces)
{
  return pieces->madt;
}

void
acpi_set_power (AcpiPieces *pieces, const AcpiPower *power)
{
  pieces->power = *power;
}

Aml *
acpi_table_begin (AcpiPieces *pieces, const char *signature, uint8_t revision)
{
  AcpiTable *table = g_new0 (AcpiTable, 1);

  g_warn_if_fail (pieces->open == NULL);
  g_strlcpy (table->signature, signature, sizeof table->signature);
  table->revision = revision;
  table->body = aml_new ();
  table->pointers = g_array_new (FALSE, FALSE, sizeof (AcpiPointer));
  g_ptr_array_add (pieces->tables, table);
  pieces->open = table;
  return table->body;
}

void
acpi_table_end (AcpiPieces *pieces)
{
  g_warn_if_fail (pieces->open != NULL);
  pieces->open = NULL;
}

void
acpi_table_pointer (AcpiPieces *pieces, const char *file, uint64_t offset, unsigned size)
{
  AcpiPointer pointer = { .size = size, .file = file, .offset = offset };

  g_return_if_fail (pieces->open != NULL && (size == 4 || size == 8));
  pointer.at = aml_length (pieces->open->body);
  aml_put (pieces->open->body, offset, size);
  g_array_append_val (pieces->open->pointers, pointer);
}

void
acpi_place_file (AcpiPieces *pieces, const char *file, uint32_t align, gboolean low)
{
  AcpiFile place = { file, align, low };

  g_array_append_val (pieces->files, place);
}

void
acpi_tell_address (AcpiPieces *pieces, const char *back, const char *file, uint32_t offset)
{
  AcpiTell tell = { back, file, offset };

  g_array_append_val (pieces->tells, tell);
}
