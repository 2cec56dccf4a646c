/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The state as a function of what is known: a table of rules, and every combination of facts against it.
 */
#include "machine/machine-state.h"

#include <string.h>

/* What a rule asks of a fact: that it be so, not so, or nothing. */
enum
{
  N = 0,
  Y = 1,
  X = -1,
};

typedef struct
{
  int link, silent, start, process, leaving, broken, held, late, crashed, word;
  const char *state, *reason;
  int busy;
} Rule;

#define LINK_NONE VIV_LINK_NONE
#define LINK_UP   VIV_LINK_UP
#define NOT_UP    -2

/* clang-format off */
/* The first that fits. */
static const Rule rules[] = {
  /* link     silent start process leaving broken held late crashed word                state           reason    busy */
  { LINK_UP,  Y,     X,    X,      X,      X,     X,   X,   X,      X,                  "unresponsive", "silent", Y },
  { LINK_UP,  N,     X,    X,      X,      X,     X,   X,   X,      VIV_WORD_NONE,      "starting",     "word",   Y },
  { LINK_UP,  N,     X,    X,      X,      X,     X,   X,   X,      VIV_WORD_STARTING,  "starting",     "word",   Y },
  { LINK_UP,  N,     X,    X,      X,      X,     X,   X,   X,      VIV_WORD_RUNNING,   "running",      "word",   Y },
  { LINK_UP,  N,     X,    X,      X,      X,     X,   X,   X,      VIV_WORD_PAUSED,    "paused",       "word",   Y },
  { LINK_UP,  N,     X,    X,      X,      X,     X,   X,   X,      VIV_WORD_CRASHED,   "crashed",      "word",   Y },
  { LINK_UP,  N,     X,    X,      X,      X,     X,   X,   X,      VIV_WORD_STOPPED,   "starting",     "word",   Y },
  /* A start of ours, of which nothing is heard yet. */
  { NOT_UP,   X,     Y,    X,      X,      X,     X,   X,   X,      X,                  "starting",     "",       Y },
  /* It has closed the connection and lives. */
  { NOT_UP,   Y,     N,    Y,      X,      X,     X,   X,   X,      X,                  "unresponsive", "silent", Y },
  { NOT_UP,   Y,     N,    X,      Y,      X,     X,   X,   X,      X,                  "unresponsive", "silent", Y },
  /* The connection is gone, and the process is about to go: as it was. */
  { NOT_UP,   X,     N,    Y,      X,      X,     X,   X,   X,      VIV_WORD_NONE,      "starting",     "word",   Y },
  { NOT_UP,   X,     N,    Y,      X,      X,     X,   X,   X,      VIV_WORD_STARTING,  "starting",     "word",   Y },
  { NOT_UP,   X,     N,    Y,      X,      X,     X,   X,   X,      VIV_WORD_RUNNING,   "running",      "word",   Y },
  { NOT_UP,   X,     N,    Y,      X,      X,     X,   X,   X,      VIV_WORD_PAUSED,    "paused",       "word",   Y },
  { NOT_UP,   X,     N,    Y,      X,      X,     X,   X,   X,      VIV_WORD_CRASHED,   "crashed",      "word",   Y },
  { NOT_UP,   X,     N,    Y,      X,      X,     X,   X,   X,      VIV_WORD_STOPPED,   "starting",     "word",   Y },
  { NOT_UP,   X,     N,    N,      Y,      X,     X,   X,   X,      VIV_WORD_NONE,      "starting",     "word",   Y },
  { NOT_UP,   X,     N,    N,      Y,      X,     X,   X,   X,      VIV_WORD_STARTING,  "starting",     "word",   Y },
  { NOT_UP,   X,     N,    N,      Y,      X,     X,   X,   X,      VIV_WORD_RUNNING,   "running",      "word",   Y },
  { NOT_UP,   X,     N,    N,      Y,      X,     X,   X,   X,      VIV_WORD_PAUSED,    "paused",       "word",   Y },
  { NOT_UP,   X,     N,    N,      Y,      X,     X,   X,   X,      VIV_WORD_CRASHED,   "crashed",      "word",   Y },
  { NOT_UP,   X,     N,    N,      Y,      X,     X,   X,   X,      VIV_WORD_STOPPED,   "starting",     "word",   Y },
  /* Nothing of ours: the file, then who else has it. */
  { NOT_UP,   X,     N,    N,      N,      Y,     Y,   X,   X,      X,                  "broken",       "broken", Y },
  { NOT_UP,   X,     N,    N,      N,      Y,     N,   X,   X,      X,                  "broken",       "broken", N },
  { NOT_UP,   X,     N,    N,      N,      N,     Y,   N,   X,      X,                  "starting",     "",       Y },
  { NOT_UP,   X,     N,    N,      N,      N,     Y,   Y,   X,      X,                  "unresponsive", "silent", Y },
  /* Nobody: how it ended. */
  { NOT_UP,   X,     N,    N,      N,      N,     N,   X,   Y,      X,                  "crashed",      "end",    N },
  { NOT_UP,   X,     N,    N,      N,      N,     N,   X,   N,      X,                  "off",          "end",    N },
};
/* clang-format on */

static gboolean
fits (int wanted, int is)
{
  return wanted == X || wanted == is;
}

static const Rule *
find (const VivMachineFacts *f)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (rules); i++)
    {
      const Rule *r = &rules[i];
      if ((r->link == NOT_UP ? f->link != VIV_LINK_UP : (VivLinkState)r->link == f->link)
          && fits (r->silent, f->silent) && fits (r->start, f->start) && fits (r->process, f->process)
          && fits (r->leaving, f->leaving) && fits (r->broken, f->broken != NULL) && fits (r->held, f->held)
          && fits (r->late, f->late) && fits (r->crashed, f->crashed) && fits (r->word, (int)f->word))
        return r;
    }
  return NULL;
}

static void
test_all (void)
{
  static const unsigned flags = 8;
  gboolean used[G_N_ELEMENTS (rules)] = { FALSE };
  unsigned n = 0;

  for (int link = VIV_LINK_NONE; link <= VIV_LINK_UP; link++)
    for (int word = VIV_WORD_NONE; word <= VIV_WORD_STOPPED; word++)
      for (unsigned bits = 0; bits < 1u << flags; bits++)
        {
          const VivMachineFacts facts = {
            .link = link,
            .word = word,
            .start = bits & 1,
            .process = bits >> 1 & 1,
            .leaving = bits >> 2 & 1,
            .held = bits >> 3 & 1,
            .late = bits >> 4 & 1,
            .silent = bits >> 5 & 1,
            .crashed = bits >> 6 & 1,
            .broken = bits >> 7 & 1 ? "broken" : NULL,
            .word_why = "word",
            .silent_why = "silent",
            .end_why = "end",
          };
          const Rule *rule = find (&facts);
          const char *reason = NULL;

          g_assert_nonnull (rule);
          used[rule - rules] = TRUE;
          const char *state = viv_machine_state (&facts, &reason);
          if (!g_str_equal (state, rule->state) || !g_str_equal (reason, rule->reason)
              || viv_machine_state_is_busy (&facts) != rule->busy)
            g_error ("link %d word %d bits %x: %s (%s), not %s (%s)", link, word, bits, state, reason,
                     rule->state, rule->reason);
          /* What the rest of the house relies on. */
          if (g_str_equal (state, "off"))
            g_assert_false (viv_machine_state_is_busy (&facts));
          if (g_str_equal (state, "running") || g_str_equal (state, "unresponsive"))
            g_assert_true (viv_machine_state_is_busy (&facts));
          n++;
        }
  g_assert_cmpuint (n, ==, 3 * 6 << flags);
  for (unsigned i = 0; i < G_N_ELEMENTS (rules); i++)
    g_assert_true (used[i]);
}

/* A reason may be missing; it is never NULL. */
static void
test_no_reason (void)
{
  const VivMachineFacts nothing = { 0 };
  const char *reason = NULL;

  g_assert_cmpstr (viv_machine_state (&nothing, &reason), ==, "off");
  g_assert_cmpstr (reason, ==, "");
}

static void
test_words (void)
{
  g_assert_cmpint (viv_monitor_word (NULL), ==, VIV_WORD_NONE);
  g_assert_cmpint (viv_monitor_word (""), ==, VIV_WORD_NONE);
  g_assert_cmpint (viv_monitor_word ("running"), ==, VIV_WORD_RUNNING);
  g_assert_cmpint (viv_monitor_word ("pausing"), ==, VIV_WORD_PAUSED);
  g_assert_cmpint (viv_monitor_word ("paused"), ==, VIV_WORD_PAUSED);
  g_assert_cmpint (viv_monitor_word ("stopped"), ==, VIV_WORD_STOPPED);
  g_assert_cmpint (viv_monitor_word ("on holiday"), ==, VIV_WORD_RUNNING);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/machine-state/all", test_all);
  g_test_add_func ("/machine-state/no-reason", test_no_reason);
  g_test_add_func ("/machine-state/words", test_words);
  return g_test_run ();
}
