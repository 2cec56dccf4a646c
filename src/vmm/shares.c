/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "share"

#include "shares.h"

#include "base/child.h"
#include "confine/broker-link.h"
#include "machine/paths.h"

#include <gio/gio.h>

typedef struct
{
  Board *board;
  void (*notice) (void *opaque, const char *sentence);
  void *opaque;
} Shares;

static void
on_ended (GPid pid, int status, gpointer data)
{
}

/* Without a broker, for who debugs. */
static int
start_by_hand (const Shares *shares, const char *id, GError **error)
{
  const MachineDefinition *definition = shares->board->definition;
  const MachineDevice *share = definition_find (definition, id);
  g_autofree char *program = viv_find_program ("vivarium-share", error),
                  *folder = definition_resolve (definition, machine_device_text (share, "path"));
  const ChildFiles ours = { -1, -1, -1 };
  char socket_option[] = "--socket", number[] = { '0' + CHILD_SOCKET, '\0' }, option[] = "--folder",
       readonly[] = "--readonly";
  char *const arguments[]
      = { program, socket_option, number,
          option,  folder,        machine_device_flag (share, "readonly") ? readonly : NULL,
          NULL };
  pid_t pid;
  int socket = program != NULL ? child_start (arguments, &ours, &pid, error) : -1;

  if (socket >= 0)
    g_child_watch_add (pid, on_ended, NULL); /* nobody else waits for it */
  return socket;
}

static int
on_start (void *opaque, const char *id, unsigned *number, GError **error)
{
  unsigned index = 0;

  *number = 0;
  if (!broker_link_is_up ())
    return start_by_hand (opaque, id, error);
  device_kind_of (id, &index);
  return broker_link_helper (FAMILY_HELPER_SHARE, index, number, error);
}

static void
on_end (void *opaque, unsigned number)
{
  if (broker_link_is_up ())
    broker_link_end_helper (number);
}

typedef struct
{
  Shares *shares;
  char *sentence;
} News;

static void
tell (Vm *vm, void *data)
{
  const News *news = data;

  news->shares->notice (news->shares->opaque, news->sentence);
}

static void
news_free (gpointer data)
{
  News *news = data;

  g_free (news->sentence);
  g_free (news);
}

static void
on_notice (void *opaque, const char *sentence)
{
  Shares *shares = opaque;
  News *news = g_new (News, 1);

  *news = (News){ shares, g_strdup (sentence) };
  vm_tell_control (shares->board->vm, tell, news, news_free);
}

void
shares_init (Board *board, void (*notice) (void *opaque, const char *sentence), void *opaque)
{
  Shares *shares = g_new (Shares, 1);

  *shares = (Shares){ board, notice, opaque };
  board->shares.start = on_start;
  board->shares.end = on_end;
  board->shares.notice = on_notice;
  board->shares.opaque = shares;
  board->shares.free = g_free;
}
