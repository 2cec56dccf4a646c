/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Who knocks at the VNC server, and how long they are made to wait.
 */
#define G_LOG_DOMAIN "viv-vnc"

#include "vnc/vnc-guard.h"

#include <netinet/in.h>
#include <string.h>

typedef struct
{
  unsigned failures;
  gint64 last, until;
} Visitor;

struct VncGuard
{
  GHashTable *visitors; /* key → Visitor */
  unsigned lines, unsaid;
  gint64 line_time; /* when a line was last given back */
};

VncGuard *
vnc_guard_new (void)
{
  VncGuard *guard = g_new0 (VncGuard, 1);

  guard->visitors = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  guard->lines = VNC_GUARD_LINES;
  return guard;
}

void
vnc_guard_free (VncGuard *guard)
{
  if (guard == NULL)
    return;
  g_hash_table_unref (guard->visitors);
  g_free (guard);
}

char *
vnc_guard_key (const struct sockaddr *address, socklen_t length)
{
  struct sockaddr_in6 six;
  struct sockaddr_in four;
  const uint8_t *b;

  if (address->sa_family == AF_INET && length >= sizeof four)
    {
      memcpy (&four, address, sizeof four);
      b = (const uint8_t *)&four.sin_addr;
      return g_strdup_printf ("%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
    }
  if (address->sa_family != AF_INET6 || length < sizeof six)
    return g_strdup ("unix");
  memcpy (&six, address, sizeof six);
  b = six.sin6_addr.s6_addr;
  if (IN6_IS_ADDR_V4MAPPED (&six.sin6_addr))
    return g_strdup_printf ("%u.%u.%u.%u", b[12], b[13], b[14], b[15]);
  return g_strdup_printf ("%x:%x:%x:%x::/64", b[0] << 8 | b[1], b[2] << 8 | b[3], b[4] << 8 | b[5],
                          b[6] << 8 | b[7]);
}

/* Forgets the old ones, and if that isn't enough the one that was here longest ago. */
static void
make_room (VncGuard *guard, gint64 now)
{
  const char *oldest = NULL;
  gint64 last = G_MAXINT64;
  GHashTableIter iter;
  gpointer key, value;

  g_hash_table_iter_init (&iter, guard->visitors);
  while (g_hash_table_iter_next (&iter, &key, &value))
    if (now - ((Visitor *)value)->last > VNC_GUARD_FORGET)
      g_hash_table_iter_remove (&iter);
    else if (((Visitor *)value)->last < last)
      {
        oldest = key;
        last = ((Visitor *)value)->last;
      }
  if (g_hash_table_size (guard->visitors) >= VNC_GUARD_ADDRESSES)
    g_hash_table_remove (guard->visitors, oldest);
}

void
vnc_guard_failed (VncGuard *guard, const char *key, gint64 now)
{
  Visitor *visitor = g_hash_table_lookup (guard->visitors, key);

  if (visitor == NULL)
    {
      make_room (guard, now);
      visitor = g_new0 (Visitor, 1);
      g_hash_table_insert (guard->visitors, g_strdup (key), visitor);
    }
  if (now - visitor->last > VNC_GUARD_FORGET)
    visitor->failures = 0;
  visitor->last = now;
  visitor->until = now + MIN (VNC_GUARD_DELAY << MIN (visitor->failures, 20), VNC_GUARD_MAX_DELAY);
  visitor->failures++;
}

void
vnc_guard_passed (VncGuard *guard, const char *key)
{
  g_hash_table_remove (guard->visitors, key);
}

gint64
vnc_guard_delay (VncGuard *guard, const char *key, gint64 now)
{
  Visitor *visitor = g_hash_table_lookup (guard->visitors, key);

  return visitor != NULL ? MAX (visitor->until - now, 0) : 0;
}

gboolean
vnc_guard_may_log (VncGuard *guard, gint64 now, unsigned *unsaid)
{
  gint64 back = guard->line_time != 0 ? (now - guard->line_time) / VNC_GUARD_LINE_TIME : 0;

  if (guard->line_time == 0)
    guard->line_time = now;
  guard->line_time += back * VNC_GUARD_LINE_TIME;
  guard->lines = MIN (guard->lines + MIN (back, VNC_GUARD_LINES), VNC_GUARD_LINES);
  if (guard->lines == 0)
    {
      guard->unsaid++;
      return FALSE;
    }
  guard->lines--;
  *unsaid = guard->unsaid;
  guard->unsaid = 0;
  return TRUE;
}
