/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "net"

#include "board/cards.h"

#include "board/slots.h"

#include <gio/gio.h>

/* Kept by the list and by each change that is under way, which may end when the list is gone. */
typedef struct
{
  gatomicrefcount refs;
  Cards *cards; /* NULL: gone */
  char *id;
  gboolean wanted, there, busy;
  GSource *patience; /* NULL: none */
} Card;

struct Cards
{
  Board *board;
  GPtrArray *list; /* Card */
  void (*notice) (void *opaque, const char *sentence);
  void *opaque;
};

static void
card_unref (gpointer data)
{
  Card *card = data;

  if (!g_atomic_ref_count_dec (&card->refs))
    return;
  g_free (card->id);
  g_free (card);
}

static Card *
card_ref (Card *card)
{
  g_atomic_ref_count_inc (&card->refs);
  return card;
}

static void
stop_waiting (Card *card)
{
  if (card->patience == NULL)
    return;
  g_source_destroy (card->patience);
  g_clear_pointer (&card->patience, g_source_unref);
}

static void
forget_card (gpointer data)
{
  Card *card = data;

  stop_waiting (card);
  card->cards = NULL;
  card_unref (card);
}

static void settle (Card *card);

/* Takes the change's reference. */
static void
on_done (Vm *vm, const GError *error, void *opaque)
{
  Card *card = opaque;
  Cards *cards = card->cards;

  if (cards != NULL && vm != NULL)
    {
      card->busy = FALSE;
      stop_waiting (card);
      if (error == NULL)
        card->there = !card->there;
      else
        {
          /* It stays as it is, until something else is wanted. */
          card->wanted = card->there;
          cards->notice (cards->opaque, error->message);
        }
      settle (card);
    }
  card_unref (card);
}

/* The other one of the two requests tells. */
static void
on_pulled (Vm *vm, const GError *error, void *opaque)
{
}

static gboolean
on_no_patience (gpointer data)
{
  Card *card = data;
  Cards *cards = card->cards;
  g_autofree char *sentence = NULL;

  /* A guest that stands can't answer. */
  if (vm_state (cards->board->vm) != VM_STATE_RUNNING)
    return G_SOURCE_CONTINUE;
  g_clear_pointer (&card->patience, g_source_unref);
  sentence = g_strdup_printf ("%s: the guest has not let it go within %u seconds, so it was pulled out",
                              card->id, CARDS_PATIENCE_S);
  g_message ("%s", sentence);
  cards->notice (cards->opaque, sentence);
  board_unplug (cards->board, card->id, TRUE, on_pulled, NULL);
  return G_SOURCE_REMOVE;
}

static void
settle (Card *card)
{
  Board *board = card->cards->board;

  if (card->busy || card->wanted == card->there)
    return;
  card->busy = TRUE;
  if (card->wanted)
    {
      board_plug (board, board->definition, card->id, on_done, card_ref (card));
      return;
    }
  card->patience = g_timeout_source_new_seconds (CARDS_PATIENCE_S);
  g_source_set_callback (card->patience, on_no_patience, card, NULL);
  g_source_attach (card->patience, board->vm->control);
  board_unplug (board, card->id, FALSE, on_done, card_ref (card));
}

static Card *
find_card (Cards *cards, const char *id)
{
  for (guint i = 0; i < cards->list->len; i++)
    {
      Card *card = g_ptr_array_index (cards->list, i);

      if (g_str_equal (card->id, id))
        return card;
    }
  return NULL;
}

gboolean
cards_set_plugged (Cards *cards, const char *id, gboolean plugged, GError **error)
{
  Card *card = find_card (cards, id);

  if (card == NULL)
    {
      g_set_error (
          error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
          "%s is in no slot, so it stays while the machine runs; with %s.slot=1 and the chipset q35 it is in one "
          "from the next start on",
          id, id);
      return FALSE;
    }
  card->wanted = plugged;
  settle (card);
  return TRUE;
}

const char *
cards_state (Cards *cards, const char *id)
{
  const Card *card = find_card (cards, id);

  if (card == NULL)
    return NULL;
  if (!card->busy)
    return card->there ? "yes" : "no";
  return card->there ? "leaving" : "coming";
}

Cards *
cards_new (Board *board, void (*notice) (void *opaque, const char *sentence), void *opaque)
{
  Cards *cards = g_new0 (Cards, 1);

  *cards = (Cards){
    .board = board, .list = g_ptr_array_new_with_free_func (forget_card), .notice = notice, .opaque = opaque
  };
  for (guint i = 0; i < board->nets->len; i++)
    {
      const BoardNet *net = g_ptr_array_index (board->nets, i);
      const MachineDevice *device = definition_find (board->definition, net->id);
      Card *card;

      if (!net->in_slot)
        continue;
      card = g_new0 (Card, 1);
      g_atomic_ref_count_init (&card->refs);
      card->cards = cards;
      card->id = g_strdup (net->id);
      card->wanted = card->there = machine_device_flag (device, "plugged");
      g_ptr_array_add (cards->list, card);
    }
  return cards;
}

void
cards_free (Cards *cards)
{
  if (cards == NULL)
    return;
  g_ptr_array_unref (cards->list);
  g_free (cards);
}
