/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The protocol's memory, breakpoints and watchpoints.
 */
#define G_LOG_DOMAIN "debug"

#include "debug/gdb-stub-private.h"

#include <string.h>

/* Of memory in one packet, each byte as two digits. */
#define MOST_MEMORY (GDB_MAX_PACKET / 2 - 16)

/* -- Memory --------------------------------------------------------------------------------------- */

/* ADDRESS,LENGTH */
gboolean
gdb_read_place (const char **p, uint64_t *address, uint64_t *length)
{
  if (!gdb_read_number (p, address) || **p != ',')
    return FALSE;
  (*p)++;
  return gdb_read_number (p, length);
}

void
gdb_on_read_memory (GdbStub *stub, const char *p)
{
  const CpuState *state = gdb_state_of (stub, stub->cpu);
  g_autofree uint8_t *bytes = NULL;
  uint64_t address, length;
  size_t n;

  if (state == NULL || !gdb_read_place (&p, &address, &length) || *p != '\0')
    {
      gdb_answer_error (stub, ERROR_SYNTAX);
      return;
    }
  length = MIN (length, MOST_MEMORY);
  bytes = g_malloc (length + 1);
  n = stub->target->read (stub->opaque, stub->physical ? NULL : state, address, bytes, length);
  if (n == 0 && length > 0)
    {
      gdb_answer_error (stub, ERROR_MEMORY);
      return;
    }
  g_string_truncate (stub->reply, 0);
  gdb_append_hex (stub->reply, bytes, n);
  gdb_answer (stub, stub->reply->str);
}

/* M: digits; X: bytes. */
void
gdb_on_write_memory (GdbStub *stub, const char *p, gboolean binary)
{
  const CpuState *state = gdb_state_of (stub, stub->cpu);
  g_autofree uint8_t *bytes = NULL;
  uint64_t address, length;
  size_t left;

  if (state == NULL || !gdb_read_place (&p, &address, &length) || *p != ':')
    {
      gdb_answer_error (stub, ERROR_SYNTAX);
      return;
    }
  p++;
  left = stub->packet->len - (size_t)(p - (const char *)stub->packet->data);
  if (length != (binary ? left : left / 2))
    {
      gdb_answer_error (stub, ERROR_SYNTAX);
      return;
    }
  bytes = g_malloc (length + 1);
  if (binary)
    memcpy (bytes, p, length);
  else if (!gdb_read_hex (p, length, bytes))
    {
      gdb_answer_error (stub, ERROR_SYNTAX);
      return;
    }
  gdb_answer_done (
      stub,
      length == 0
          || stub->target->write (stub->opaque, stub->physical ? NULL : state, address, bytes, length),
      ERROR_MEMORY);
}

/* -- Points --------------------------------------------------------------------------------------- */

/* ZTYPE,ADDRESS,LENGTH[;…] */
void
gdb_on_point (GdbStub *stub, const char *p, gboolean set)
{
  static const EnginePointKind kinds[] = { ENGINE_POINT_EXECUTE, ENGINE_POINT_EXECUTE, ENGINE_POINT_WRITE,
                                           ENGINE_POINT_ACCESS, ENGINE_POINT_ACCESS };
  g_autoptr (GError) error = NULL;
  unsigned type = (unsigned)(*p - '0');
  uint64_t length = 0;
  Point point = { .type = type };
  EngineDebug debug;

  if (type >= G_N_ELEMENTS (kinds))
    {
      gdb_answer (stub, "");
      return;
    }
  p++;
  if (*p++ != ',' || !gdb_read_place (&p, &point.point.address, &length) || length > 64)
    {
      gdb_answer_error (stub, ERROR_SYNTAX);
      return;
    }
  point.point.kind = kinds[type];
  point.point.length = point.point.kind == ENGINE_POINT_EXECUTE ? 1 : MAX ((unsigned)length, 1);
  for (guint i = 0; i < stub->points->len; i++)
    if (memcmp (&g_array_index (stub->points, Point, i).point, &point.point, sizeof point.point) == 0
        && g_array_index (stub->points, Point, i).type == type)
      {
        if (!set)
          g_array_remove_index (stub->points, i);
        gdb_answer (stub, "OK");
        return;
      }
  if (!set)
    {
      gdb_answer (stub, "OK");
      return;
    }
  if (stub->points->len >= ENGINE_MAX_POINTS)
    {
      gdb_answer (stub, "E.there are as many breakpoints and watchpoints as there can be");
      return;
    }
  g_array_append_val (stub->points, point);
  gdb_stub_points (stub, &debug);
  if (!stub->target->set_debug (stub->opaque, &debug, &error))
    {
      g_autofree char *text = g_strconcat ("E.", error->message, NULL);

      g_array_set_size (stub->points, stub->points->len - 1);
      gdb_answer (stub, text);
      return;
    }
  gdb_answer (stub, "OK");
}
