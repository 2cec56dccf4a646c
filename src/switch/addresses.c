/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "switch/addresses.h"

typedef struct
{
  gint64 address;
  unsigned member;
  gint64 used;
  GList link; /* of its member's, the last used first */
} Entry;

struct Addresses
{
  GHashTable *all; /* gint64 → Entry */
  GQueue *of;      /* a member */
  unsigned members, most;
};

static gint64
number_of (const uint8_t address[6])
{
  gint64 number = 0;

  for (unsigned i = 0; i < 6; i++)
    number = number << 8 | address[i];
  return number;
}

Addresses *
addresses_new (unsigned members, unsigned most)
{
  Addresses *self = g_new0 (Addresses, 1);

  self->all = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, g_free);
  self->of = g_new0 (GQueue, members);
  self->members = members;
  self->most = most;
  return self;
}

void
addresses_free (Addresses *self)
{
  g_hash_table_unref (self->all);
  g_free (self->of);
  g_free (self);
}

static void
drop (Addresses *self, Entry *entry)
{
  g_queue_unlink (&self->of[entry->member], &entry->link);
  g_hash_table_remove (self->all, &entry->address);
}

void
addresses_learn (Addresses *self, unsigned member, const uint8_t address[6], gint64 now)
{
  const gint64 number = number_of (address);
  Entry *entry = g_hash_table_lookup (self->all, &number);

  if (entry != NULL && entry->member == member)
    {
      entry->used = now;
      g_queue_unlink (&self->of[member], &entry->link);
      g_queue_push_head_link (&self->of[member], &entry->link);
      return;
    }
  if (entry != NULL && now - entry->used < ADDRESSES_STAY_US)
    return;
  if (entry != NULL)
    drop (self, entry);
  if (g_queue_get_length (&self->of[member]) >= self->most)
    drop (self, g_queue_peek_tail (&self->of[member]));
  entry = g_new0 (Entry, 1);
  *entry = (Entry){ .address = number, .member = member, .used = now, .link.data = entry };
  g_queue_push_head_link (&self->of[member], &entry->link);
  g_hash_table_insert (self->all, &entry->address, entry);
}

int
addresses_find (Addresses *self, const uint8_t address[6])
{
  const gint64 number = number_of (address);
  const Entry *entry = g_hash_table_lookup (self->all, &number);

  return entry != NULL ? (int)entry->member : -1;
}

void
addresses_forget (Addresses *self, unsigned member)
{
  Entry *entry;

  while ((entry = g_queue_peek_head (&self->of[member])) != NULL)
    drop (self, entry);
}
